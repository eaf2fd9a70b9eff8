"""Betti numbers: how many parts, holes and voids a complex has, exactly.

Boundary matrices are brought to echelon form modulo a large prime, column by column, as persistent
homology does (Zomorodian and Carlsson 2005), from the highest rank down: a cell whose boundary is
a pivot need not be looked at again (Chen and Kerber 2011).  Numbers are those over the rationals
unless the homology has torsion of just that prime.
"""

from itertools import pairwise
from typing import NamedTuple

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, Neighbourhood

_PRIME = 2**31 - 1
_CELLS = 2_000_000  # beyond which only orientations are looked at
_STEPS = 20_000_000  # entries that are added until it is given up


class Homology(NamedTuple):
    """What is known of a complex as a chain complex.

    Attributes:
        unoriented: rank -> why its cells have no boundary; empty where all have one.
        betti: number of each rank from 0 up, none where it is not known.
    """

    unoriented: dict[int, str]
    betti: tuple[int | None, ...]


def homology(cells: Complex, steps: int = _STEPS, most: int = _CELLS) -> Homology:
    """Betti numbers of the ranks that have orientations below and above.

    Args:
        cells: of any kind.
        steps: of the elimination; numbers that take more are left open.
        most: cells; numbers of larger complexes are left open.
    """
    unoriented: dict[int, str] = {}
    columns: dict[int, list[dict[int, int]]] = {}
    for rank in cells.ranks[1:]:
        if not cells.n_cells(rank - 1):
            unoriented[rank] = f"there are no cells of rank {rank - 1} to bound them"
            continue
        try:
            boundary = cells.incidence(rank - 1, rank, signed=True).to("cpu").T
        except TopologyError as error:
            unoriented[rank] = str(error)
            continue
        if len(cells) <= most:
            columns[rank] = _columns(boundary)
    known: dict[int, int | None] = {0: 0, cells.dim + 1: 0}
    cleared: set[int] = set()
    for rank in range(cells.dim, 0, -1):
        if rank not in columns:
            known[rank], cleared = None, set()
            continue
        pivots, steps = _reduced(columns[rank], cleared, steps)
        known[rank] = None if pivots is None else len(pivots)
        cleared = pivots or set()
    betti = []
    for rank in range(cells.dim + 1):
        below, above = known[rank], known[rank + 1]
        found = None if below is None or above is None else cells.n_cells(rank) - below - above
        betti.append(found)
    return Homology(unoriented, tuple(betti))


def _columns(found: Neighbourhood) -> list[dict[int, int]]:
    """The boundary of each cell of a rank: cells below it, with their signs."""
    rows, begins = found.columns.tolist(), found.pointers.tolist()
    values = [] if found.values is None else found.values.long().tolist()
    return [
        dict(zip(rows[begin:end], values[begin:end], strict=True))
        for begin, end in pairwise(begins)
    ]


def _reduced(
    columns: list[dict[int, int]], cleared: set[int], steps: int
) -> tuple[set[int] | None, int]:
    """The pivots of the columns, as many as their rank is; and how many steps are left."""
    by_pivot: dict[int, dict[int, int]] = {}
    for at, column in enumerate(columns):
        if at in cleared:
            continue
        own = dict(column)
        while own:
            pivot = max(own)
            other = by_pivot.get(pivot)
            if other is None:
                inverse = pow(own[pivot], -1, _PRIME)
                by_pivot[pivot] = {row: x * inverse % _PRIME for row, x in own.items()}
                break
            times = own[pivot]
            for row, x in other.items():
                total = (own.get(row, 0) - times * x) % _PRIME
                if total:
                    own[row] = total
                else:
                    own.pop(row, None)
            steps -= len(other) + len(own)
            if steps < 0:
                return None, 0
    return set(by_pivot), steps
