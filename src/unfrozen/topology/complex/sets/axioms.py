"""What makes cells a combinatorial complex, checked for all of them at once.

Source: Hajij et al. 2022, definition 4: a set of nodes has one rank, every node is a cell of rank
0, and a cell within another has no higher rank than that.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.sets.cells import Cells
from unfrozen.topology.complex.sets.containment import within
from unfrozen.topology.complex.sets.equality import first_equal


def check_nodes(rank: int, cells: Cells, n_nodes: int) -> None:
    """Check that cells are sets of nodes that there are.

    Raises:
        TopologyError: a node is not there, or is twice in a cell.
    """
    if not len(cells):
        return
    if cells.members.min() < 0 or cells.members.max() >= n_nodes:
        at = np.flatnonzero((cells.members < 0) | (cells.members >= n_nodes))[0]
        raise TopologyError(
            f"cell {cells.owners[at]} of rank {rank} has node {cells.members[at]}, and nodes are "
            f"0 to {n_nodes - 1}"
        )
    twice = (np.diff(cells.ascending) == 0) & (np.diff(cells.owners) == 0)
    if bool(twice.any()):
        row = int(cells.owners[int(np.flatnonzero(twice)[0])])
        raise TopologyError(f"cell {row} of rank {rank}, {cells[row].tolist()}, has a node twice")


def repeated(cells: Cells) -> Bool[np.ndarray, " cell"]:
    """Which cells are the same set as one before them."""
    return first_equal(cells) != np.arange(len(cells))


def check_sets(ranked: Mapping[int, Cells]) -> None:
    """Check that no set of nodes is there twice, at one rank or at two.

    Raises:
        TopologyError: one is.
    """
    ranks = [rank for rank, cells in ranked.items() if len(cells)]
    every = Cells.join([ranked[rank] for rank in ranks])
    twice = np.flatnonzero(repeated(every))
    if not len(twice):
        return
    row = int(twice[0])
    nodes = set(every[row].tolist())
    places = [
        f"{own} of rank {rank}"
        for rank in ranks
        for own in _of_set(ranked[rank], nodes)
    ]  # fmt: skip
    raise TopologyError(
        f"{len(twice)} cells are there twice: {sorted(nodes)} is cell {' and '.join(places)}.  A "
        "set of nodes has one rank: leave one out, or pass same_set='skip' to keep the first"
    )


def check_ranks(ranked: Mapping[int, Cells], n_nodes: int) -> None:
    """Check that no cell lies within one of lower rank.

    Raises:
        TopologyError: one does.
    """
    ranks = sorted(rank for rank, cells in ranked.items() if rank and len(cells))
    for high in ranks:
        for low in ranks[: ranks.index(high)]:
            pairs = within(ranked[high], ranked[low], n_nodes)
            if len(pairs.inner):
                x, y = int(pairs.inner[0]), int(pairs.outer[0])
                raise TopologyError(
                    f"{len(pairs.inner)} cells of rank {high} lie within cells of rank {low}: "
                    f"{sorted(ranked[high][x].tolist())} (cell {x}) is part of "
                    f"{sorted(ranked[low][y].tolist())} (cell {y}).  A part has no higher rank "
                    "than the whole"
                )


def check_ids(ids: Mapping[int, Int64[np.ndarray, " _"]]) -> None:
    """Check that no two cells have one id.

    Raises:
        TopologyError: two have.
    """
    every, counts = np.unique(np.concatenate(list(ids.values())), return_counts=True)
    if bool((counts > 1).any()):
        raise TopologyError(
            f"ids are of one cell each: {every[counts > 1][0]} is given {counts.max()} times; ids "
            "that are not given count the nodes and then the cells by rank"
        )


def _of_set(cells: Cells, nodes: set[int]) -> list[int]:
    """Cells that are a set of nodes."""
    alike = np.flatnonzero(cells.sizes == len(nodes))
    return [int(row) for row in alike if set(cells[int(row)].tolist()) == nodes]


def without_repeats(cells: Cells, before: Cells | None) -> tuple[Cells, Int64[np.ndarray, " kept"]]:
    """Cells that no cell before them equals.

    Args:
        cells: some.
        before: cells that were there already.

    Returns:
        Those that are kept, and which of the given they are.
    """
    earlier = len(before) if before is not None else 0
    every = cells if before is None else Cells.join([before, cells])
    kept = np.flatnonzero(~repeated(every)[earlier:])
    return cells.take(kept), kept
