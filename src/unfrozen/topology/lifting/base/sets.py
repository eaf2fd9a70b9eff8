"""Which cell of a complex a set of nodes is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.complex.cells import spans


class Located(NamedTuple):
    """Where sets of nodes are in a complex; both are -1 where a set is no cell.

    Attributes:
        rank: of the cell that each is.
        row: of the cell, among those of its rank.
    """

    rank: Int64[np.ndarray, " given"]
    row: Int64[np.ndarray, " given"]


def located(complex: Complex, cells: Cells) -> Located:  # noqa: A002
    """Find sets of nodes among the cells of a complex.

    Lifts skip sets that are cells already: this tells which ones they are.

    Args:
        complex: with cells of any rank.
        cells: sets of its nodes.

    Raises:
        TopologyError: a node is not there.

    Example:
        >>> path = Complex({1: [[0, 1], [1, 2]]})
        >>> located(path, Cells.of([[2, 1], [2], [0, 2]]))
        Located(rank=array([ 1,  0, -1]), row=array([ 1,  2, -1]))
    """
    if len(cells) and not 0 <= cells.members.min() <= cells.members.max() < complex.n_nodes:
        raise TopologyError(f"sets are of nodes 0 to {complex.n_nodes - 1}")
    ranks = complex.ranks
    first = first_equal(Cells.join([*(complex.cells(rank) for rank in ranks), cells]))
    bounds = np.cumsum([0, *(complex.n_cells(rank) for rank in ranks)])
    found = first[bounds[-1] :]
    there = found < bounds[-1]
    at = np.searchsorted(bounds, np.where(there, found, 0), "right") - 1
    return Located(
        np.where(there, np.array(ranks)[at], -1), np.where(there, found - bounds[at], -1)
    )


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
