"""Meshes as complexes: nodes, edges, faces."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.complex.complex import SameSet
from unfrozen.topology.lifting.meshes.faces import Faces
from unfrozen.topology.lifting.meshes.geometry import edge_features, face_features, node_features


def mesh(
    positions: Float[Tensor, "node 3"],
    faces: Int[Tensor, "face corner"] | np.ndarray | Cells | Sequence[Iterable[int]],
    *,
    geometry: bool = True,
    same_set: SameSet = "refuse",
) -> Complex:
    """A mesh as a complex of rank 2.

    Faces keep their order and the way in which they go round.  Edges are there once each, from the
    lower node to the higher, in ascending order.

    Args:
        positions: of the nodes.
        faces: triangles, or polygons of any sizes, by their nodes on the way round.
        geometry: whether nodes, edges and faces get their features: `NODE_FEATURES`,
            `EDGE_FEATURES` and `FACE_FEATURES` name them.  Without them nodes have none either.
        same_set: what becomes of faces of the same nodes.

    Raises:
        TopologyError: faces break an axiom or have fewer than three nodes, or edges have no length
            or more than two faces where they are to get features.

    Source: Hajij et al. 2022, section 9.3, for the features.

    Example:
        >>> import torch
        >>> square = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
        >>> mesh(square, [[0, 1, 2], [0, 2, 3]])
        Complex(4 nodes, 5 of rank 1, 2 of rank 2)
    """
    given = faces.detach().cpu().numpy() if isinstance(faces, Tensor) else faces
    found = Faces.of(given)
    # Before features, which read positions by nodes.
    complex = Complex(  # noqa: A001
        {1: found.edges, 2: found.cells}, n_nodes=len(positions), same_set=same_set
    )
    if not geometry:
        return complex.to(positions.device)
    if complex.n_cells(2) < len(found.cells):
        found = Faces.of(complex.cells(2))
    features = {
        0: node_features(positions, found),
        1: edge_features(positions, found),
        2: face_features(positions, found),
    }
    for rank, rows in features.items():
        complex = complex.with_features(rank, rows)  # noqa: A001
    return complex.to(positions.device)
