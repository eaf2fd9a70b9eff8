"""What the units of a trained TEM-transformer are: bands, grids, places, and how they remap."""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.hippocampus.cells.autocorrelogram import autocorrelogram, raster
from unfrozen.hippocampus.cells.controls import against, smoothed_noise
from unfrozen.hippocampus.cells.grids import grid_scores
from unfrozen.hippocampus.cells.maps import consistency, rate_maps
from unfrozen.hippocampus.cells.plots import rate_map_sheet
from unfrozen.hippocampus.cells.remapping import (
    Environment,
    grid_at_place,
    peak_distances,
    structure,
)
from unfrozen.hippocampus.cells.scores import place_fields, plane_waves
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.hippocampus.worlds import (
    Walk,
    WalkSettings,
    World,
    batch,
    draw_symbols,
    novelty,
    rectangle,
    walk,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Of the variance of the most active unit; a unit below is silent.
_SILENT = 1e-2
# A wide arena shows more of a wave; two of the size that was trained on are remapped between.
_WIDE, _REMAPPED = 15, 11
_WALK = WalkSettings(straight=0.5)
_BEYOND = 99.0


class Sizes(NamedTuple):
    """How much is looked at.

    Attributes:
        walks: that maps are made of.
        steps: of each.
        draws: of each control.
        places: place cells that are compared between environments.
    """

    walks: int = 48
    steps: int = 200
    draws: int = 200
    places: int = 1000


_SIZES = Sizes()


def cells(model: TemT, untrained: TemT, seed: int, sizes: Sizes | None = None) -> dict[str, Any]:
    """Shares of units of each kind, beside controls and a model that was not trained.

    Args:
        model: trained on squares.
        untrained: the same before.
        seed: of walks and controls.
        sizes: how much is looked at.

    Returns:
        Numbers by name, those of the untrained model after ``untrained_``: ``consistent``, median
        share of a unit's variance that place explains; ``periodic``, share of units whose best
        plane wave explains more than the 99th percentile of smoothed noise does, and
        ``wavelength``, their median; ``hexagonal`` and ``square``, the same of grid scores, and
        the highest; ``one_field``, share of memories with a single place field, and ``at_place``,
        attention on memories of the place asked; ``grid_at_place``, ``grid_structure`` and
        ``place_structure``, correlations between two environments, with the mean, deviation and p
        of their permutations.
    """
    found: dict[str, Any] = {}
    sizes = sizes or _SIZES
    for name, one in (("", model), ("untrained_", untrained)):
        generator = torch.Generator().manual_seed(seed)
        found |= {name + key: value for key, value in _codes(one, generator, sizes).items()}
        generator = torch.Generator().manual_seed(seed + 1)
        between = _memories(one, generator, sizes) | _remapped(one, generator, sizes)
        found |= {name + key: value for key, value in between.items()}
    return found


def sheet(model: TemT, seed: int, units: int = 32, sizes: Sizes | None = None) -> "Picture":
    """Rate maps of the first units in a wide square."""
    world = rectangle(_WIDE)
    maps, _ = _maps(model, world, torch.Generator().manual_seed(seed), sizes or _SIZES)
    return rate_map_sheet(maps[:units], _at(world), columns=8)


def _at(world: World) -> Float[Tensor, "place 2"]:
    assert world.coordinates is not None
    return world.coordinates.float()


@torch.no_grad()
def _maps(
    model: TemT, world: World, generator: torch.Generator, sizes: Sizes
) -> tuple[Float[Tensor, "unit place"], Float[Tensor, " unit"]]:
    """Maps of codes on walks that all begin at the centre, and how much place explains."""
    worlds = batch([world] * sizes.walks)
    at = _at(world)
    centre = int((at - at.mean(0)).square().sum(1).argmin())
    symbols = draw_symbols(worlds, model.settings.n_symbols, generator)
    start = torch.full((sizes.walks,), centre)
    path = walk(worlds, symbols, sizes.steps, generator, _WALK, start)
    units = _units(model, path)
    place = path.places.flatten()
    return (
        rate_maps(units, place, world.n_places).rates,
        consistency(units, place, world.n_places, adjusted=True),
    )


def _units(model: TemT, path: Walk) -> Float[Tensor, "step unit"]:
    """Keys along walks, without what is no part of them: units that were learnt to be silent."""
    keys = model.key(model.positions.along(path.actions)).flatten(0, 1)
    spread = keys.var(0)
    return keys[:, spread >= _SILENT * spread.max()]


def _codes(model: TemT, generator: torch.Generator, sizes: Sizes) -> dict[str, Any]:
    world = rectangle(_WIDE)
    at = _at(world)
    maps, explained = _maps(model, world, generator, sizes)
    control = smoothed_noise(maps, at)

    def wave(drawn: Tensor) -> Tensor:
        return plane_waves(raster(drawn, at).maps).share

    def beyond(percentile: Tensor) -> Bool[Tensor, " unit"]:
        return percentile >= _BEYOND

    periodic = against(wave, maps, control, sizes.draws, generator=generator)
    lengths = plane_waves(raster(maps, at).maps).wavelength[beyond(periodic.percentile)]
    found = {
        "consistent": float(explained.nanmedian()),
        "periodic": float(beyond(periodic.percentile).float().mean()),
        "wavelength": float(lengths.median()) if len(lengths) else None,
    }
    for angle in ("hexagonal", "square"):

        def score(drawn: Tensor, angle: str = angle) -> Tensor:
            return getattr(grid_scores(autocorrelogram(raster(drawn, at).maps)), angle)

        verdict = against(score, maps, control, sizes.draws, generator=generator)
        found[angle] = float(beyond(verdict.percentile).float().mean())
        known = verdict.score[verdict.score.isfinite()]
        found[f"highest_{angle}"] = float(known.max()) if len(known) else None
    return found


def _walks(model: TemT, generator: torch.Generator, walks: int, steps: int) -> tuple[World, Walk]:
    world = rectangle(_REMAPPED)
    worlds = batch([world] * walks)
    symbols = draw_symbols(worlds, model.settings.n_symbols, generator)
    return world, walk(worlds, symbols, steps, generator, _WALK)


@torch.no_grad()
def _memories(model: TemT, generator: torch.Generator, sizes: Sizes) -> dict[str, Any]:
    """Where each memory is active: its weight at every later step of its walk."""
    world, path = _walks(model, generator, 4, 3 * sizes.steps)
    weights = model(path.symbols, path.actions).weights
    same = path.places[:, :, None] == path.places[:, None, :]
    known = novelty(path).known
    at_place = (weights * same).sum(-1)[known].mean()
    single = []
    for active, places in zip(weights, path.places, strict=True):
        # Of the first third, which the rest of the walk has passed many times.
        early = active[sizes.steps :, : sizes.steps]
        maps = rate_maps(early, places[sizes.steps :], world.n_places).rates
        fields = place_fields(maps.clamp(min=0), world.neighbours)
        asked = maps.nan_to_num(nan=0.0).amax(1) > _LEAST
        single.append((fields.number == 1)[asked])
    return {"at_place": float(at_place), "one_field": float(torch.cat(single).float().mean())}


# A memory that is never given more weight than this was never asked.
_LEAST = 1e-2


@torch.no_grad()
def _remapped(model: TemT, generator: torch.Generator, sizes: Sizes) -> dict[str, Any]:
    """Conjunctive cells, a unit of the code at one symbol, in two environments.

    Half of the units make conjunctive cells, the other half are what these are compared with: no
    unit stands beside a cell that it made, whose peak is where it is active itself.
    """
    world = rectangle(_REMAPPED)
    symbols = model.settings.n_symbols
    paths = []
    for _ in range(2):
        worlds = batch([world])
        seen = draw_symbols(worlds, symbols, generator)
        start = torch.randint(world.n_places, (1,), generator=generator)
        paths.append(walk(worlds, seen, 30 * sizes.steps, generator, _WALK, start))
    keys = _units(model, Walk(*(torch.cat(part) for part in zip(*paths, strict=True))))
    maps = [
        rate_maps(part, path.places[0], world.n_places).rates
        for part, path in zip(keys.chunk(2), paths, strict=True)
    ]
    drawn = torch.randperm(keys.shape[1], generator=generator)
    makers, beside = drawn.tensor_split(2)
    pairs = torch.randperm(len(makers) * symbols, generator=generator)[: sizes.places]
    both = []
    for rates, path in zip(maps, paths, strict=True):
        seen = torch.full((world.n_places,), -1).scatter(0, path.places[0], path.symbols[0])
        here = seen[None] == (pairs % symbols)[:, None]
        active = torch.where(here, rates[makers[pairs // symbols]].clamp(min=0), 0)
        both.append(Environment(active, rates[beside], _at(world)))
    compared = {
        "grid_at_place": grid_at_place(*both, generator=generator, permutations=1000),
        "grid_structure": structure(
            both[0].grids, both[1].grids, generator=generator, permutations=1000
        ),
        "place_structure": peak_distances(*both, generator=generator, permutations=1000),
    }
    return {
        name: {part: getattr(one, part) for part in ("r", "mean", "sd", "p", "pairs")}
        for name, one in compared.items()
    }
