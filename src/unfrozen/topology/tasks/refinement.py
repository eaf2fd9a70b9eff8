"""Exact colour refinement (Weisfeiler-Leman) on complexes: what no message passing can tell apart.

Cells are nodes of the augmented Hasse graph, and matrices of the complex its edges.  All cells of a
rank begin alike; in each round a cell's new colour is its old one with the multisets of colours
that it hears of by each relation.  Two complexes whose colours are as many of each kind look the
same to every network that passes messages along those relations, whatever its weights (Xu et al.
2019; Bodnar et al. 2021).  On a graph with `adjacency(0)` this is 1-WL.

Complexes are refined side by side, so that a colour means the same in all of them.  Colours are
numbered in the order of what they stand for, never hashed: equal numbers are equal colours, and how
cells are numbered does not matter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.complex.matrices.relation import Relation, adjacency, incidence
from unfrozen.topology.lifting import cliques, rings
from unfrozen.topology.tasks.strongly_regular import FAMILIES, strongly_regular

Colours = Int64[np.ndarray, " _"]


@dataclass(frozen=True)
class Refined:
    """Colours of the cells of some complexes.

    Attributes:
        colours: rank -> colours of the cells of all complexes, one complex after the other.
        owners: rank -> the complex of each.
        rounds: until no colour split any more, or as many as were asked.
    """

    colours: Mapping[int, Colours]
    owners: Mapping[int, Colours]
    rounds: int

    def of(self, complex_: int) -> dict[int, Colours]:
        """Colours of the cells of one complex."""
        return {r: own[self.owners[r] == complex_] for r, own in self.colours.items()}

    def kinds(self, n_complexes: int) -> Int64[np.ndarray, " complex"]:
        """A number for each complex: those with equal ones look alike."""
        counts = [
            _histograms(self.owners[r], own, n_complexes) for r, own in sorted(self.colours.items())
        ]
        return np.unique(np.concatenate(counts, 1), axis=0, return_inverse=True)[1].reshape(-1)


def refine(
    complexes: Sequence[Complex],
    relations: Sequence[Relation],
    *,
    rounds: int | None = None,
    colours: Sequence[Mapping[int, Colours]] | None = None,
) -> Refined:
    """Refine colours until they stay.

    Args:
        complexes: side by side.
        relations: whom cells hear of.
        rounds: so many only.
        colours: of each complex, to begin with, such as labels of nodes; of ranks that are not
            there all cells begin alike.

    Raises:
        TopologyError: a relation counts orientations, or colours do not fit.
    """
    signed = [str(relation) for relation in relations if relation.signed]
    if signed:
        raise TopologyError(f"colours have no signs: {', '.join(signed)} cannot be heard of by")
    if not complexes:
        raise TopologyError("there are no complexes to refine")
    ranks = sorted({rank for each in complexes for rank in each.ranks})
    owners = {
        r: np.repeat(np.arange(len(complexes)), [each.n_cells(r) for each in complexes])
        for r in ranks
    }
    matrices = [
        (relation, sp.csr_array(sp.block_diag([_matrix(each, relation) for each in complexes])))
        for relation in relations
        if {relation.target, relation.source} <= set(ranks)
    ]
    now = _numbered({r: [_beginning(complexes, colours, r)] for r in ranks})
    done = 0
    while rounds is None or done < rounds:
        seen = {r: [own] for r, own in now.items()}
        for relation, matrix in matrices:
            seen[relation.target].append(_multisets(matrix, now[relation.source]))
        after = _numbered(seen)
        # Colours only ever split, so as many of them as before are the same as before.
        if _many(after) == _many(now):
            break
        now, done = after, done + 1
    return Refined(now, owners, done)


def unseparated(complexes: Sequence[Complex], relations: Sequence[Relation]) -> int:
    """Pairs of complexes that refinement leaves alike."""
    counts = np.bincount(refine(complexes, relations).kinds(len(complexes)))
    return int((counts * (counts - 1) // 2).sum())


def immediate(complex_: Complex) -> tuple[Relation, ...]:
    """Incidence of each rank with the next that there is, both ways: the Hasse diagram."""
    steps = zip(complex_.ranks, complex_.ranks[1:], strict=False)
    down = [incidence(low, high) for low, high in steps]
    return (*down, *(relation.T for relation in down))


def cellular(complex_: Complex) -> tuple[Relation, ...]:
    """Those of cellular refinement: incidence of ranks next to each other, and neighbours above.

    Source: Bodnar et al. 2021, but that a neighbour is not told together with the cell above.
    """
    steps = zip(complex_.ranks, complex_.ranks[1:], strict=False)
    return (*immediate(complex_), *(adjacency(low, via=high) for low, high in steps))


Lift = Callable[[Complex], Complex]


def strongly_regular_failures(
    lift: Lift | None = None,
    relations: Callable[[Complex], Sequence[Relation]] = immediate,
) -> dict[str, int]:
    """Pairs of strongly regular graphs that stay alike, by family: of 157 in all.

    Args:
        lift: from a graph to a complex; none leaves the graphs as they are.
        relations: of a lifted graph, from its ranks; the first of a family is asked.

    Source: Bodnar et al. 2021 for the question, which they put to networks of random weights.
    """
    found = {}
    for family in FAMILIES:
        graphs = strongly_regular(family)
        lifted = graphs if lift is None else tuple(map(lift, graphs))
        most = max(lifted, key=lambda each: len(each.ranks))
        found[family] = unseparated(lifted, tuple(relations(most)))
    return found


EXPRESSIVITY: dict[str, Lift | None] = {
    "graph": None,
    "triangles": partial(cliques, rank=2),
    "cliques": partial(cliques, rank=4),
    "rings of up to 4": partial(rings, longest=4),
    "rings of up to 5": partial(rings, longest=5),
}
"""What is compared: name -> lift."""


def expressivity(
    lifts: Mapping[str, Lift | None] = EXPRESSIVITY,
) -> dict[str, dict[str, int]]:
    """Lift -> family -> pairs of strongly regular graphs that stay alike, of 157 in all."""
    return {name: strongly_regular_failures(lift) for name, lift in lifts.items()}


def _matrix(complex_: Complex, relation: Relation) -> sp.csr_array:
    shape = (complex_.n_cells(relation.target), complex_.n_cells(relation.source))
    if 0 in shape:
        return sp.csr_array(shape, dtype=np.float32)
    return complex_.neighbourhood(relation).scipy()


def _beginning(
    complexes: Sequence[Complex], colours: Sequence[Mapping[int, Colours]] | None, rank: int
) -> Colours:
    if colours is None:
        return np.zeros(sum(each.n_cells(rank) for each in complexes), np.int64)
    if len(colours) != len(complexes):
        raise TopologyError(f"{len(colours)} colourings are not one for each of {len(complexes)}")
    parts = []
    for each, own in zip(complexes, colours, strict=True):
        part = np.asarray(own.get(rank, np.zeros(each.n_cells(rank), np.int64)), np.int64)
        if part.shape != (each.n_cells(rank),):
            raise TopologyError(
                f"colours of {list(part.shape)} are not one for each of {each.n_cells(rank)} cells "
                f"of rank {rank}"
            )
        parts.append(part)
    return np.concatenate(parts)


def _numbered(seen: Mapping[int, list[Colours]]) -> dict[int, Colours]:
    """For each rank, a number for each combination of what a cell sees."""
    found = {}
    for rank, columns in seen.items():
        number = columns[0]
        for column in columns[1:]:
            number = _pairs(number, column)
        found[rank] = np.unique(number, return_inverse=True)[1].reshape(-1)
    return found


def _pairs(one: Colours, other: Colours) -> Colours:
    """A number for each pair, in the order of the pairs."""
    size = int(other.max(initial=0)) + 2
    low = int(other.min(initial=0))
    keys = one * (size - low) + (other - low)
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def _multisets(matrix: sp.csr_array, colours: Colours) -> Colours:
    """A number for the multiset of colours that each row hears of.

    A multiset is the list of its colours in ascending order with how often each is there.  Lists
    are numbered element by element: those that have ended keep the number that they have, which is
    none of the others', since those that go on are numbered above.
    """
    n = len(matrix.indptr) - 1
    rows = np.repeat(np.arange(n), np.diff(matrix.indptr))
    size = int(colours.max(initial=0)) + 1
    keys, counts = np.unique(rows * size + colours[matrix.indices], return_counts=True)
    owner, colour = keys // size, keys % size
    element = _pairs(colour, counts)
    lengths = np.bincount(owner, minlength=n)
    begins = np.cumsum(lengths) - lengths
    number = np.zeros(n, np.int64)
    going = np.flatnonzero(lengths)
    turn, base = 0, 1
    while len(going):
        longer = _pairs(number[going], element[begins[going] + turn])
        number[going] = longer + base
        base += int(longer.max()) + 1
        turn += 1
        going = going[lengths[going] > turn]
    return number


def _many(colours: Mapping[int, Colours]) -> int:
    return sum(int(own.max(initial=-1)) + 1 for own in colours.values())


def _histograms(
    owners: Colours, colours: Colours, n_complexes: int
) -> Int64[np.ndarray, "complex colour"]:
    size = int(colours.max(initial=0)) + 1
    counts = np.bincount(owners * size + colours, minlength=n_complexes * size)
    return counts.reshape(n_complexes, size)
