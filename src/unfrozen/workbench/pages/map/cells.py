"""Rate maps: what units of the position code do at each place of a world."""

import math

import torch

from unfrozen.hippocampus.cells.maps import consistency, rate_maps
from unfrozen.hippocampus.worlds import batch, named, walk
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.map.schemas import CellsIn, CellsOut, UnitOut
from unfrozen.workbench.pages.map.walking import Walker, places

_PART, _EXPLAINED = 100, 0.5


@torch.no_grad()
def cells(walker: Walker, asked: CellsIn, handle: Handle) -> CellsOut:
    """Watch units over a walk at random in the world of another walk.

    Codes are driven by actions alone here, as nobody mends them: what place explains of a unit is
    the model's own doing.

    Args:
        walker: whose world it is.
        asked: steps, and how many units are shown: those that place explains,
            each as unlike the others as can be found.
        handle: of the job.
    """
    world, model = walker.world, walker.map.model
    generator = torch.Generator().manual_seed(walker.asked.seed + 2)
    symbols = torch.tensor([walker.symbols])
    path = walk(batch([world]), symbols, asked.steps, generator, named(walker.asked.family).walk)
    at, actions = path.places[0], path.actions[0].tolist()
    code, seen, found = model.positions.start(1), [], None
    for t, action in enumerate(actions):
        if t:
            code = model.positions.step(code, torch.tensor([action]))
        seen.append(code[0])
        if (t + 1) % _PART == 0 or t + 1 == len(actions):
            handle.report("Walking", t + 1, len(actions))
            found = _told(walker, torch.stack(seen), at[: t + 1], asked.units)
            handle.publish(found.model_dump(mode="json"))
    assert found is not None
    return found


def _told(walker: Walker, activity: torch.Tensor, at: torch.Tensor, units: int) -> CellsOut:
    world = walker.world
    maps = rate_maps(activity, at, world.n_places)
    share = consistency(activity, at, world.n_places)
    explained = torch.nonzero(share > _EXPLAINED)[:, 0].tolist()
    chosen = _unlike(maps.rates, explained, units)
    return CellsOut(
        steps=len(at),
        of=len(share),
        explained=len(explained),
        places=places(world, walker.symbols),
        units=[
            UnitOut(
                unit=unit,
                consistency=_number(float(share[unit])),
                rates=[_number(rate) for rate in maps.rates[unit].tolist()],
            )
            for unit in chosen
        ],
    )


def _unlike(rates: torch.Tensor, among: list[int], units: int) -> list[int]:
    """Units of some, each with a map as unlike those before it as can be found."""
    known = rates.isfinite().all(0)
    maps = rates[among][:, known]
    maps = maps - maps.mean(1, keepdim=True)
    length = maps.norm(dim=1)
    maps = maps / length.clamp(min=1e-9)[:, None]
    chosen, likeness = list[int](), torch.full((len(among),), -1.0)
    while len(chosen) < min(units, len(among)):
        row = int(length.argmax() if not chosen else likeness.argmin())
        chosen.append(row)
        likeness = torch.maximum(likeness, (maps @ maps[row]).abs())
        likeness[chosen] = 2.0
    return [among[row] for row in chosen]


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
