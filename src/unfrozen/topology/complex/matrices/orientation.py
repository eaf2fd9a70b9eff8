"""Signs of incidence where cells are oriented: edges, polygons and simplices.

A cell is oriented by the order in which its nodes were given: an edge runs from its first to its
second, a face goes round, a simplex is even or odd.  Source: Hatcher 2002, section 2.1 (boundary of
a simplex); for polygons the boundary is the sum of the edges on the way round.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.sets.cells import Cells
from unfrozen.topology.complex.sets.containment import Within


def signs(low: int, parts: Cells, wholes: Cells, pairs: Within) -> Int64[np.ndarray, " pair"]:
    """+1 where a part is oriented as the whole's boundary is, -1 where it is against it.

    Args:
        low: rank of the parts; the wholes are of the next.
        parts: cells.
        wholes: cells of the next rank.
        pairs: of a part and a whole.

    Raises:
        TopologyError: cells have no orientation: they are neither simplices nor polygons.
    """
    if not len(parts) or not len(wholes):
        return np.zeros(0, np.int64)
    if low == 0:
        if bool((wholes.sizes != 2).any()):
            raise TopologyError("an edge of more than two nodes has no direction")
        head = wholes.members[wholes.pointers[pairs.outer] + 1]
        return np.where(head == _first(parts, pairs.inner), 1, -1)
    if low == 1 and bool((parts.sizes == 2).all()):
        found = _round(parts, wholes, pairs)
        _check_closed(wholes, pairs, "face", "edges")
        return found
    if bool((parts.sizes == low + 1).all()) and bool((wholes.sizes == low + 2).all()):
        _check_closed(wholes, pairs, f"cell of rank {low + 1},", f"parts of rank {low}")
        return _simplicial(parts, wholes, pairs)
    raise TopologyError(
        f"cells of rank {low} and {low + 1} are not all simplices: only edges, polygons of edges "
        "and simplices have orientations here"
    )


def _check_closed(wholes: Cells, pairs: Within, whole: str, parts: str) -> None:
    """Check that boundaries are all there, or a boundary would have a boundary.

    A polygon has as many edges as nodes, and a simplex as many facets.
    """
    found = np.bincount(pairs.outer, minlength=len(wholes))
    short = np.flatnonzero(found < wholes.sizes)
    if len(short):
        row = int(short[0])
        raise TopologyError(
            f"{whole} {wholes[row].tolist()} has {found[row]} of its {wholes.sizes[row]} {parts}: "
            "orientations need them all, as otherwise a boundary has a boundary"
        )


def _first(cells: Cells, rows: Int64[np.ndarray, " pair"]) -> Int64[np.ndarray, " pair"]:
    return cells.members[cells.pointers[rows]]


def _round(edges: Cells, faces: Cells, pairs: Within) -> Int64[np.ndarray, " pair"]:
    """Whether an edge is walked forwards or backwards on the way round a face."""
    tail = _first(edges, pairs.inner)
    head = edges.members[edges.pointers[pairs.inner] + 1]
    sizes = faces.sizes[pairs.outer]
    place = _places(faces)
    at_tail, at_head = place(pairs.outer, tail), place(pairs.outer, head)
    forwards = (at_head - at_tail) % sizes == 1
    backwards = (at_tail - at_head) % sizes == 1
    if bool((~forwards & ~backwards).any()):
        row = int(np.flatnonzero(~forwards & ~backwards)[0])
        raise TopologyError(
            f"edge {edges[int(pairs.inner[row])].tolist()} is not on the way round face "
            f"{faces[int(pairs.outer[row])].tolist()}, whose nodes are taken in their order"
        )
    return np.where(forwards, 1, -1)


def _places(cells: Cells) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Where in its cell a node is, asked by cell and node."""
    n = int(cells.members.max()) + 1
    keys = cells.owners * n + cells.members
    order = np.argsort(keys)
    ascending = keys[order]

    def place(rows: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        return order[np.searchsorted(ascending, rows * n + nodes)] - cells.pointers[rows]

    return place


def _simplicial(parts: Cells, wholes: Cells, pairs: Within) -> Int64[np.ndarray, " pair"]:
    """(-1)^i of the node that is left out, against the parity in which both were given."""
    small = parts.members.reshape(len(parts), -1)
    large = wholes.members.reshape(len(wholes), -1)
    inner = np.sort(small, 1)[pairs.inner]
    outer = np.sort(large, 1)[pairs.outer]
    # The first place at which the sorted nodes differ is that of the node left out.
    alike = np.concatenate([inner == outer[:, :-1], np.zeros((len(inner), 1), bool)], 1)
    missing = np.argmin(alike, 1)
    return (1 - 2 * (missing % 2)) * _parity(small)[pairs.inner] * _parity(large)[pairs.outer]


def _parity(rows: Int64[np.ndarray, "cell node"]) -> Int64[np.ndarray, " cell"]:
    """+1 for an even permutation of the ascending order, -1 for an odd one."""
    size = rows.shape[1]
    turns = sum(
        (rows[:, i] > rows[:, j]).astype(np.int64) for i in range(size) for j in range(i + 1, size)
    )
    return 1 - 2 * (np.asarray(turns) % 2)
