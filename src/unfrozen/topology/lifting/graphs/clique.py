"""The clique complex of a graph: every set of nodes that are all joined is a simplex."""

import numpy as np
from jaxtyping import Bool, Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.complex.sets.cells import spans
from unfrozen.topology.lifting.base.adjacency import Adjacency
from unfrozen.topology.lifting.base.augmentation import Reduction, augment

_AT_ONCE = 2_000_000  # candidates looked at together
_TABLE = 4096  # nodes up to which a table of all pairs is kept


def cliques(
    complex: Complex,  # noqa: A002
    rank: int = 2,
    *,
    features: Reduction | None = None,
    most: int = 20_000_000,
) -> Complex:
    """A complex with the cliques of its graph as simplices: k + 1 nodes are a cell of rank k.

    The nodes of a simplex ascend, which orients it.

    Args:
        complex: whose cells of rank 1 are the edges.
        rank: the highest of simplices.
        features: how those of the nodes make those of a simplex of rank 2 or more.
        most: simplices of a rank to take.

    Raises:
        TopologyError: the rank is below 2, or there are more simplices than are to be taken.

    Source: Kahle 2009 for the complex; each clique is grown in an order of its nodes by degree, as
        in Chiba and Nishizeki 1985.

    Example:
        >>> import itertools
        >>> cliques(Complex({1: list(itertools.combinations(range(4), 2))}), 3)
        Complex(4 nodes, 6 of rank 1, 4 of rank 2, 1 of rank 3)
    """
    if rank < 2:
        raise TopologyError(f"triangles are of rank 2, and nothing is to be added at rank {rank}")
    found = simplices(Adjacency.of(complex), rank, most)
    for at, cells in enumerate(found, 2):
        complex = augment(complex, at, cells, features)  # noqa: A001
    return complex


def simplices(
    graph: Adjacency, rank: int, most: int = 20_000_000
) -> list[Int64[np.ndarray, "clique node"]]:
    """The cliques of 3 nodes, of 4, and so on up to a rank, each by its nodes in ascending order.

    All cliques of a size are grown to the next together, each by later nodes only, so that none is
    found twice.

    Args:
        graph: without loops.
        rank: nodes of the largest, less one.
        most: cliques of a size to find.

    Raises:
        TopologyError: there are more.
    """
    n = len(graph)
    # Nodes of many neighbours come last, so that none has many later ones.
    order = np.lexsort((np.arange(n), graph.degrees))
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    later = _Later(np.sort(place[graph.edges], 1), n)
    grown = later.edges
    found = []
    for _ in range(2, rank + 1):
        grown = _grow(grown, later, most)
        rows = np.sort(order[grown], 1)
        found.append(rows[np.lexsort(rows.T[::-1])])
    return found


class _Later:
    """The later neighbours of each node, and whether two nodes are joined."""

    def __init__(self, edges: Int64[np.ndarray, "edge 2"], n_nodes: int) -> None:
        self.n = n_nodes
        self.keys = np.sort(edges[:, 0] * n_nodes + edges[:, 1])
        tails = self.keys // n_nodes
        self.heads = self.keys - tails * n_nodes
        self.edges = np.stack([tails, self.heads], 1)
        self.sizes = np.bincount(tails, minlength=n_nodes)
        self.begins = np.cumsum(self.sizes) - self.sizes
        self.table = None
        if n_nodes <= _TABLE:
            self.table = np.zeros(n_nodes * n_nodes, bool)
            self.table[self.keys] = True

    def joined(
        self, tails: Int64[np.ndarray, " pair"], heads: Int64[np.ndarray, " pair"]
    ) -> Bool[np.ndarray, " pair"]:
        """Whether there is an edge from a node to a later one."""
        keys = tails * self.n + heads
        if self.table is not None:
            return self.table[keys]
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return self.keys[at] == keys


def _grow(
    cliques: Int64[np.ndarray, "clique node"], later: _Later, most: int
) -> Int64[np.ndarray, "larger node_and_one"]:
    """All cliques of one node more."""
    size = cliques.shape[1]
    # What can be added is a later neighbour of every node: look at those of the one with fewest.
    fewest = cliques[np.arange(len(cliques)), later.sizes[cliques].argmin(1)]
    many = later.sizes[fewest]
    ends = np.cumsum(many)
    found, count, begin = [cliques[:0, :1].repeat(size + 1, 1)], 0, 0
    while begin < len(cliques):
        done = ends[begin] - many[begin]
        end = max(begin + 1, int(np.searchsorted(ends, done + _AT_ONCE, "right")))
        rows = np.repeat(np.arange(begin, end), many[begin:end])
        nodes = later.heads[spans(later.begins[fewest[begin:end]], many[begin:end])]
        kept = nodes > cliques[rows, -1]
        for at in range(size):
            rows, nodes = rows[kept], nodes[kept]
            kept = later.joined(cliques[rows, at], nodes)
        rows, nodes = rows[kept], nodes[kept]
        count += len(rows)
        if count > most:
            raise TopologyError(
                f"there are more than {most:,} cliques of {size + 1} nodes: ask for a lower rank, "
                "or for more"
            )
        found.append(np.concatenate([cliques[rows], nodes[:, None]], 1))
        begin = end
    return np.concatenate(found)
