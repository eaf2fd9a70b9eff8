"""Remapping: what of the relations among cells is kept from one environment to another.

Place cells move when the environment changes.  If grid cells anchor them, a place cell moves to
where the same grid cells are active: the rate of a grid cell at a place cell's peak is kept (grid
at place).  Every measure stands beside permutations that break just what it measures.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import neighbour_distance
from unfrozen.hippocampus.cells.maps import correlation

PERMUTATIONS = 5000
"""Of the null (Whittington et al. 2020, STAR Methods)."""

WALL = 0.1
"""Share of a side within which a peak is at the wall (Whittington et al. 2020, STAR Methods)."""

_CHUNK = 2**22


class Environment(NamedTuple):
    """Maps of the same cells in one environment.

    Attributes:
        places: rates of place cells; NaN where nobody ever was.
        grids: rates of grid cells, at the same locations.
        coordinates: x and y of each location.
    """

    places: Float[Tensor, "place_cell location"]
    grids: Float[Tensor, "grid_cell location"]
    coordinates: Float[Tensor, "location 2"]


class Correlation(NamedTuple):
    """A correlation between two environments, beside its permutations.

    Attributes:
        r: Pearson's correlation over pairs; NaN of fewer than three.
        mean: of the permutations.
        sd: of the permutations.
        z: (r - mean) / sd.
        p: (k + 1) / (n + 1), where k of n permutations are as high or higher.
        pairs: how many.
        first: what is correlated, in the first environment.
        second: the same in the second.
    """

    r: float
    mean: float
    sd: float
    z: float
    p: float
    pairs: int
    first: Float[Tensor, " pair"]
    second: Float[Tensor, " pair"]


def grid_at_place(
    first: Environment,
    second: Environment,
    *,
    generator: torch.Generator,
    permutations: int = PERMUTATIONS,
    wall: float = WALL,
    groups: tuple[Int[Tensor, " place_cell"], Int[Tensor, " grid_cell"]] | None = None,
) -> Correlation:
    """Whether grid cells are as active at place cells' peaks in another environment.

    Over pairs of a place cell and a grid cell: the grid cell's rate at the place cell's peak in the
    first environment, against that in the second.  The permutations exchange the peaks of place
    cells in the second.

    Args:
        first: maps in one environment.
        second: maps of the same cells in another.
        generator: of the permutations.
        permutations: how many.
        wall: place cells with a peak nearer to a wall than this share of the side, in either
            environment, are left out.
        groups: of each place cell and of each grid cell, the animal or session that it is from;
            only cells of one group are paired, and only their peaks are exchanged.

    Raises:
        MapError: the environments do not have the same cells, or the shapes or numbers make no
            sense.

    Source: Whittington et al. 2020, STAR Methods ("gridAtPlace").
    """
    _check_environments(first, second)
    maps = (first.grids, second.grids)
    return _at_peaks((first, second), maps, generator, permutations, wall, groups)


def minimum_distance(
    first: Environment,
    second: Environment,
    scales: Float[Tensor, " grid_cell"],
    *,
    generator: torch.Generator,
    permutations: int = PERMUTATIONS,
    wall: float = WALL,
    groups: tuple[Int[Tensor, " place_cell"], Int[Tensor, " grid_cell"]] | None = None,
) -> Correlation:
    """Whether place cells' peaks are as far from a grid cell's nearest peak in another environment.

    As `grid_at_place`, with the distance to the nearest field's peak, by the grid cell's scale, in
    place of its rate.

    Args:
        first: maps in one environment.
        second: maps of the same cells in another.
        scales: spacing of each grid cell's fields, in the unit of the coordinates; NaN leaves the
            cell out.
        generator: of the permutations.
        permutations: how many.
        wall: as for `grid_at_place`.
        groups: as for `grid_at_place`.

    Raises:
        MapError: as for `grid_at_place`.

    Source: Whittington et al. 2020, STAR Methods ("minDist").
    """
    _check_environments(first, second)
    if scales.shape != first.grids.shape[:1]:
        raise MapError(f"{len(first.grids)} grid cells take a scale each, not {len(scales)}")
    far = [_to_nearest_peak(e.grids, e.coordinates) / scales[:, None] for e in (first, second)]
    maps = (far[0], far[1])
    return _at_peaks((first, second), maps, generator, permutations, wall, groups)


def structure(
    first: Float[Tensor, "cell location1"],
    second: Float[Tensor, "cell location2"],
    *,
    generator: torch.Generator,
    permutations: int = PERMUTATIONS,
) -> Correlation:
    """Whether cells whose maps are alike in one environment are alike in another.

    Over pairs of cells: the correlation of their maps in the first environment, against that in
    the second.  Of grid cells of one module it is kept, of place cells it is not.

    Args:
        first: maps in one environment; NaN where nobody ever was.
        second: maps of the same cells in another, which may have other locations.
        generator: of the permutations.
        permutations: of the cells in the second environment.

    Raises:
        MapError: the environments do not have the same cells, three or more.

    Source: Whittington et al. 2020, STAR Methods; Mantel 1967 for the permutations.
    """
    alike = [_alike(maps) for maps in (first, second)]
    return _mantel(alike[0], alike[1], generator, permutations)


def _alike(maps: Tensor) -> Float[Tensor, "cell cell"]:
    cells, locations = maps.shape
    rows, columns = (m.expand(cells, cells, locations) for m in (maps[:, None], maps[None]))
    return correlation(rows, columns)


def peak_distances(
    first: Environment,
    second: Environment,
    *,
    generator: torch.Generator,
    permutations: int = PERMUTATIONS,
    wall: float = WALL,
) -> Correlation:
    """Whether place cells whose peaks are near in one environment are near in another.

    Args:
        first: maps in one environment.
        second: maps of the same cells in another.
        generator: of the permutations.
        permutations: of the cells in the second environment.
        wall: as for `grid_at_place`.

    Raises:
        MapError: as for `grid_at_place`; or fewer than three place cells are left.

    Source: Whittington et al. 2020, STAR Methods.
    """
    _check_environments(first, second)
    peaks = [peak_places(e.places, e.coordinates, wall) for e in (first, second)]
    both = peaks[0].kept & peaks[1].kept
    apart = []
    for environment, peak in zip((first, second), peaks, strict=True):
        at = environment.coordinates[peak.location[both]]
        apart.append((at[:, None] - at[None]).norm(dim=-1))
    return _mantel(apart[0], apart[1], generator, permutations)


class Peak(NamedTuple):
    """Where place cells have their peaks.

    Attributes:
        location: of the highest rate; 0 of cells without one.
        kept: whether there is one, and it is not at a wall.
    """

    location: Int[Tensor, " cell"]
    kept: Bool[Tensor, " cell"]


def peak_places(
    rates: Float[Tensor, "cell location"],
    coordinates: Float[Tensor, "location 2"],
    wall: float = WALL,
) -> Peak:
    """The location of each cell's highest rate, and whether it counts.

    Args:
        rates: NaN where nobody ever was.
        coordinates: x and y of each location; the walls are about all of them.
        wall: share of a side within which a peak does not count, from 0 to below a half.

    Raises:
        MapError: the wall makes no sense.
    """
    if not 0 <= wall < 0.5:
        raise MapError(f"a share of a side is from 0 to below a half, not {wall}")
    filled = rates.nan_to_num(nan=-math.inf)
    location = filled.argmax(1)
    # Where all rates are the same, the first is no peak.
    peaked = filled.amax(1) > torch.where(rates.isfinite(), rates, math.inf).amin(1)
    low, high = coordinates.amin(0), coordinates.amax(0)
    margin = wall * (high - low) * (1 - 1e-5)
    inside = ((coordinates >= low + margin) & (coordinates <= high - margin)).all(1)
    return Peak(location, peaked & inside[location])


def _check_environments(first: Environment, second: Environment) -> None:
    for environment in (first, second):
        n = len(environment.coordinates)
        if (
            environment.coordinates.shape != (n, 2)
            or environment.places.shape[1:] != (n,)
            or environment.grids.shape[1:] != (n,)
        ):
            raise MapError(
                "an environment has rates [cell, location] and coordinates [location, 2]"
            )
    if len(first.places) != len(second.places) or len(first.grids) != len(second.grids):
        raise MapError("two environments are compared by the same cells in the same order")


def _at_peaks(
    environments: tuple[Environment, Environment],
    maps: tuple[Tensor, Tensor],
    generator: torch.Generator,
    permutations: int,
    wall: float,
    groups: tuple[Tensor, Tensor] | None,
) -> Correlation:
    """Maps of grid cells at the peaks of place cells, from environment to environment."""
    _check_permutations(permutations)
    peaks = [peak_places(e.places, e.coordinates, wall) for e in environments]
    kept = peaks[0].kept & peaks[1].kept
    a, b = (m[:, peak.location[kept]].T for m, peak in zip(maps, peaks, strict=True))
    group, others = (torch.zeros(n, dtype=torch.long) for n in a.shape)
    if groups is not None:
        if groups[0].shape != kept.shape or groups[1].shape != maps[0].shape[:1]:
            raise MapError("every place cell and every grid cell has one group")
        group, others = groups[0].cpu()[kept.cpu()], groups[1].cpu()
    # A grid cell with no rate anywhere is in no pair.
    real = maps[0].isfinite().any(1) & maps[1].isfinite().any(1)
    used = (group[:, None] == others).to(a.device) & real
    # A place cell whose peak has no rate of one of its grid cells would change what is permuted.
    complete = ((a.isfinite() & b.isfinite()) | ~used).all(1)
    a, b, used, group = a[complete], b[complete], used[complete], group[complete.cpu()]
    x, y = a[used], b[used]
    pairs = len(x)
    # Filled with the mean, cells that are not paired count for nothing in a product.
    a, b = (torch.where(used, m - v.mean(), 0) for m, v in ((a, x), (b, y)))
    scale = (a.square().sum() * b.square().sum()).sqrt()
    products = a @ b.T
    cells = torch.arange(len(a))
    null = []
    # Sorted by group and then by chance, groups stay where they are and are mixed within.
    rank = torch.unique(group, return_inverse=True)[1]
    by_group = rank.argsort(stable=True)
    for start in range(0, permutations, _rows(len(a))):
        n = min(_rows(len(a)), permutations - start)
        mixed = (_chance(n, len(a), generator) + rank).argsort(1)
        permutation = torch.empty_like(mixed)
        permutation[:, by_group] = mixed
        null.append(products[cells, permutation.to(products.device)].sum(1))
    r = products.diagonal().sum() / scale
    return _correlation(r, torch.cat(null) / scale, x, y, pairs)


def _chance(n: int, cells: int, generator: torch.Generator) -> Tensor:
    # In float32, two of some thousand cells would now and then be drawn alike.
    shape = {"generator": generator, "device": generator.device, "dtype": torch.float64}
    return torch.rand(n, cells, **shape).cpu()


def _rows(cells: int) -> int:
    return max(1, _CHUNK // max(1, cells))


def _mantel(
    first: Tensor, second: Tensor, generator: torch.Generator, permutations: int
) -> Correlation:
    """The correlation of two matrices over pairs of cells, beside permutations of the cells."""
    _check_permutations(permutations)
    if first.shape != second.shape or len(first) < 3:
        raise MapError("structure takes the same cells in both environments, three or more")
    # A cell that is alike to no other in either has no map.
    off = ~torch.eye(len(first), dtype=torch.bool, device=first.device)
    known = [(m.isfinite() & off).any(1) for m in (first, second)]
    kept = known[0] & known[1]
    first, second = first[kept][:, kept], second[kept][:, kept]
    cells = len(first)
    above = torch.triu(torch.ones(cells, cells, dtype=torch.bool, device=first.device), 1)
    x, y = first[above], second[above]
    if not bool(x.isfinite().all()) or not bool(y.isfinite().all()):
        raise MapError("two cells are known at no common location: leave one of them out")
    a = torch.where(above, first - x.mean(), 0)
    b = torch.where(above | above.T, second - y.mean(), 0)
    scale = ((x - x.mean()).square().sum() * (y - y.mean()).square().sum()).sqrt()
    rows = max(1, _CHUNK // max(1, cells * cells))
    null = []
    for start in range(0, permutations, rows):
        n = min(rows, permutations - start)
        mixed = _chance(n, cells, generator).argsort(1).to(b.device)
        null.append((a * b[mixed[:, :, None], mixed[:, None, :]]).sum((1, 2)))
    return _correlation((a * b).sum() / scale, torch.cat(null) / scale, x, y, len(x))


def _correlation(r: Tensor, null: Tensor, first: Tensor, second: Tensor, n: int) -> Correlation:
    if n < 3 or not bool(r.isfinite()):
        nan = math.nan
        return Correlation(nan, nan, nan, nan, nan, n, first, second)
    mean, sd = float(null.mean()), float(null.std())
    # Permutations that change nothing differ by a rounding.
    higher = int((null >= r - 10 * torch.finfo(null.dtype).eps).sum())
    z = (float(r) - mean) / sd if sd > 0 else math.nan
    return Correlation(float(r), mean, sd, z, (higher + 1) / (len(null) + 1), n, first, second)


def _check_permutations(permutations: int) -> None:
    if permutations < 2:
        raise MapError(f"a null takes two permutations or more, not {permutations}")


def _to_nearest_peak(rates: Tensor, coordinates: Tensor) -> Tensor:
    """How far each location is from the nearest peak of each cell; infinite without a peak."""
    at = coordinates.to(rates.dtype)
    apart = torch.cdist(at, at, compute_mode="donot_use_mm_for_euclid_dist")
    # On a square lattice, the corner neighbours are at the root of two.
    near = (apart <= 1.5 * neighbour_distance(at)) & (apart > 0)
    filled = rates.nan_to_num(nan=-math.inf)
    found = []
    for rate in filled:
        highest = torch.where(near, rate, -math.inf).amax(1)
        peak = (rate >= highest) & (rate > rate[rate.isfinite()].mean())
        found.append(torch.where(peak, apart, math.inf).amin(1))
    return torch.where(rates.isfinite(), torch.stack(found), math.nan)
