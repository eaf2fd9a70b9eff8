"""Patches of a mesh: connected groups of faces as cells of rank 3."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int, Int64
from scipy.sparse import csgraph
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.lifting.base.augmentation import Reduction, augment
from unfrozen.topology.lifting.base.sets import located


class Patched(NamedTuple):
    """A mesh with patches.

    Attributes:
        complex: the mesh, with patches as cells of rank 3.
        patch: row of the patch that each face went into, or -1 where that is no cell of rank 3
            because it is one of a lower rank: a face by itself.
    """

    complex: Complex
    patch: Int64[np.ndarray, " face"]


def patches(
    complex: Complex,  # noqa: A002
    labels: Int[Tensor, " face"],
    *,
    features: Reduction | None = None,
) -> Patched:
    """Connected groups of faces with the same label, as cells of rank 3.

    Faces are connected by the edges that they share.  Patches of the same nodes are one, and a
    patch of one face is skipped: it is that face.

    Args:
        complex: with faces as cells of rank 2.
        labels: of the faces.
        features: how those of the nodes make those of a patch.

    Raises:
        TopologyError: there is not a label for each face, or patches break an axiom.

    Example:
        >>> edges = [[0, 1], [1, 2], [0, 2], [1, 3], [2, 3]]
        >>> strip = Complex({1: edges, 2: [[0, 1, 2], [1, 2, 3]]})
        >>> patches(strip, torch.zeros(2, dtype=torch.int64)).complex
        Complex(4 nodes, 5 of rank 1, 2 of rank 2, 1 of rank 3)
    """
    n = complex.n_cells(2)
    if len(labels) != n:
        raise TopologyError(f"{len(labels)} labels are not one for each of {n} faces")
    label = labels.detach().cpu().numpy()
    beside = complex.coadjacency(2).scipy().tocoo()
    same = label[beside.row] == label[beside.col]
    joined = sp.csr_array((beside.data[same], (beside.row[same], beside.col[same])), shape=(n, n))
    count, group = csgraph.connected_components(joined, directed=False)
    faces = complex.cells(2)
    keys = np.unique(group.astype(np.int64)[faces.owners] * complex.n_nodes + faces.members)
    sizes = np.bincount(keys // complex.n_nodes, minlength=count)
    cells = Cells.from_sizes(sizes, keys % complex.n_nodes)
    found = augment(complex, 3, cells, features)
    where = located(found, cells)
    return Patched(found, np.where(where.rank == 3, where.row, -1)[group])


def grown(
    complex: Complex,  # noqa: A002
    count: int,
    *,
    centres: Float[Tensor, "face 3"] | None = None,
    start: int = 0,
) -> Int64[Tensor, " face"]:
    """Labels of faces, from patches grown around faces that are far from each other.

    The first centre is given; each following one is the face that is farthest from all before, on
    the way over faces that share an edge.  Each face gets the number of the centre that is nearest,
    the first of them where there are several: so that all faces of a label are connected.

    Args:
        complex: with faces as cells of rank 2.
        count: of the patches.
        centres: middles of the faces, whose distances are the lengths of steps; one each without.
        start: the first centre.

    Raises:
        TopologyError: there are not as many faces, or not a middle for each.

    Source: Gonzalez 1985 (farthest-first traversal).
    """
    n = complex.n_cells(2)
    if not 1 <= count <= n or not 0 <= start < n:
        raise TopologyError(f"{count} patches around face {start} do not fit {n} faces")
    if centres is not None and len(centres) != n:
        raise TopologyError(f"{len(centres)} middles are not one for each of {n} faces")
    steps = complex.coadjacency(2).scipy().tocoo()
    length = np.ones(steps.nnz)
    if centres is not None:
        middle = centres.detach().cpu().double().numpy()
        # No step is free: an entry of zero would be no step at all.
        length = np.maximum(
            np.linalg.norm(middle[steps.row] - middle[steps.col], axis=1), np.finfo(float).tiny
        )
    ways = sp.csr_array((length, (steps.row, steps.col)), shape=(n, n))
    nearest, label = np.full(n, np.inf), np.zeros(n, np.int64)
    for at in range(count):
        away = csgraph.dijkstra(ways, indices=start, unweighted=centres is None)
        closer = away < nearest
        nearest[closer], label[closer] = away[closer], at
        start = int(np.argmax(nearest))
    # Of parts of the mesh that no centre is in, each is one more patch.
    lost = ~np.isfinite(nearest)
    if lost.any():
        part = csgraph.connected_components(ways, directed=False)[1]
        label[lost] = count + np.unique(part[lost], return_inverse=True)[1]
    return torch.from_numpy(label)
