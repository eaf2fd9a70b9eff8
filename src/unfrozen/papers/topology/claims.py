"""The claims, and how measurements bear them out."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unfrozen.papers.claim import Claim, ClaimSpec
from unfrozen.papers.topology.accuracy import CELLS, GRAPH, PUBLISHED, AccuracySize
from unfrozen.papers.topology.building import power
from unfrozen.papers.topology.higher import GRAPHS
from unfrozen.papers.topology.knowledge import MEMORY, OURS
from unfrozen.papers.topology.knowledge import PUBLISHED as CONVE
from unfrozen.papers.topology.peers.environments import PYKEEN, TOPOMODELX, TOPONETX
from unfrozen.papers.topology.peers.passing import OURS as LIBRARY
from unfrozen.papers.topology.peers.passing import PYG

_BUILD, _ATTENTION, _GAT, _EDIT, _PAIRS = 500, 40, 1.3, 50, 157
_LARGE, _SECONDS = 245_762, 1.0
_SURE, _NEAR = 0.99, 0.02

BUILD = ClaimSpec(
    "topology.build-speedup",
    f"A mesh of some 61,000 cells is built with all its matrices at least {_BUILD} times faster "
    "than by TopoNetX, and they are the same",
    None,
    "times",
)
ATTENTION = ClaimSpec(
    "topology.attention-speedup",
    f"Attention between faces and edges is at least {_ATTENTION} times faster than TopoModelX's, "
    "forwards and backwards, on some 51,000 cells of 32 features",
    None,
    "times",
)
GAT = ClaimSpec(
    "topology.pyg-speedup",
    f"The same is at least {_GAT} times faster than two GATConvs of PyTorch Geometric",
    None,
    "times",
)
PAIRS = ClaimSpec(
    "topology.separated-pairs",
    f"Of {_PAIRS} pairs of strongly regular graphs, rings as cells separate all by colour "
    "refinement; triangles as cells and the graphs themselves separate none",
    None,
    "pairs",
)
EDIT = ClaimSpec(
    "topology.edit-speedup",
    f"Ten thousand edits of single cells are at least {_EDIT} times faster than building complex "
    "and matrices anew after each",
    None,
    "times",
)
ACCURACY = ClaimSpec(
    "topology.accuracy",
    "Networks on cells tell classes better than graph networks that were searched for as long, on "
    "every set: the least gain",
    None,
    "percentage points",
)
HIGHER = ClaimSpec(
    "topology.higher-order",
    "Where cells say what pairs cannot, parities on Steiner systems, a network on cells is right "
    "where no graph network can be",
    None,
    "share",
)
KNOWLEDGE = ClaimSpec(
    "topology.knowledge-graphs",
    "Hidden triples are ranked as sets of three as well as by embeddings of PyKEEN, on every "
    "graph: the least gain in mean reciprocal rank",
    None,
    "mean reciprocal rank",
)
SPECS = (BUILD, ATTENTION, GAT, PAIRS, EDIT, ACCURACY, HIGHER, KNOWLEDGE)


@dataclass(frozen=True)
class Found:
    """What a run measured.

    Attributes:
        missing: library -> why it could not be measured.
        built: level -> cells, seconds and bytes.
        toponetx: the same of TopoNetX.
        passed: level -> cells, and costs by library.
        edited: seconds of an edit and of building anew.
        edits: how many.
        alike: lift -> family -> pairs that stay alike.
        marks: of each fold.
        steiner: of each seed.
        sums: of each seed.
        triples: of each graph and seed.
        lacking: set -> why it could not be had.
        accuracy: how much was learnt.
        full: whether the budget was.
    """

    missing: Mapping[str, str]
    built: Mapping[str, Any]
    toponetx: Mapping[str, Any] | None
    passed: Mapping[str, Any]
    edited: Mapping[str, Any]
    edits: int
    alike: Mapping[str, Mapping[str, int]]
    marks: Sequence[Mapping[str, Any]]
    steiner: Sequence[Mapping[str, Any]]
    sums: Sequence[Mapping[str, Any]]
    triples: Sequence[Mapping[str, Any]]
    lacking: Mapping[str, str]
    accuracy: AccuracySize
    full: bool


def measured(found: Found) -> tuple[Claim, ...]:
    """A claim for each."""
    return (
        _build(found), _against(found, TOPOMODELX.name, ATTENTION, _ATTENTION),
        _against(found, PYG, GAT, _GAT), _pairs(found), _edit(found), _accuracy(found),
        _higher(found), _knowledge(found),
    )  # fmt: skip


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and deviation; no deviation of one value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def gains(found: Found, name: str) -> list[float]:
    """Of cells over graphs on each fold of a set, in percentage points."""
    return [
        100 * (one[CELLS]["accuracy"] - one[GRAPH]["accuracy"])
        for one in found.marks
        if one["set"] == name
    ]


def error(values: Sequence[float]) -> float:
    """Standard error of the mean; infinite of one value."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def by_graph(found: Found, graph: str) -> dict[str, list[float]]:
    """Way -> reciprocal ranks of each seed."""
    rows = [one for one in found.triples if one["graph"] == graph]
    return {way: [one[way]["mrr"] for one in rows] for way in rows[0] if way != "graph"}


