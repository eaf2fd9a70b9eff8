"""A graph as its lifts read it: who is joined to whom."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.complex.sets.cells import spans


@dataclass(frozen=True, eq=False)
class Adjacency:
    """Neighbours of each node, ascending.

    Attributes:
        pointers: where those of each node begin, and where those of the last one end.
        columns: the neighbours.
    """

    pointers: Int64[np.ndarray, " node_and_one"]
    columns: Int64[np.ndarray, " neighbour"]

    @classmethod
    def of(cls, complex: Complex) -> "Adjacency":  # noqa: A002
        """That of the cells of rank 1.

        Raises:
            TopologyError: one of them does not have two nodes.
        """
        return cls.from_edges(edges_of(complex), complex.n_nodes)

    @classmethod
    def from_edges(cls, edges: Int64[np.ndarray, "edge 2"], n_nodes: int) -> "Adjacency":
        """That of edges which are there once each."""
        tails, heads = edges[:, 0], edges[:, 1]
        keys = np.concatenate([tails * n_nodes + heads, heads * n_nodes + tails])
        keys.sort()
        rows = keys // n_nodes
        pointers = np.zeros(n_nodes + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=n_nodes), out=pointers[1:])
        return cls(pointers, keys - rows * n_nodes)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self.pointers) - 1

    @property
    def degrees(self) -> Int64[np.ndarray, " node"]:
        """How many neighbours each node has."""
        return self.pointers[1:] - self.pointers[:-1]

    @property
    def edges(self) -> Int64[np.ndarray, "edge 2"]:
        """Each edge once, from its lower node, in ascending order."""
        tails = np.repeat(np.arange(len(self)), self.degrees)
        once = tails < self.columns
        return np.stack([tails[once], self.columns[once]], 1)

    def around(
        self, nodes: Int64[np.ndarray, " asked"]
    ) -> tuple[Int64[np.ndarray, " found"], Int64[np.ndarray, " found"]]:
        """Neighbours of some nodes: which of those asked each belongs to, and it."""
        begins = self.pointers[nodes]
        sizes = self.pointers[nodes + 1] - begins
        return np.repeat(np.arange(len(nodes)), sizes), self.columns[spans(begins, sizes)]


def edges_of(complex: Complex) -> Int64[np.ndarray, "edge 2"]:  # noqa: A002
    """The cells of rank 1 as pairs of nodes.

    Raises:
        TopologyError: one of them does not have two nodes.
    """
    cells = complex.cells(1)
    if bool((cells.sizes != 2).any()):
        row = int(np.flatnonzero(cells.sizes != 2)[0])
        raise TopologyError(
            f"this goes along edges of two nodes, and cell {row} of rank 1 has {cells.sizes[row]}"
        )
    return cells.members.reshape(-1, 2)
