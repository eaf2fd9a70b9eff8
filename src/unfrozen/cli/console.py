"""What the commands share: tables, JSON and progress, on the terminal."""

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from unfrozen.papers.claim import Cell, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.progress import Progress

_MARKS = {"✓": "green", "✗": "yellow"}


def output(json: str | None = None) -> Console:
    """The console for people: stdout, or stderr when the JSON goes to stdout.

    Args:
        json: what ``--json`` was given.
    """
    return Console(file=sys.stderr if json == "-" else sys.stdout, highlight=False, soft_wrap=False)


def print_table(table: Table, console: Console | None = None) -> None:
    """Show a table; numbers are on the right, and nothing in a cell is taken for markup.

    Args:
        table: to show.
        console: where; None for stdout.
    """
    console = console or output()
    console.print(Text(table.title, style="bold"))
    grid = RichTable(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    widths = _widths(table, console.width - 2 * len(table.columns))
    for index, name in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        numeric = any(c is not None for c in cells) and all(
            c is None or (isinstance(c, int | float) and not isinstance(c, bool)) for c in cells
        )
        grid.add_column(
            Text(name),
            justify="right" if numeric else "left",
            width=widths[index],
            overflow="fold",
        )
    for row in table.rows:
        grid.add_row(*(_text(cell) for cell in row))
    console.print(grid)
    if table.note:
        console.print(Text(table.note))
        console.print()


def emit_json(target: str | Path, payload: Any) -> None:
    """Write JSON to a file, whole or not at all, or to stdout for ``-``.

    Args:
        target: path or ``-``.
        payload: JSON; numbers are finite.

    Raises:
        DataError: the disk is full or refuses.
    """
    if str(target) == "-":
        text = json.dumps(payload, indent=2, ensure_ascii=False, allow_nan=False)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        return
    from unfrozen.data.cache import write_json

    write_json(target, payload)


def counted(number: int, one: str, several: str = "") -> str:
    """A number of things in words.

    Args:
        number: how many.
        one: what one of them is called.
        several: what several are called; with an s by default.

    Example:
        >>> counted(1, "step"), counted(2, "step"), counted(0, "life", "lives")
        ('1 step', '2 steps', '0 lives')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def save_picture(out: Path, figure: "Figure") -> None:
    """Write a picture, whole or not at all.

    Args:
        out: the file; its suffix says of which kind it is.
        figure: to be written.

    Raises:
        DataError: the disk is full or refuses.
    """
    from unfrozen.data.cache import atomic_write

    with atomic_write(out) as temporary:
        figure.savefig(temporary, format=out.suffix.lower().removeprefix("."), dpi=150)


@contextlib.contextmanager
def progress(after: float = 2.0) -> Iterator["Progress | None"]:
    """A progress bar on stderr, or None where stderr is no terminal.

    Args:
        after: it is not shown before so long, in seconds.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    timer = threading.Timer(after, bars.start)
    timer.daemon = True
    timer.start()
    try:
        yield bars
    finally:
        timer.cancel()
        timer.join()
        bars.stop()


def _widths(table: Table, available: int) -> list[int]:
    """Widths of columns that fit: words stay whole while sentences have anything to give."""
    columns = [
        [_text(cell).plain for cell in (name, *(row[index] for row in table.rows))]
        for index, name in enumerate(table.columns)
    ]
    widths = [min(max(map(cell_len, cells)), available) for cells in columns]
    words = [[word for cell in cells for word in cell.split()] for cells in columns]
    least = [min(max(map(cell_len, found), default=1), 28) for found in words]
    while sum(widths) > available and max(widths) > 1:
        spare = [i for i, width in enumerate(widths) if width > least[i]]
        widest = max(spare or range(len(widths)), key=lambda i: widths[i])
        widths[widest] -= 1
    return widths


def _text(cell: Cell) -> Text:
    """A cell with its mark in a colour that is no more than an addition to it."""
    from unfrozen.papers.report import cell_text

    text = cell_text(cell)
    return Text(text, style=_MARKS.get(text[:1], ""))
