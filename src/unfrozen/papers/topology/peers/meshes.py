"""Spheres of triangles: of each edge a middle, again and again."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64


class Mesh(NamedTuple):
    """A surface of triangles.

    Attributes:
        nodes: how many there are.
        edges: two nodes each, the lower one first.
        faces: three nodes each.
    """

    nodes: int
    edges: Int64[np.ndarray, "edge 2"]
    faces: Int64[np.ndarray, "face 3"]

    @property
    def cells(self) -> int:
        """Of all ranks."""
        return self.nodes + len(self.edges) + len(self.faces)


# The icosahedron, its faces seen from outside.
_FACES = (
    (0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2),
    (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5),
    (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1),
)  # fmt: skip


def icosphere(level: int) -> Mesh:
    """An icosahedron, each of whose triangles is made four so many times."""
    faces, nodes = np.array(_FACES), 12
    for _ in range(level):
        edges, of_face = _edges(faces)
        a, b, c = faces.T
        x, y, z = (nodes + of_face).T
        faces = np.concatenate(
            [np.stack(each, 1) for each in ((a, x, z), (x, b, y), (z, y, c), (x, y, z))]
        )
        nodes += len(edges)
    return Mesh(nodes, _edges(faces)[0], faces)


def _edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges, and which of them each face has."""
    sides = np.stack([faces, np.roll(faces, -1, 1)], 2).reshape(-1, 2)
    sides.sort(1)
    edges, found = np.unique(sides, axis=0, return_inverse=True)
    return edges, found.reshape(-1, 3)
