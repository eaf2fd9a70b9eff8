"""Lifts by their names, with the options that each has."""

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.errors import TopologyError

if TYPE_CHECKING:
    from unfrozen.papers.claim import Table
    from unfrozen.topology.complex import Complex
    from unfrozen.topology.complex.files import Stored

LIFT_HELP = "cliques, rings, balls, paths, cofaces or mapper."

LongestOption = Annotated[
    int | None, typer.Option(min=3, help="Of rings: nodes at most (6).", show_default=False)
]
RankOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Of cliques: the highest (2). Of balls and mapper: that of the new cells (2). Of "
        "cofaces: that of the cells united (2).",
        show_default=False,
    ),
]
HopsOption = Annotated[
    int | None, typer.Option(min=1, help="Of balls: steps from the middle (1).", show_default=False)
]
LengthOption = Annotated[
    int | None, typer.Option(min=2, help="Of paths: edges (2).", show_default=False)
]
IntervalsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Of mapper: into which values are parted (8).", show_default=False),
]
OverlapOption = Annotated[
    float | None,
    typer.Option(min=0, help="Of mapper: of an interval with the next (0.25).", show_default=False),
]
FeaturesOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="Give new cells the sum or the mean of the features of their nodes.",
        show_default=False,
    ),
]
MostOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Of rings, cliques, paths: how many to take at most. Of balls: nodes of all together.",
        show_default=False,
    ),
]


def lifted(stored: "Stored", name: str, options: dict[str, Any]) -> "Stored":
    """A complex with the cells that a lift adds.

    Args:
        stored: what there is.
        name: of the lift.
        options: of all lifts, none where they are not given.

    Raises:
        TopologyError: there is no such lift, it has no such option, or as it raises.
    """
    from unfrozen.topology.complex.files import Stored
    from unfrozen.topology.lifting import LIFTS, lift

    given = {option: value for option, value in options.items() if value is not None}
    if name in LIFTS:
        known = inspect.signature(LIFTS[name]).parameters
        for option in given:
            if option not in known:
                taken = ", ".join(f"--{each}" for each in options if each in known)
                raise TopologyError(f"{name} has no --{option}: it has {taken}")
    how = given.get("features")
    if how not in (None, "sum", "mean"):
        raise TopologyError(f"features are the sum or the mean of those of nodes, not {how!r}")
    made = lift(name, stored.complex, **given)
    columns = dict(stored.columns)
    for rank in made.features:
        if rank not in stored.complex.features and 0 in columns:
            columns[rank] = columns[0]
    return Stored(made, stored.labels, columns)


def added_table(name: str, before: "Complex", after: "Complex") -> "Table":
    """Cells of each rank before and after a lift.

    Args:
        name: of what was lifted, and how.
        before: the lift.
        after: it.
    """
    from unfrozen.papers.claim import Table

    rows = []
    for rank in after.ranks:
        count, there = after.n_cells(rank), before.n_cells(rank)
        sizes = after.cells(rank).sizes[there:]
        span = "" if not len(sizes) else f"{sizes.min()}"
        if len(sizes) and sizes.max() > sizes.min():
            span = f"{sizes.min()} to {sizes.max()}"
        rows.append((rank, there, count - there, count, span))
    columns = ("rank", "before", "added", "after", "nodes of an added one")
    note = "Sets that are cells already are not added again."
    return Table(name, columns, tuple(rows), note)
