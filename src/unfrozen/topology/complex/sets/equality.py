"""Which sets of nodes are equal, found by their fingerprints and then compared as they are."""

import numpy as np
from jaxtyping import Int64

from unfrozen.topology.complex.sets.cells import Cells, spans


def first_equal(cells: Cells) -> Int64[np.ndarray, " cell"]:
    """The first cell that is the same set as each, which may be itself."""
    prints = cells.fingerprints
    order = np.lexsort((cells.sizes, prints))
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(prints[order]) != 0) | (np.diff(cells.sizes[order]) != 0)
    first = np.empty(len(order), np.int64)
    # Stable: the head of each run of those that share a number comes first.
    first[order] = order[np.flatnonzero(fresh)][np.cumsum(fresh) - 1]
    _check(cells, first)
    return first


def _check(cells: Cells, first: np.ndarray) -> None:
    """Compare sets that share a number, as those that differ hardly ever do."""
    rows = np.flatnonzero(first != np.arange(len(first)))
    if not len(rows):
        return
    sizes = cells.sizes[rows]
    own = cells.ascending[spans(cells.pointers[rows], sizes)]
    other = cells.ascending[spans(cells.pointers[first[rows]], sizes)]
    for row in np.unique(np.repeat(rows, sizes)[own != other]):
        first[row] = _search(cells, int(row))


def _search(cells: Cells, row: int) -> int:
    alike = np.flatnonzero(
        (cells.fingerprints[:row] == cells.fingerprints[row])
        & (cells.sizes[:row] == cells.sizes[row])
    )
    own = np.sort(cells[row])
    return next((int(i) for i in alike if (np.sort(cells[int(i)]) == own).all()), row)
