"""What the cells of a complex look like: edges, polygons, and hulls around other sets."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float64, Int64
from scipy.spatial import ConvexHull

from unfrozen.topology.complex import Cells, Complex

_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 24, endpoint=False)) for f in (np.cos, np.sin)], 1)


@dataclass(frozen=True, eq=False)
class Shapes:
    """The cells of a complex by what they look like.

    Attributes:
        edges: of rank 1, with two nodes.
        polygons: of rank 2, with an edge from each node to the next, in this order.
        sets: the others of rank 1 and above.
        ranks: of the sets.
    """

    edges: Int64[np.ndarray, "edge 2"]
    polygons: Cells
    sets: Cells
    ranks: Int64[np.ndarray, " set"]

    @classmethod
    def of(cls, complex: Complex, seen: Bool[np.ndarray, " node"]) -> "Shapes":  # noqa: A002
        """Those of a complex all of whose nodes are seen."""
        ranked = {
            rank: complex.cells(rank).take(np.flatnonzero(_inside(complex.cells(rank), seen)))
            for rank in complex.ranks[1:]
        }
        none = Cells.from_sizes([], np.zeros(0, np.int64))
        ones = ranked.pop(1, none)
        pairs = ones.sizes == 2
        edges = ones.take(np.flatnonzero(pairs)).members.reshape(-1, 2)
        two = ranked.pop(2, none)
        round_ = _round(two, edges, complex.n_nodes)
        others = {
            1: ones.take(np.flatnonzero(~pairs)),
            2: two.take(np.flatnonzero(~round_)),
            **ranked,
        }
        return cls(
            edges,
            two.take(np.flatnonzero(round_)),
            Cells.join(list(others.values())),
            np.repeat(list(others), [len(cells) for cells in others.values()]),
        )


def hull(points: Float64[np.ndarray, "node 2"], radius: float) -> Float64[np.ndarray, "corner 2"]:
    """A round border around points, on the way round."""
    around = (points[:, None] + radius * _CIRCLE).reshape(-1, 2)
    return around[ConvexHull(around).vertices]


def owners(polygons: Cells, sets: Cells, n_nodes: int) -> Int64[np.ndarray, " polygon"]:
    """The smallest set that each polygon lies in, -1 where there is none."""
    found = np.full(len(polygons), -1)
    if not len(sets) or not len(polygons):
        return found
    shared = (_matrix(polygons, n_nodes) @ _matrix(sets, n_nodes).T).tocoo()
    whole = shared.data == polygons.sizes[shared.row]
    rows, columns = shared.row[whole], shared.col[whole]
    # The smallest is written last.
    order = np.lexsort((-columns, -sets.sizes[columns]))
    found[rows[order]] = columns[order]
    return found


def told_apart(sets: Cells, n_nodes: int, colours: int) -> Int64[np.ndarray, " set"]:
    """A colour for each set, those that share a node having others as long as there are enough."""
    matrix = _matrix(sets, n_nodes)
    beside = sp.csr_array(matrix @ matrix.T)
    found, used = np.full(len(sets), -1), np.zeros(colours, np.int64)
    for at in range(len(sets)):
        near = found[beside.indices[beside.indptr[at] : beside.indptr[at + 1]]]
        free = np.setdiff1d(np.arange(colours), near) if len(near) else np.arange(colours)
        choice = free if len(free) else np.arange(colours)
        found[at] = choice[used[choice].argmin()]
        used[found[at]] += 1
    return found


def joins(
    complex: Complex,  # noqa: A002
) -> tuple[Int64[np.ndarray, " member"], Int64[np.ndarray, " member"], int]:
    """Each node of each cell of rank 1 and above, the cell, and how many cells there are."""
    cells = Cells.join([complex.cells(rank) for rank in complex.ranks[1:]])
    return cells.members, cells.owners, len(cells)


def _inside(cells: Cells, seen: Bool[np.ndarray, " node"]) -> Bool[np.ndarray, " cell"]:
    if not len(cells):
        return np.zeros(0, bool)
    return np.logical_and.reduceat(seen[cells.members], cells.pointers[:-1])


def bare(shapes: Shapes, n_nodes: int) -> Int64[np.ndarray, "edge 2"]:
    """Edges that are no side of a polygon."""
    polygons = shapes.polygons
    sides = _keys(polygons.members, following(polygons), n_nodes)
    return shapes.edges[~np.isin(_keys(shapes.edges[:, 0], shapes.edges[:, 1], n_nodes), sides)]


def following(cells: Cells) -> Int64[np.ndarray, " membership"]:
    """The node after each, on the way round its cell."""
    place = np.arange(len(cells.members)) + 1
    place[cells.pointers[1:] - 1] = cells.pointers[:-1]
    return cells.members[place]


def _keys(
    one: Int64[np.ndarray, " pair"], other: Int64[np.ndarray, " pair"], n_nodes: int
) -> Int64[np.ndarray, " pair"]:
    """A number for each pair of nodes, in either order."""
    return np.minimum(one, other) * n_nodes + np.maximum(one, other)


def _round(
    cells: Cells, edges: Int64[np.ndarray, "edge 2"], n_nodes: int
) -> Bool[np.ndarray, " cell"]:
    """Whether each node of a cell has an edge to the next."""
    if not len(cells) or not len(edges):
        return np.zeros(len(cells), bool)
    sides = _keys(cells.members, following(cells), n_nodes)
    there = np.isin(sides, _keys(edges[:, 0], edges[:, 1], n_nodes))
    return np.logical_and.reduceat(there, cells.pointers[:-1]) & (cells.sizes > 2)


def _matrix(cells: Cells, n_nodes: int) -> sp.csr_array:
    ones = np.ones(len(cells.members), np.int64)
    return sp.csr_array((ones, cells.members, cells.pointers), shape=(len(cells), n_nodes))
