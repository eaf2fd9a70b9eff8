"""Paths: walks along edges that come to no node twice."""

import numpy as np
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting.base.adjacency import Adjacency
from unfrozen.topology.lifting.base.augmentation import Reduction, augment


def paths(
    complex: Complex,  # noqa: A002
    length: int = 2,
    *,
    features: Reduction | None = None,
    most: int = 10_000_000,
) -> Complex:
    """A complex with the nodes of each simple path of a length as a cell of rank 2.

    Paths through the same nodes are one cell, in the order of the first of them.  Those that are a
    cell already, as those around a ring are, are skipped.

    Args:
        complex: whose cells of rank 1 are the edges.
        length: edges of a path.
        features: how those of the nodes make those of a cell.
        most: paths to take.

    Raises:
        TopologyError: paths are shorter than two edges, or there are more.

    Source: Hajij et al. 2022, appendix B.2 (path-based).

    Example:
        >>> paths(Complex({1: [[0, 1], [1, 2], [2, 3]]})).cells(2)[1]
        array([1, 2, 3])
    """
    found = simple_paths(Adjacency.of(complex), length, most)
    _, first = np.unique(_numbers(np.sort(found, 1), complex.n_nodes), return_index=True, axis=0)
    return augment(complex, 2, found[np.sort(first)], features)


def simple_paths(
    graph: Adjacency, length: int, most: int = 10_000_000
) -> Int64[np.ndarray, "path node"]:
    """All simple paths of a length, each from the lower of its two ends, in ascending order.

    Args:
        graph: without loops.
        length: edges of a path.
        most: paths to find, of this length or shorter.

    Raises:
        TopologyError: paths are shorter than two edges, or there are more.
    """
    if length < 2:
        raise TopologyError(f"a path has two edges or more, not {length}: with one it is an edge")
    found = np.arange(len(graph))[:, None]
    for _ in range(length):
        found = _longer(found, graph)
        # Each path is come to from both its ends.
        if len(found) > 2 * most:
            raise TopologyError(
                f"there are more than {most:,} paths of up to {length} edges: ask for shorter "
                "ones, or for more"
            )
    return found[found[:, 0] < found[:, -1]]


def _longer(
    walks: Int64[np.ndarray, "path node"], graph: Adjacency
) -> Int64[np.ndarray, "longer node_and_one"]:
    """All that go on from the ends of paths to a node that is new to them."""
    rows, nodes = graph.around(walks[:, -1])
    fresh = np.ones(len(rows), bool)
    for at in range(walks.shape[1] - 1):
        fresh &= walks[rows, at] != nodes
    return np.concatenate([walks[rows[fresh]], nodes[fresh, None]], 1)


def _numbers(rows: Int64[np.ndarray, "path node"], n: int) -> np.ndarray:
    """The same rows as single numbers where these are not too large."""
    if n ** rows.shape[1] >= 2**63:
        return rows
    return rows @ (n ** np.arange(rows.shape[1] - 1, -1, -1, dtype=np.int64))
