"""Tables and figures of what was measured."""

import math
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unfrozen.papers.claim import Figure, Table
from unfrozen.papers.topology.accuracy import CELLS, GRAPH, task
from unfrozen.papers.topology.claims import Found, by_graph, gains, spread
from unfrozen.papers.topology.higher import GRAPHS
from unfrozen.papers.topology.peers.environments import TOPONETX
from unfrozen.papers.topology.peers.passing import OURS
from unfrozen.topology.complex import Complex
from unfrozen.topology.drawing import draw
from unfrozen.topology.lifting import rings
from unfrozen.topology.tasks.meshes import torus

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def tables(found: Found) -> tuple[Table, ...]:
    """All tables."""
    return (_building(found), _attention(found), _alike(found), _accuracy(found), _triples(found))


def figures(found: Found) -> tuple[Figure, ...]:
    """All figures."""
    made = [
        Figure(
            "Building a complex with all its matrices", _growth(found),
            "Processor seconds of one thread; the dotted line grows as the cells do.",
        ),
        Figure(
            "Attention between faces and edges, forwards and backwards", _costs(found),
            "Processor seconds and memory by which the process grew; 32 features.",
        ),
        Figure(
            "Accuracy by what is seen", _bars(found),
            "Means over folds, or over seeds for parities; deviations.",
        ),
        Figure(
            "Parities on Steiner systems", _curves(found),
            "Of the first seed.  The dotted line is the most that any network on the graph can get "
            "in the mean.",
        ),
    ]  # fmt: skip
    name, lifted = _lifted(found)
    made.append(Figure(f"{name} with its rings as cells", draw(lifted), "One colour a size."))
    surface = torus(24, 12)
    positions = torch.from_numpy(np.asarray(surface.vertices)).float()
    made.append(Figure("A mesh as a complex", draw(surface.complex(), positions), "A torus."))
    return tuple(made)


def _building(found: Found) -> Table:
    theirs = found.toponetx
    return Table(
        "Building meshes with five matrices",
        ("cells", "seconds", "MB", f"seconds of {TOPONETX.name}", f"MB of {TOPONETX.name}"),
        tuple(
            (
                one["cells"], one["seconds"], one["peak"] / 1e6,
                *(
                    (theirs["seconds"], theirs["peak"] / 1e6)
                    if theirs is not None and theirs["cells"] == one["cells"]
                    else (None, None)
                ),
            )
            for one in found.built.values()
        ),
        "Processor seconds of one thread, the fewest of some times; MB by which the process grew.",
    )  # fmt: skip


def _attention(found: Found) -> Table:
    return Table(
        "Attention forwards and backwards",
        ("cells", "library", "ms", "MB"),
        tuple(
            (one["cells"], name, *((None, None) if cost is None
             else (1e3 * cost["seconds"], cost["peak"] / 1e6)))
            for one in found.passed.values()
            for name, cost in one["costs"].items()
        ),
        "Nothing where memory did not suffice.",
    )  # fmt: skip


def _alike(found: Found) -> Table:
    families = list(next(iter(found.alike.values())))
    return Table(
        "Pairs of strongly regular graphs that colour refinement leaves alike",
        ("cells", *families, "of 157"),
        tuple(
            (name, *(own[family] for family in families), sum(own.values()))
            for name, own in found.alike.items()
        ),
    )


def _accuracy(found: Found) -> Table:
    rows = []
    for name in dict.fromkeys(one["set"] for one in found.marks):
        here = [one for one in found.marks if one["set"] == name]
        row: list[Any] = [name, len(here)]
        for kind in (GRAPH, CELLS):
            row += spread([100 * one[kind]["accuracy"] for one in here])
        rows.append((*row, *spread(gains(found, name))))
    return Table(
        "Accuracy (%)",
        ("set", "folds", "graph networks", "± (graph)", "cells", "± (cells)", "gain", "± (gain)"),
        tuple(rows),
        "Each fold is asked once, by what a validation part of the others chose; deviations are "
        "over folds.  On meshes graph networks have the mean of the features of edges and faces "
        "at nodes as well.",
    )


