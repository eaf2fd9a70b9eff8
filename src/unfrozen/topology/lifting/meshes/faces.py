"""Faces of a mesh, corner by corner, and the edges that they go along."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells


@dataclass(frozen=True, eq=False)
class Faces:
    """Polygons and their edges.  A corner is a node of a face, and the step to the next.

    Attributes:
        cells: the nodes of each face, in the order in which they go round.
        following: the node after each corner.
        edges: each once, from its lower node, in ascending order.
        edge: that each corner goes along.
    """

    cells: Cells
    following: Int64[np.ndarray, " corner"]
    edges: Int64[np.ndarray, "edge 2"]
    edge: Int64[np.ndarray, " corner"]

    @classmethod
    def of(cls, faces: Cells | np.ndarray | Sequence[Iterable[int]]) -> "Faces":
        """Polygons from an array of [face, node], or of any sizes one by one.

        Raises:
            TopologyError: a face has fewer than three nodes.
        """
        cells = Cells.of(faces)
        if bool((cells.sizes < 3).any()):
            row = int(np.flatnonzero(cells.sizes < 3)[0])
            raise TopologyError(
                f"face {row} has {cells.sizes[row]} nodes, and a face has 3 or more"
            )
        place = np.arange(len(cells.members)) + 1
        place[cells.pointers[1:] - 1] = cells.pointers[:-1]
        following = cells.members[place]
        low, high = np.minimum(cells.members, following), np.maximum(cells.members, following)
        n = int(high.max(initial=0)) + 1
        keys, edge = np.unique(low * n + high, return_inverse=True)
        return cls(cells, following, np.stack([keys // n, keys % n], 1), edge)

    @property
    def triangles(self) -> bool:
        """Whether all faces have three nodes."""
        return bool((self.cells.sizes == 3).all())

    def sides(self) -> Int64[np.ndarray, "edge 2"]:
        """The two corners that go along each edge; that of the one face at a border, twice.

        Raises:
            TopologyError: there are three or more.
        """
        order = np.argsort(self.edge, kind="stable")
        many = np.bincount(self.edge, minlength=len(self.edges))
        if bool((many > 2).any()):
            row = int(np.flatnonzero(many > 2)[0])
            raise TopologyError(
                f"{many[row]} faces meet at the edge {self.edges[row].tolist()}, and features of "
                "edges are of one or two: leave some out, or pass geometry=False"
            )
        first = np.cumsum(many) - many
        return np.stack([order[first], order[first + many - 1]], 1)
