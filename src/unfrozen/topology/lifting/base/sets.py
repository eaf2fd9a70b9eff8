"""Which cell of a complex a set of nodes is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.complex.sets.equality import first_equal


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
