"""What can be said of a complex in numbers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph

from unfrozen.topology.complex import (
    Cells,
    Complex,
    Relation,
    adjacency,
    coadjacency,
    incidence,
)
from unfrozen.topology.homology import homology

_SIZES = 12  # of cells of a rank that have a row each
_PRODUCTS = 30_000_000  # that make a matrix of neighbours; of more it is not made


@dataclass(frozen=True)
class Sized:
    """Cells of a rank by how many nodes they have.

    Attributes:
        rank: of the cells.
        least: nodes of the smallest.
        most: nodes of the largest.
        cells: how many there are.
    """

    rank: int
    least: int
    most: int
    cells: int


@dataclass(frozen=True)
class Neighbours:
    """How many cells each one hears of by a relation.

    Attributes:
        matrix: as papers write it.
        rank: of the cells that hear.
        told: what of, in words.
        entries: of its matrix; none where there are too many.
        least: of a cell.
        mean: over cells.
        most: of a cell.
        without: cells that have none.
    """

    matrix: str
    rank: int
    told: str
    entries: int | None
    least: int | None = None
    mean: float | None = None
    most: int | None = None
    without: int | None = None


@dataclass(frozen=True)
class Statistics:
    """A complex in numbers.

    Attributes:
        nodes: how many there are.
        cells: by rank and size.
        neighbours: by relation.
        euler: cells of even rank less those of odd rank.
        components: parts that no cell connects.
        betti: number of each rank, none where it is not known.
        unoriented: rank -> why its cells have no boundary.
    """

    nodes: int
    cells: tuple[Sized, ...]
    neighbours: tuple[Neighbours, ...]
    euler: int
    components: int
    betti: tuple[int | None, ...]
    unoriented: dict[int, str]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON; of what breaks an axiom there are no statistics."""
        unoriented = {str(rank): why for rank, why in self.unoriented.items()}
        return {**asdict(self), "unoriented": unoriented, "axioms": True}


def measure(
    cells: Complex, report: Callable[[str, int, int], None] = lambda *_: None
) -> Statistics:
    """Statistics of a complex, whose axioms are checked anew.

    Args:
        cells: of any kind.
        report: told what is done, how much of it, and of how much.

    Raises:
        TopologyError: an axiom is broken.
    """
    # A complex that comes from a lift was trusted to be one.
    Complex({rank: cells.cells(rank) for rank in cells.ranks[1:]}, n_nodes=cells.n_nodes)
    known = relations(cells)
    steps = len(known) + 2
    neighbours = []
    for at, (relation, told) in enumerate(known):
        report("Measuring", at, steps)
        neighbours.append(_neighbours(cells, relation, told))
    report("Measuring", len(known), steps)
    parts = components(cells)
    report("Measuring", len(known) + 1, steps)
    found = homology(cells)
    report("Measuring", steps, steps)
    return Statistics(
        nodes=cells.n_nodes,
        cells=tuple(each for rank in cells.ranks for each in _sized(rank, cells.cells(rank))),
        neighbours=tuple(neighbours),
        euler=sum((-1) ** rank * cells.n_cells(rank) for rank in cells.ranks),
        components=parts,
        betti=found.betti,
        unoriented=found.unoriented,
    )


def components(cells: Complex) -> int:
    """Parts of a complex that no cell connects."""
    every = Cells.join([cells.cells(rank) for rank in cells.ranks])
    # Each cell is a vertex that is joined to its nodes; those of rank 0 are the nodes themselves.
    n = len(every)
    joined = sp.csr_array(
        (np.ones(len(every.members), bool), (every.owners, every.members)), (n, n)
    )
    return int(csgraph.connected_components(joined, directed=False, return_labels=False))


def _sized(rank: int, cells: Cells) -> list[Sized]:
    sizes, counts = np.unique(cells.sizes, return_counts=True)
    if len(sizes) <= _SIZES:
        return [
            Sized(rank, size, size, count)
            for size, count in zip(sizes.tolist(), counts.tolist(), strict=True)
        ]
    return [
        Sized(rank, int(own[0]), int(own[-1]), int(counts[np.isin(sizes, own)].sum()))
        for own in np.array_split(sizes, _SIZES)
    ]


def relations(cells: Complex) -> list[tuple[Relation, str]]:
    """Who hears of whom in a complex, each with what of, in words."""
    ranks = cells.ranks
    found = []
    for low in ranks:
        for high in (rank for rank in ranks if rank > low):
            up = incidence(low, high)
            found.append((up, f"rank {high} around it"))
            found.append((up.T, f"rank {low} within it"))
    for low, high in pairwise(ranks):
        found.append((adjacency(low, via=high), f"rank {low} by rank {high}"))
    for low, high in pairwise(ranks):
        found.append((coadjacency(high, via=low), f"rank {high} by rank {low}"))
    return found


def _neighbours(cells: Complex, relation: Relation, told: str) -> Neighbours:
    if relation.via is not None:
        low, high = sorted((relation.target, relation.via))
        b = cells.incidence(low, high)
        shared = b if relation.target == high else b.T
        if int((shared.degrees**2).sum()) > _PRODUCTS:
            return Neighbours(str(relation), relation.target, told, None)
    degrees = cells.neighbourhood(relation).degrees
    return Neighbours(
        matrix=str(relation),
        rank=relation.target,
        told=told,
        entries=int(degrees.sum()),
        least=int(degrees.min()),
        mean=round(float(degrees.double().mean()), 3),
        most=int(degrees.max()),
        without=int((degrees == 0).sum()),
    )