def _only(full: bool) -> str:
    return "" if full else "; sizes of the quick run, in which it cannot hold"


def _build(found: Found) -> Claim:
    rows = sorted(found.built.values(), key=lambda one: one["cells"])
    grows = power([one["cells"] for one in rows], [one["seconds"] for one in rows])
    at = {one["cells"]: one["seconds"] for one in rows}
    theirs = found.toponetx
    note = (
        f"seconds grow with cells to the power {grows:.2f} from {rows[0]['cells']:,} to "
        f"{rows[-1]['cells']:,}"
    )
    if _LARGE in at:
        note += f"; {_LARGE:,} cells take {at[_LARGE]:.2f} s"
    if theirs is None:
        return BUILD.failed(f"{found.missing.get(TOPONETX.name, 'not measured')}; {note}")
    own = at[theirs["cells"]]
    times = theirs["seconds"] / own
    return BUILD.measured(
        times,
        holds=found.full and times >= _BUILD and theirs["same"] and at[_LARGE] < _SECONDS,
        note=f"{theirs['cells']:,} cells: {own:.3f} s beside {theirs['seconds']:.1f} s; matrices "
        f"{'agree' if theirs['same'] else 'differ'}; {note}.  Holds if they agree, and "
        f"{_LARGE:,} cells take less than {_SECONDS:.0f} s{_only(found.full)}",
    )


def _against(found: Found, system: str, spec: ClaimSpec, wanted: int | float) -> Claim:
    rows = [
        one for one in found.passed.values()
        if one["costs"].get(system) and one["costs"].get(LIBRARY)
    ]  # fmt: skip
    if not rows:
        return spec.failed(found.missing.get(system, f"{system} was not measured"))
    last = max(rows, key=lambda one: one["cells"])
    own, theirs = last["costs"][LIBRARY], last["costs"][system]
    times = theirs["seconds"] / own["seconds"]
    memory = theirs["peak"] / max(own["peak"], 1)
    return spec.measured(
        times,
        holds=found.full and times >= wanted,
        note=f"{last['cells']:,} cells: {1e3 * own['seconds']:.0f} ms and {own['peak'] / 1e6:.0f} "
        f"MB beside {1e3 * theirs['seconds']:.0f} ms and {theirs['peak'] / 1e6:.0f} MB of {system} "
        f"({memory:.1f} times the memory); same weights, and the same output and gradients"
        + _only(found.full),
    )


def _pairs(found: Found) -> Claim:
    left = {name: sum(own.values()) for name, own in found.alike.items()}
    best = min(value for name, value in left.items() if name.startswith("rings"))
    return PAIRS.measured(
        _PAIRS - best,
        holds=best == 0 and left["triangles"] == left["graph"] == _PAIRS,
        note="left alike: " + ", ".join(f"{name} {value}" for name, value in left.items())
        + ".  Exact, no network is trained",
    )  # fmt: skip


def _edit(found: Found) -> Claim:
    one = found.edited
    times = one["rebuild"] / one["edit"]
    return EDIT.measured(
        times,
        holds=found.full and times >= _EDIT and one["same"],
        note=f"{found.edits:,} edits of {one['cells']:,} cells, each with questions of all cells "
        f"it touches: {1e6 * one['edit']:.0f} µs beside {1e3 * one['rebuild']:.0f} ms; after them "
        f"matrices {'agree' if one['same'] else 'differ'}{_only(found.full)}",
    )


