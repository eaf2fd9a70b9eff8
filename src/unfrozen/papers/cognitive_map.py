"""Cognitive maps: ways to places through steps never taken, and worlds known again."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import networkx as nx
import torch
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cognitive_map import CognitiveMap, Route
from unfrozen.hippocampus.presets import trainer, training_of
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.hippocampus.worlds import (
    N_SYMBOLS,
    Walk,
    WalkSettings,
    World,
    batch,
    draw_symbols,
    rectangle,
    walk,
)
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.maps import train
from unfrozen.papers.running.context import RunContext

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

ROUTES = ClaimSpec(
    "map.routes",
    "In new worlds, 60 % of whose edges were walked, ways to what was seen elsewhere that lead "
    "there",
    None,
    "share",
)
RECOGNISED = ClaimSpec(
    "map.recognised",
    "The third of ten worlds is known again within five steps",
    None,
    "share",
)
_MODEL = "tem-t-rotary"
_WIDTH, _SHARE, _AHEAD = 8, 0.6, 5
_GOOD, _SHORT, _KNOWN = 0.97, 0.8, 0.9
_WALK = WalkSettings(straight=0.5)
_LONGEST = 2000
# Settings were chosen on the first seeds.
_FIRST = 100


@dataclass(frozen=True)
class _Budget:
    worlds: int
    asked: int
    tens: int
    seeds: int


_BUDGETS = {"full": _Budget(100, 5, 20, 5), "quick": _Budget(5, 3, 1, 1)}


class CognitiveMapPaper:
    """Walks part of new worlds, and asks for ways; comes back to worlds walked before."""

    name = "cognitive-map"
    title = "Cognitive maps: ways never walked, and worlds known again"
    citation = (
        "After Tolman 1948 and Whittington et al. 2022; the map itself is this project's, no paper "
        "gives these figures."
    )
    summary = (
        "A TEM-transformer is trained on squares of 8 to 11.  A map that stands on it walks new "
        "worlds of 8 by 8 until 60 % of their edges were walked, and is asked for the way to "
        "observations that it saw and does not see where it is.  A way counts if its actions lead "
        "to a place that looks as asked, as shortest if no way through the world is shorter to a "
        "place that the walk saw.  Then it walks ten worlds in turn and begins again in the third, "
        "at a place it has seen."
    )
    claims = (ROUTES, RECOGNISED)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        first = seed + _FIRST
        seeds = {str(s): s for s in range(first, first + size.seeds)}
        found = context.checkpoint(
            "seeds", {"size": size}, seeds, lambda s: _measure(context, s, size), sample=None
        )
        return Outcome(
            claims=_claims(list(found.values()), budget == "full"),
            figures=(
                Figure(
                    "Known again",
                    _picture(list(found.values())),
                    "How many steps the map takes to decide which world it is in.",
                ),
            ),
            tables=(_table(found),),
        )


EXPERIMENT = CognitiveMapPaper()


def _measure(context: RunContext, seed: int, size: _Budget) -> dict[str, Any]:
    runner = trainer(_MODEL, replace(training_of(_MODEL), seed=seed))
    train(context, runner, f"{_MODEL}, seed {seed}")
    model = runner.model
    assert isinstance(model, TemT)
    generator = torch.Generator().manual_seed(seed + 90_001)
    asked = [one for _ in range(size.worlds) for one in _routes(model, generator, size.asked)]
    back = [_return(model, generator) for _ in range(size.tens)]
    return {
        "seconds": runner.progress.seconds,
        "reached": statistics.fmean(one["reached"] for one in asked),
        "shortest": statistics.fmean(one["shortest"] for one in asked),
        "unwalked": statistics.fmean(one["unwalked"] for one in asked),
        "reached_unwalked": _mean(one["reached"] for one in asked if one["unwalked"]),
        "asked": len(asked),
        "recognised": statistics.fmean(one["right"] for one in back),
        "steps": [one["steps"] for one in back],
        "kept_apart": statistics.fmean(one["apart"] for one in back),
    }


def _routes(model: TemT, generator: torch.Generator, number: int) -> list[dict[str, bool]]:
    """Walk a new world in part, and ask for ways to what was seen there."""
    world = rectangle(_WIDTH)
    symbols = draw_symbols(batch([world]), N_SYMBOLS, generator)
    path = _partly(world, symbols, generator)
    places = CognitiveMap(model)
    _watch(places, path)
    seen = path.places[0].unique().tolist()
    here = int(path.places[0, -1])
    elsewhere = [p for p in seen if int(symbols[0, p]) != int(symbols[0, here])]
    graph = nx.Graph(world.graph())
    found = []
    for _ in range(number):
        goal = elsewhere[int(torch.randint(len(elsewhere), (), generator=generator))]
        symbol = int(symbols[0, goal])
        alike = [p for p in seen if int(symbols[0, p]) == symbol]
        least = min(nx.shortest_path_length(graph, here, p) for p in alike)
        try:
            route = places.route(symbol)
        except MapError:
            route = None
        reached = route is not None and _ends_at(world, here, route) in alike
        short = reached and route is not None and len(route.actions) <= least
        new = route is not None and not all(route.walked)
        found.append({"reached": reached, "shortest": short, "unwalked": new})
    return found


def _return(model: TemT, generator: torch.Generator) -> dict[str, Any]:
    """Walk ten worlds, and begin again in the third."""
    world, places = rectangle(_WIDTH), CognitiveMap(model)
    kept: list[tuple[Tensor, Walk, int]] = []
    for _ in range(10):
        symbols = draw_symbols(batch([world]), N_SYMBOLS, generator)
        path = _partly(world, symbols, generator)
        _watch(places, path)
        kept.append((symbols, path, places.where.map))
    symbols, path, number = kept[2]
    seen = path.places[0].unique()
    start = seen[torch.randint(len(seen), (1,), generator=generator)]
    again = walk(batch([world]), symbols, _AHEAD + 1, generator, start=start)
    steps = None
    where = places.begin(int(again.symbols[0, 0]))
    for step in range(1, _AHEAD + 1):
        if where.decided:
            steps = step - 1
            break
        where = places.observe(int(again.actions[0, step]), int(again.symbols[0, step]))
    else:
        steps = _AHEAD if where.decided else None
    right = where.decided and where.map == number
    apart = len({one for _, _, one in kept}) == len(kept)
    return {"right": right, "steps": steps, "apart": apart}


def _partly(world: World, symbols: Tensor, generator: torch.Generator) -> Walk:
    """A walk that ends when it has gone along the share of all edges."""
    whole = walk(batch([world]), symbols, _LONGEST, generator, _WALK)
    edges = nx.Graph(world.graph()).number_of_edges()
    walked: set[frozenset[int]] = set()
    row = whole.places[0].tolist()
    for t in range(1, len(row)):
        walked.add(frozenset(row[t - 1 : t + 1]))
        if len(walked) >= _SHARE * edges:
            return Walk(*(part[:, : t + 1] for part in whole))
    return whole


def _watch(places: CognitiveMap, path: Walk) -> None:
    places.begin(int(path.symbols[0, 0]))
    for action, symbol in zip(
        path.actions[0, 1:].tolist(), path.symbols[0, 1:].tolist(), strict=True
    ):
        places.observe(action, symbol)


def _mean(values: Iterable[float]) -> float | None:
    """Their mean; None if there is none."""
    known = list(values)
    return statistics.fmean(known) if known else None


def _ends_at(world: World, place: int, route: Route) -> int:
    for action in route.actions:
        place = int(world.neighbours[place, action])
        if place < 0:
            return -1
    return place


def _claims(found: Sequence[Mapping[str, Any]], full: bool) -> tuple[Claim, Claim]:
    def spread(name: str) -> tuple[float, float | None]:
        values = [one[name] for one in found]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None

    reached, deviation = spread("reached")
    shortest, unwalked = spread("shortest")[0], spread("unwalked")[0]
    new = _mean(one["reached_unwalked"] for one in found if one["reached_unwalked"] is not None)
    known, other = spread("recognised")
    worlds = found[0]["asked"] * len(found)
    return (
        ROUTES.measured(
            reached,
            deviation=deviation,
            holds=full and reached >= _GOOD and shortest >= _SHORT,
            note=f"{worlds} ways asked, over {len(found)} seeds; {shortest:.3f} are shortest, "
            f"{unwalked:.3f} lead through steps never taken, and of those "
            f"{'none' if new is None else f'{new:.3f}'} reach what was asked.  Deviation is over "
            f"seeds.  Holds from {_GOOD}, with {_SHORT} shortest, in the full run",
        ),
        RECOGNISED.measured(
            known,
            deviation=other,
            holds=full and known >= _KNOWN,
            note=f"{sum(len(one['steps']) for one in found)} returns; all ten worlds were kept "
            f"apart in {spread('kept_apart')[0]:.3f} of them.  Deviation is over seeds.  Holds "
            f"from {_KNOWN}, in the full run",
        ),
    )


def _table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    names = ("reached", "shortest", "unwalked", "reached_unwalked", "recognised", "kept_apart",
             "seconds")  # fmt: skip
    return Table(
        "By seed",
        ("seed", *(name.replace("_", " ") for name in names)),
        tuple((seed, *(one[name] for name in names)) for seed, one in found.items()),
        "Shares of ways asked and of returns; processor seconds of training.",
    )


def _picture(found: Sequence[Mapping[str, Any]]) -> "Picture":
    from matplotlib.figure import Figure as Picture

    steps = [s for one in found for s in one["steps"]]
    figure = Picture(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    counts = [sum(s == k for s in steps) for k in range(_AHEAD + 1)]
    axes.bar(range(_AHEAD + 1), counts, color="#0072b2")
    axes.bar([_AHEAD + 1], [sum(s is None for s in steps)], color="#d55e00")
    axes.set_xticks([*range(_AHEAD + 2)], [*map(str, range(_AHEAD + 1)), "later"])
    axes.set_xlabel("steps")
    axes.set_ylabel("returns to the third of ten worlds")
    return figure