def _triples(found: Found) -> Table:
    rows = []
    for graph in dict.fromkeys(one["graph"] for one in found.triples):
        here = [one for one in found.triples if one["graph"] == graph]
        rows += [
            (graph, way, *spread(values), *(
                statistics.fmean(one[way][k] for one in here) for k in ("1", "10")
            ))
            for way, values in by_graph(found, graph).items()
        ]  # fmt: skip
    return Table(
        "Hidden triples",
        ("graph", "way", "MRR", "±", "hits at 1", "hits at 10"),
        tuple(rows),
        "Filtered ranks of subjects and of objects, ties by their mean; deviations over seeds.",
    )


def _growth(found: Found) -> "Picture":
    figure, axes = _axes(1, (5.5, 3.8))
    rows = list(found.built.values())
    cells = [one["cells"] for one in rows]
    seconds = [one["seconds"] for one in rows]
    axes[0].loglog(cells, seconds, "o-", label="library")
    axes[0].loglog(cells, [seconds[-1] * c / cells[-1] for c in cells], ":", color="grey")
    if found.toponetx is not None:
        axes[0].loglog(
            [found.toponetx["cells"]], [found.toponetx["seconds"]], "s", label="TopoNetX"
        )
    axes[0].set(xlabel="cells", ylabel="seconds")
    axes[0].legend()
    return figure


def _costs(found: Found) -> "Picture":
    figure, axes = _axes(2, (8.0, 3.6))
    names = {name for one in found.passed.values() for name in one["costs"]}
    for name in sorted(names, key=lambda name: (name != OURS, name)):
        rows = [(one["cells"], one["costs"][name]) for one in found.passed.values()
                if one["costs"].get(name)]  # fmt: skip
        for axis, key, scale in zip(axes, ("seconds", "peak"), (1e3, 1e-6), strict=True):
            axis.loglog([c for c, _ in rows], [scale * cost[key] or math.nan for _, cost in rows],
                        "o-", label=name)  # fmt: skip
    for axis, what in zip(axes, ("time (ms)", "memory (MB)"), strict=True):
        axis.set(xlabel="cells", ylabel=what)
    if names:
        axes[0].legend()
    return figure


def _bars(found: Found) -> "Picture":
    figure, axes = _axes(1, (7.0, 3.6))
    sets = list(dict.fromkeys(one["set"] for one in found.marks))
    best = max(GRAPHS, key=lambda name: statistics.fmean(o[name]["test"] for o in found.steiner))
    values = {
        kind: [[one[kind]["accuracy"] for one in found.marks if one["set"] == s] for s in sets]
        for kind in (GRAPH, CELLS)
    }
    values[GRAPH].append([one[best]["test"] for one in found.steiner])
    values[CELLS].append([one["incidences"]["test"] for one in found.steiner])
    for shift, (kind, each) in zip((-0.2, 0.2), values.items(), strict=True):
        means = [100 * spread(v)[0] for v in each]
        axes[0].bar([i + shift for i in range(len(each))], means, 0.4, label=kind, capsize=3,
                    yerr=[100 * (spread(v)[1] or 0.0) for v in each])  # fmt: skip
    axes[0].set_xticks(range(len(sets) + 1), [*sets, "parities"])
    axes[0].set_ylabel("accuracy (%)")
    axes[0].legend()
    return figure


def _curves(found: Found) -> "Picture":
    figure, axes = _axes(1, (6.0, 3.6))
    first = found.steiner[0]
    for name in ("incidences", *GRAPHS):
        label = "cells" if name == "incidences" else name
        axes[0].plot(range(1, len(first[name]["curve"]) + 1), first[name]["curve"], label=label)
    axes[0].axhline(first["ceiling"], linestyle=":", color="black")
    axes[0].set(xlabel="epoch", ylabel="accuracy")
    axes[0].legend()
    return figure


def _lifted(found: Found) -> tuple[str, Complex]:
    """The molecule with most atoms, or where there is none two hexagons."""
    if any(one["set"] == "MUTAG" for one in found.marks):
        molecules = task("MUTAG", found.accuracy.per_class).data.complexes
        return "A molecule", rings(max(molecules, key=lambda each: each.n_nodes), 6)
    edges = [[i, i + 1] for i in range(9)] + [[9, 0], [0, 5]]
    return "Two hexagons", rings(Complex({1: edges}), 6)


def _axes(count: int, size: tuple[float, float]) -> tuple["Picture", list[Any]]:
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=size, layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, count)))