def _accuracy(found: Found) -> Claim:
    names = list(dict.fromkeys(one["set"] for one in found.marks))
    if not names:
        return ACCURACY.failed("; ".join(found.lacking.values()) or "no set was asked")
    told, means = [], {}
    for name in names:
        apart = gains(found, name)
        means[name] = statistics.fmean(apart), error(apart)
        own, other = (
            spread([100 * one[kind]["accuracy"] for one in found.marks if one["set"] == name])
            for kind in (CELLS, GRAPH)
        )
        text = f"{name} {_plus_minus(own)} beside {_plus_minus(other)}"
        text += "" if means[name][0] > 2 * means[name][1] else ", no gain beyond error"
        told.append(text + (f" [{PUBLISHED[name]}]" if name in PUBLISHED else ""))
    least = min(means, key=lambda name: means[name][0])
    size = found.accuracy
    helped = [name for name, (mean, doubt) in means.items() if mean > 2 * doubt]
    lacking = "".join(f"; {name} could not be had" for name in found.lacking)
    return ACCURACY.measured(
        means[least][0],
        deviation=None if math.isinf(means[least][1]) else means[least][1],
        holds=found.full and len(helped) == len(names) >= 3,
        note=f"accuracy in % ± deviation over folds: {'; '.join(told)}.  Gains on "
        f"{', '.join(helped) or 'no set'} beyond two standard errors, as it must on all to hold, "
        f"in the full run.  The least gain is on {least}, its deviation a standard error; "
        f"{size.trials} trials of each family on each fold, in brackets published figures{lacking}",
    )


def _higher(found: Found) -> Claim:
    own, ceiling = spread([one["incidences"]["test"] for one in found.steiner]), 0.0
    ceiling = found.steiner[0]["ceiling"]
    graph = {name: [one[name]["test"] for one in found.steiner] for name in GRAPHS}
    best = max(statistics.fmean(each) for each in graph.values())
    zero = {k: statistics.fmean(one[k] for one in found.sums) for k in found.sums[0]}
    explained = zero.pop("explained")
    return HIGHER.measured(
        own[0],
        deviation=own[1],
        holds=found.full and own[0] >= _SURE and best <= ceiling + _NEAR and explained < 1e-6,
        note=f"the best of three graph networks {best:.3f}, the exact ceiling of all of them "
        f"{ceiling:.3f}: as a graph every system is complete, and only bits are left; over "
        f"{len(found.steiner)} seeds.  Of triples that sum to zero pairs explain "
        f"{explained:.1e} of the variance at best; mean reciprocal ranks "
        + ", ".join(f"{name} {value:.3f}" for name, value in zero.items())
        + f".  Holds from {_SURE}, in the full run",
    )


def _knowledge(found: Found) -> Claim:
    graphs = list(dict.fromkeys(one["graph"] for one in found.triples))
    if not graphs:
        return KNOWLEDGE.failed("; ".join(found.lacking.values()) or "no graph was asked")
    told, least = [], {}
    for graph in graphs:
        ways = {way: statistics.fmean(each) for way, each in by_graph(found, graph).items()}
        text = ", ".join(f"{way} {value:.3f}" for way, value in ways.items())
        told.append(f"{graph}: {text}, ConvE as published {CONVE[graph]:.2f}")
        theirs = [value for way, value in ways.items() if PYKEEN.name in way]
        if theirs:
            own = max(value for way, value in ways.items() if way in (*OURS, MEMORY))
            least[graph] = own - max(theirs)
    note = "; ".join(told)
    if not least:
        return KNOWLEDGE.failed(f"{found.missing.get(PYKEEN.name, 'no peer was measured')}; {note}")
    seeds = len(found.triples) // len(graphs)
    return KNOWLEDGE.measured(
        min(least.values()),
        holds=found.full and min(least.values()) >= -0.01,
        note=f"{note}; the best of ours less the best of PyKEEN's, {seeds} seeds, filtered ranks "
        "of subjects and objects.  Holds from -0.01, in the full run",
    )


def _plus_minus(own: tuple[float, float | None]) -> str:
    return f"{own[0]:.1f}" + ("" if own[1] is None else f" ± {own[1]:.1f}")
