"""Patterns: letters that come along, and rows of numbers from a file."""

import math

from unfrozen.errors import MemoryShapeError
from unfrozen.workbench.pages.memory.schemas import MOST_FEATURES, MOST_PATTERNS, SetOut
from unfrozen.workbench.security.uploads import read_matrix

_LETTERS = {
    "A": "..####.. .##..##. .#....#. .#....#. .######. .#....#. .#....#. .#....#.",
    "C": "..#####. .##...## .#...... .#...... .#...... .#...... .##...## ..#####.",
    "F": ".####### .#...... .#...... .#####.. .#...... .#...... .#...... .#......",
    "H": "#......# #......# #......# ######## #......# #......# #......# #......#",
    "X": "#......# ##....## .##..##. ..####.. ..####.. .##..##. ##....## #......#",
    "Z": "######## .....##. ....##.. ...##... ..##.... .##..... ##...... ########",
}
_WIDTH = 8


def letters() -> SetOut:
    """Six letters of 8 by 8 signs."""
    rows = [[1.0 if c == "#" else -1.0 for c in drawn if c != " "] for drawn in _LETTERS.values()]
    return SetOut(names=list(_LETTERS), patterns=rows, width=_WIDTH)


def uploaded(name: str, data: bytes) -> SetOut:
    """The rows of a file as patterns; shown as pictures where their features make a square.

    Raises:
        WorkbenchError: the file is of another kind, or holds something else.
        MemoryShapeError: it holds too many patterns, or too wide ones.
    """
    rows = read_matrix(name, data)
    n, d = rows.shape
    if n > MOST_PATTERNS or d > MOST_FEATURES:
        raise MemoryShapeError(
            f"{name!r} holds {n} patterns of {d} features: up to {MOST_PATTERNS} of "
            f"{MOST_FEATURES} are drawn here; `unfrozen memory` takes any number"
        )
    side = math.isqrt(d)
    return SetOut(
        names=[str(i + 1) for i in range(n)],
        patterns=rows.tolist(),
        width=side if side * side == d else 0,
    )
