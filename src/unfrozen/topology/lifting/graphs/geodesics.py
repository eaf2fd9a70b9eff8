"""How far a node is from the others on average: low in the middle of a shape, high at its tips."""

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int64
from scipy.sparse import csgraph
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting.base.adjacency import edges_of

_EXACT = 2_000  # nodes up to which all are landmarks
_LANDMARKS = 512
_AT_ONCE = 4_000_000  # distances held together


def average_geodesic(
    complex: Complex,  # noqa: A002
    lengths: Float[Tensor, " edge"] | None = None,
    *,
    landmarks: int | None = None,
    seed: int = 0,
) -> Float[Tensor, " node"]:
    """AGD(v), the mean over all u that can be reached, v among them, of the way from v to u.

    Exact up to 2,000 nodes.  Beyond, the mean is over 512 landmarks drawn at random without
    replacement, of each connected part its share and one at least: an estimate without bias, off by
    about the spread of the distances from v over the root of 512, some 2 % of it.

    Args:
        complex: whose cells of rank 1 are the edges.
        lengths: of the edges; one each by default.
        landmarks: how many are drawn; as many as there are nodes are all of them.
        seed: of the draw.

    Raises:
        TopologyError: there is not a length for each edge, one is not positive, or there are no
            landmarks.

    Source: Kim et al. 2010 (average geodesic distance), as used by Hajij et al. 2022, appendix E.

    Example:
        >>> average_geodesic(Complex({1: [[0, 1], [1, 2]]}))
        tensor([1.0000, 0.6667, 1.0000])
    """
    edges, n = edges_of(complex), complex.n_nodes
    weights = np.ones(len(edges)) if lengths is None else lengths.detach().cpu().double().numpy()
    if len(weights) != len(edges) or not (np.isfinite(weights) & (weights > 0)).all():
        raise TopologyError(f"each of the {len(edges)} edges has a positive length")
    if landmarks is None:
        landmarks = n if n <= _EXACT else _LANDMARKS
    if landmarks < 1:
        raise TopologyError(f"distances are to one landmark or more, not {landmarks}")
    matrix = sp.csr_array((weights, (edges[:, 0], edges[:, 1])), shape=(n, n))
    part = csgraph.connected_components(matrix, directed=False)[1].astype(np.int64)
    chosen = _drawn(part, min(landmarks, n), seed)
    total = np.zeros(n)
    rows = max(1, _AT_ONCE // n)
    for begin in range(0, len(chosen), rows):
        away = csgraph.dijkstra(
            matrix,
            directed=False,
            indices=chosen[begin : begin + rows],
            unweighted=lengths is None,
        )
        total += np.where(np.isfinite(away), away, 0.0).sum(0)
    mean = total / np.bincount(part[chosen], minlength=int(part.max()) + 1)[part]
    like = complex.features.get(0, lengths)
    dtype = torch.get_default_dtype() if like is None else like.dtype
    return torch.from_numpy(mean).to(complex.device, dtype)


def _drawn(part: Int64[np.ndarray, " node"], count: int, seed: int) -> Int64[np.ndarray, " drawn"]:
    """Nodes at random, of each connected part its share, rounded up."""
    n = len(part)
    if count == n:
        return np.arange(n)
    order = np.random.default_rng(seed).permutation(n)
    order = order[np.argsort(part[order], kind="stable")]
    sizes = np.bincount(part)
    turn = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[turn < np.repeat(-(-sizes * count // n), sizes)])
