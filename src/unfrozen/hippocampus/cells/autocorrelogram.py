"""Spatial autocorrelograms: how alike a map is to itself, shifted by every lag.

Where a map repeats, its autocorrelogram has peaks.  Worlds that are no square raster, like
hexagonal ones, are drawn on one first.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError

FEWEST = 20
"""Overlapping bins that a lag needs (Sargolini et al. 2006, supporting methods)."""

# Edges of triangles that are longer than this many spacings bridge a gap in the world.
_REACH = 1.6


class Raster(NamedTuple):
    """Maps on square bins.

    Attributes:
        maps: rows along y, lowest first; NaN outside of the world.
        pixel: side of a bin, in the unit of the coordinates.
        corner: x and y of the centre of the first bin.
    """

    maps: Float[Tensor, "unit row column"]
    pixel: float
    corner: tuple[float, float]


def autocorrelogram(
    maps: Float[Tensor, "unit row column"], fewest: int = FEWEST
) -> Float[Tensor, "unit lag_row lag_column"]:
    """Pearson's correlation of each map with itself at every lag, over the bins known in both.

    Args:
        maps: NaN where nobody ever was.
        fewest: bins that have to overlap.

    Returns:
        [unit, 2 row - 1, 2 column - 1], lag 0 in the middle; NaN where fewer bins overlap, or
        where they have no variance.

    Raises:
        MapError: the maps have another shape, or fewer than two overlapping bins are asked for.

    Source: Sargolini et al. 2006, supporting methods; Hafting et al. 2005.
    """
    if maps.ndim != 3 or maps.numel() == 0:
        raise MapError(
            f"an autocorrelogram takes maps [unit, row, column], not {tuple(maps.shape)}"
        )
    if fewest < 2:
        raise MapError(f"a correlation takes two overlapping bins or more, not {fewest}")
    rows, columns = maps.shape[1:]
    known = maps.isfinite()
    count = known.sum((1, 2), keepdim=True).clamp(min=1)
    x = torch.where(known, maps, 0)
    size = x.abs().amax((1, 2), keepdim=True)
    x = torch.where(known, x - x.sum((1, 2), keepdim=True) / count, 0)
    scale = (x.square().sum((1, 2), keepdim=True) / count).sqrt()
    eps = torch.finfo(maps.dtype).eps
    # Rates of one variance lose the same to rounding, however large they are.
    x = torch.where(scale > 10 * eps * size, x / scale, 0)
    # The same visits for all units are transformed once.
    visits = known[:1] if bool((known == known[:1]).all()) else known
    shape = (2 * rows - 1, 2 * columns - 1)
    fx, fxx, fv = (torch.fft.rfft2(m, s=shape) for m in (x, x * x, visits.to(x.dtype)))
    n = _lags(fv * fv.conj(), shape).round()
    products = _lags(fx * fx.conj(), shape)
    sums, squares = (_lags(f * fv.conj(), shape) for f in (fx, fxx))
    enough = n >= fewest
    n = n.clamp(min=1)
    variance = squares - sums * sums / n
    covariance = products - sums * sums.flip(1, 2) / n
    # Transforms leave rounding where there is no variance at all.
    noise = 20 * eps * count
    known = enough & (variance > noise) & (variance.flip(1, 2) > noise)
    r = covariance / (variance * variance.flip(1, 2)).sqrt()
    return torch.where(known, r.clamp(-1, 1), math.nan)


def _lags(spectrum: Tensor, shape: tuple[int, int]) -> Tensor:
    return torch.fft.fftshift(torch.fft.irfft2(spectrum, s=shape), dim=(-2, -1))


def raster(
    rates: Float[Tensor, "unit place"],
    coordinates: Float[Tensor, "place 2"],
    pixel: float | None = None,
) -> Raster:
    """Maps of a world of places, drawn on square bins.

    Places on a square lattice become the bins themselves.  Others are joined by triangles
    (Delaunay), between whose corners rates are interpolated linearly.

    Args:
        rates: NaN where nobody ever was; so are bins that would need such a rate.
        coordinates: x and y of each place.
        pixel: side of a bin.  By default the distance of neighbours on a square lattice, and half
            of it elsewhere.

    Raises:
        MapError: the shapes differ, two places are at one point, all places are on a line that
            is not along x or y, or the pixel is not positive.
    """
    if rates.ndim != 2 or coordinates.shape != (rates.shape[1], 2) or len(coordinates) < 2:
        raise MapError(
            f"rates [unit, place] of shape {tuple(rates.shape)} take coordinates [place, 2], not "
            f"{tuple(coordinates.shape)}"
        )
    if pixel is not None and not 0 < pixel < math.inf:
        raise MapError(f"the side of a bin is positive and finite, not {pixel}")
    coordinates = coordinates.to(rates.dtype)
    spacing = neighbour_distance(coordinates)
    low = coordinates.amin(0)
    corner = (float(low[0]), float(low[1]))
    steps = (coordinates - low) / spacing
    if pixel is None and bool(((steps - steps.round()).abs() < 1e-3).all()):
        at = steps.round().long()
        columns, rows = (int(n) + 1 for n in at.amax(0))
        maps = rates.new_full((len(rates), rows, columns), math.nan)
        maps[:, at[:, 1], at[:, 0]] = rates
        return Raster(maps, spacing, corner)
    pixel = spacing / 2 if pixel is None else pixel
    columns, rows = (int(n) + 1 for n in ((coordinates.amax(0) - low) / pixel + 1e-4).floor())
    y, x = torch.meshgrid(
        torch.arange(rows, device=rates.device, dtype=rates.dtype),
        torch.arange(columns, device=rates.device, dtype=rates.dtype),
        indexing="ij",
    )
    points = torch.stack([x, y], -1).reshape(-1, 2) * pixel + low
    weights = _barycentric(points, coordinates, spacing)
    outside = weights.sum(1) == 0
    unknown = rates.isnan()
    maps = torch.where(unknown, 0, rates) @ weights.T
    missing = (unknown.to(rates.dtype) @ weights.T) > 1e-4
    maps = torch.where(missing | outside, math.nan, maps)
    return Raster(maps.reshape(len(rates), rows, columns), float(pixel), corner)


def neighbour_distance(coordinates: Float[Tensor, "place 2"]) -> float:
    """The median distance of a place from its nearest neighbour.

    Raises:
        MapError: two places are at one point, or there are fewer than two.
    """
    if len(coordinates) < 2:
        raise MapError("a place has no neighbour where it is the only one")
    apart = torch.cdist(coordinates, coordinates, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = apart.fill_diagonal_(math.inf).amin(1)
    if not bool((nearest > 0).all()):
        raise MapError("two places have the same coordinates, or one has none")
    return float(nearest.median())


def _barycentric(points: Tensor, coordinates: Tensor, spacing: float) -> Tensor:
    """How much each place counts at each point [point, place]; nothing outside the triangles."""
    corners = _triangles(coordinates)
    vertices = coordinates[corners]
    edges = vertices - vertices.roll(1, 1)
    corners = corners[edges.norm(dim=-1).amax(1) <= _REACH * spacing]
    a, b, c = coordinates[corners].unbind(1)
    # Solve point = a + s (b - a) + t (c - a) for every point and triangle.
    u, v = b - a, c - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    w = points[:, None] - a
    s = (w[..., 0] * v[:, 1] - w[..., 1] * v[:, 0]) / area
    t = (u[:, 0] * w[..., 1] - u[:, 1] * w[..., 0]) / area
    shares = torch.stack([1 - s - t, s, t], -1)
    inside = (shares > -1e-4).all(-1)
    weights = points.new_zeros(len(points), len(coordinates))
    if len(corners) == 0:
        return weights
    hit = inside.any(1).nonzero().squeeze(1)
    first = inside[hit].to(torch.uint8).argmax(1)
    found = shares[hit, first].clamp(min=0)
    weights[hit] = weights[hit].scatter_add(1, corners[first], found)
    return weights / weights.sum(1, keepdim=True).clamp(min=1e-12)


def _triangles(coordinates: Tensor) -> Tensor:
    from matplotlib.tri import Triangulation

    x, y = coordinates.detach().cpu().double().numpy().T
    try:
        found = Triangulation(x, y).triangles
    except (RuntimeError, ValueError):
        raise MapError("places on a line have no area to draw a map on") from None
    return torch.from_numpy(found).to(coordinates.device, torch.long)
