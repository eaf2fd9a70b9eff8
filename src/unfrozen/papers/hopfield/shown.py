"""Pictures and tables of the measurements on Hopfield networks."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unfrozen.papers.claim import Table
from unfrozen.papers.hopfield import bags, capacity, reading, retrieval, tables
from unfrozen.papers.hopfield.capacity import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def curves(overlap: Curve, dense: Sequence[Curve], modern: Curve) -> "Picture":
    """Capacity of the three kinds of network."""
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(overlap.x, overlap.y, "o-", color="#0072b2", label=overlap.name)
    left.axvline(0.138, color="0.4", ls="--", lw=1)
    left.set_xlabel("patterns a neuron")
    left.set_ylabel("overlap after recall")
    left.legend(frameon=False, fontsize=8)
    left.set_title("classical", fontsize=10)
    for curve, colour in zip(dense, ("#d55e00", "#009e73"), strict=False):
        middle.loglog(curve.x, curve.y, "o-", color=colour, label=curve.name)
    sizes = sorted({int(x) for curve in dense for x in curve.x})[::2]
    middle.set_xticks(sizes, [str(size) for size in sizes])
    middle.set_xticks([], minor=True)  # their labels would run into each other
    middle.set_xlabel("neurons")
    middle.set_ylabel("patterns")
    middle.legend(frameon=False, fontsize=8)
    middle.set_title("dense", fontsize=10)
    slope, start, _ = capacity.linear_fit(modern.x, [math.log(y) for y in modern.y])
    right.semilogy(modern.x, modern.y, "o", color="#cc79a7")
    right.semilogy(modern.x, [math.exp(start + slope * x) for x in modern.x], "-", color="0.5")
    right.set_xlabel("dimension")
    right.set_ylabel("patterns")
    right.set_title("modern", fontsize=10)
    return figure


def steps_table(steps: Sequence[retrieval.OneStep]) -> Table:
    """One update, by setting."""
    columns = ("dimension", "patterns", "beta", "condition holds", "error", "share of its bound")
    rows = [(s.width, s.patterns, s.beta, s.separated, s.error, s.ratio) for s in steps]
    return Table("One update", columns, tuple(rows))


def bags_table(found: Sequence[bags.BagResult]) -> Table:
    """AUC of each set of bags, by method."""
    columns = ("set", "Hopfield pooling", "± sd", "attention pooling", "random forest", "paper")
    rows = [
        (r.name, r.hopfield, r.deviation, r.attention, r.forest, bags.PUBLISHED.get(r.name))
        for r in found
    ]
    return Table("AUC on bags", columns, tuple(rows))


def tables_table(found: list[tables.TableResult]) -> Table:
    """Accuracy of each table, by method."""
    ranks = tables.mean_ranks(found)
    rows = [(r.name, *r.accuracy) for r in found]
    return Table(
        "Accuracy on tables",
        ("table", *tables.METHODS),
        tuple(rows),
        "Mean ranks: " + ", ".join(f"{m} {r:.2f}" for m, r in ranks.items()),
    )


def speed_table(speeds: Sequence[reading.Speed]) -> Table:
    """Milliseconds of each way of reading."""
    columns = (
        "patterns", "queries", "in clusters", "published layer (ms)", "softmax (ms)",
        "split store (ms)", "plain store (ms)", "inverted file (ms)", "error", "recall",
    )  # fmt: skip
    rows = [
        (
            s.patterns, s.queries, s.clustered, s.published, s.softmax, s.ours, s.plain, s.index,
            s.error, s.recall,
        )
        for s in speeds
    ]  # fmt: skip
    return Table("Reading a store", columns, tuple(rows), f"{reading.WIDTH} features.")
