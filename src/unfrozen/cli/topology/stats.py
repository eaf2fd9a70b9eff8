"""``unfrozen topology stats``: a complex in numbers."""

from typing import TYPE_CHECKING

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import JsonOption, reporter
from unfrozen.cli.topology.reading import SourceArgument

if TYPE_CHECKING:
    from unfrozen.papers.claim import Table
    from unfrozen.topology.statistics import Statistics

EXAMPLES = {
    "topology stats": (
        "unfrozen topology stats torus",
        "unfrozen topology stats edges.csv",
        "unfrozen topology stats bunny.obj --json stats.json",
        "unfrozen topology stats MUTAG:0",
    )
}


def stats(source: SourceArgument, json: JsonOption = None) -> None:
    """Show what a complex holds: its cells, their neighbours, its holes, what is oriented.

    Betti numbers count connected parts, holes and voids; they are known where cells are edges,
    polygons or simplices that have all their sides.
    """
    from unfrozen.cli.topology.reading import open_complex
    from unfrozen.data.cache import status
    from unfrozen.topology.statistics import measure

    with status("Reading"):
        opened = open_complex(source)
    with progress() as bars:
        found = measure(opened.stored.complex, reporter(bars))
    console = output(json)
    print_table(cells_table(opened.name, found, opened.notes), console)
    print_table(neighbours_table(found), console)
    print_table(whole_table(found), console)
    if json is not None:
        emit_json(json, {"name": opened.name, "notes": list(opened.notes), **found.to_json()})


def cells_table(name: str, found: "Statistics", notes: tuple[str, ...]) -> "Table":
    """Cells by rank and size.

    Args:
        name: of the complex.
        found: of it.
        notes: what of its source it does not keep.
    """
    from unfrozen.papers.claim import Table

    rows = tuple(
        (c.rank, str(c.least) if c.least == c.most else f"{c.least} to {c.most}", c.cells)
        for c in found.cells
    )
    return Table(name, ("rank", "nodes of a cell", "cells"), rows, "; ".join(notes))


def neighbours_table(found: "Statistics") -> "Table":
    """How many neighbours cells have, by relation.

    Args:
        found: of a complex.
    """
    from unfrozen.papers.claim import Table

    rows = tuple(
        (n.matrix, n.rank, n.told, n.entries, n.least, n.mean, n.most, n.without)
        for n in found.neighbours
    )
    columns = ("matrix", "of rank", "neighbours", "entries", "least", "mean", "most", "none")
    lacking = any(n.entries is None for n in found.neighbours)
    note = "Matrices without numbers are too large to be made here." if lacking else ""
    return Table("How many neighbours cells have", columns, rows, note)


def whole_table(found: "Statistics") -> "Table":
    """What is said of a complex as a whole.

    Args:
        found: of it.
    """
    from unfrozen.papers.claim import Table

    betti = ", ".join("?" if b is None else f"{b:,}" for b in found.betti)
    highest = len(found.betti) - 1
    rows = [
        ("axioms", "✓ all hold"),
        ("connected components", f"{found.components:,}"),
        ("Euler characteristic", f"{found.euler:,}"),
        (f"Betti numbers of ranks 0 to {highest}" if highest else "Betti number", betti),
    ]
    for rank in sorted({cells.rank for cells in found.cells} - {0}):
        why = found.unoriented.get(rank)
        rows.append((f"oriented, rank {rank}", "✓" if why is None else f"✗ {why}"))
    return Table("As a whole", ("", "complex"), tuple(rows))
