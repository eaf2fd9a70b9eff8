"""Complexes of tests: random ones, and surfaces of which everything is known."""

import random

import numpy as np
from hypothesis import strategies as st
from tests.draws import normal32

from unfrozen.topology.complex import Complex, Relation


@st.composite
def sets_by_rank(draw, n_nodes=7, most=12):
    """Rank -> sets of nodes that make a complex; ranks may have gaps and cells of one may nest."""
    n = draw(st.integers(2, n_nodes))
    sets = draw(
        st.lists(
            st.lists(st.integers(0, n - 1), min_size=2, max_size=n, unique=True),
            max_size=most,
            unique_by=frozenset,
        )
    )
    ranked: dict[frozenset[int], tuple[int, list[int]]] = {}
    for nodes in sorted(sets, key=len):
        own = frozenset(nodes)
        lowest = max([1, *(rank for part, (rank, _) in ranked.items() if part < own)])
        ranked[own] = (lowest + draw(st.integers(0, 2)), nodes)
    found: dict[int, list[list[int]]] = {}
    for rank, nodes in draw(st.permutations(list(ranked.values()))):
        found.setdefault(rank, []).append(nodes)
    return n, found


@st.composite
def complexes(draw, n_nodes=7, most=12, features=False):
    """Random complexes, with features of some ranks where asked."""
    n, cells = draw(sets_by_rank(n_nodes, most))
    ranks = draw(st.sets(st.sampled_from([0, *cells]))) if features else ()
    # Shapes are checked by chance, and hypothesis must not think that this depends on it.
    state = random.getstate()
    made = Complex(cells, n_nodes=n)
    for rank in ranks:
        made = made.with_features(rank, normal32(rank, made.n_cells(rank), 1 + rank))
    random.setstate(state)
    return made


def sets(complex_: Complex, rank: int) -> list[frozenset[int]]:
    """The cells of a rank, as sets."""
    return [frozenset(complex_.cells(rank)[i].tolist()) for i in range(complex_.n_cells(rank))]


def by_definition(complex_: Complex, relation: Relation) -> np.ndarray:
    """A binary matrix, asked of every pair of cells."""
    rows, columns = sets(complex_, relation.target), sets(complex_, relation.source)
    between = [] if relation.via is None else sets(complex_, relation.via)

    def entry(x: frozenset[int], y: frozenset[int]) -> bool:
        if relation.kind == "incidence":
            return x < y or y < x
        if relation.kind == "adjacency":
            return x != y and any(x < z and y < z for z in between)
        if relation.kind == "coadjacency":
            return x != y and any(z < x and z < y for z in between)
        return x == y

    found = [[entry(x, y) for y in columns] for x in rows]
    return np.array(found, np.float32).reshape(len(rows), len(columns))


def faces_and_edges(faces: list[list[int]]) -> Complex:
    """A surface of polygons, with the edges that they have."""
    pairs = {
        frozenset((a, b)): (a, b)
        for face in faces
        for a, b in zip(face, [*face[1:], face[0]], strict=True)
    }
    return Complex({1: list(pairs.values()), 2: faces})


def grid(across: int, up: int, *, twisted: bool = False, closed: bool = True) -> Complex:
    """Triangles of a rectangle whose left and right sides are one, turned over where twisted.

    Its lower and upper sides are one too where closed: a torus or a Klein bottle, otherwise a
    ring or a Möbius strip.
    """
    rows = up if closed else up + 1

    def node(i: int, j: int) -> int:
        if i == across:
            i, j = 0, (-j if closed else up - j) if twisted else j
        return i * rows + j % rows

    faces = []
    for i in range(across):
        for j in range(up):
            a, b = node(i, j), node(i + 1, j)
            c, d = node(i, j + 1), node(i + 1, j + 1)
            faces += [[a, b, d], [a, d, c]]
    return faces_and_edges(faces)


TETRAHEDRON = faces_and_edges([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
CUBE = faces_and_edges(
    [[0, 1, 2, 3], [4, 7, 6, 5], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]
)
# Six nodes suffice for the projective plane (Möbius 1886).
PROJECTIVE = faces_and_edges(
    [
        [0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5], [0, 5, 1],
        [1, 2, 4], [2, 3, 5], [3, 4, 1], [4, 5, 2], [5, 1, 3],
    ]
)  # fmt: skip
# Name -> surface, and its Betti numbers over the reals.
SURFACES: dict[str, tuple[Complex, tuple[int, int, int]]] = {
    "sphere": (TETRAHEDRON, (1, 0, 1)),
    "cube": (CUBE, (1, 0, 1)),
    "torus": (grid(4, 3), (1, 2, 1)),
    "Klein bottle": (grid(4, 4, twisted=True), (1, 1, 0)),
    "Möbius strip": (grid(5, 1, twisted=True, closed=False), (1, 1, 0)),
    "ring": (grid(4, 2, closed=False), (1, 1, 0)),
    "projective plane": (PROJECTIVE, (1, 0, 0)),
}
