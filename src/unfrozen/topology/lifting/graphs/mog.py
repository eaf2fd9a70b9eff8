"""Mapper on graphs: connected pieces of a graph at like values of a function on its nodes."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int64
from scipy.sparse import csgraph
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.complex.sets.cells import spans
from unfrozen.topology.lifting.base.adjacency import Adjacency
from unfrozen.topology.lifting.base.augmentation import Reduction, augment
from unfrozen.topology.lifting.graphs.geodesics import average_geodesic


def mapper(
    complex: Complex,  # noqa: A002
    function: Float[Tensor, " node"] | None = None,
    *,
    intervals: int = 8,
    overlap: float = 0.25,
    rank: int = 2,
    features: Reduction | None = None,
) -> Complex:
    """A complex with the pieces that mapper finds (MOG) as cells.

    Pieces that share a node are neighbours in the graph that mapper makes.  In the complex they are
    coadjacent by rank 0: `coadjacency(2, via=0)`.  A piece that is a cell already, such as a single
    node, is skipped: with many intervals for few nodes some nodes are in no piece.

    Args:
        complex: whose cells of rank 1 are the edges.
        function: of the nodes, stretched to [0, 1]; their average geodesic distance by default.
        intervals: of one length, that cover [0, 1].
        overlap: of each with the next, as a part of its length.
        rank: of the pieces; 3 on a mesh.
        features: how those of the nodes make those of a piece.

    Raises:
        TopologyError: there is not a finite value for each node, or no such cover.

    Source: Hajij et al. 2018 (mapper on graphs); Hajij et al. 2022, appendix E, where the matrix of
        neighbours is called A_{2,2}.

    Example:
        >>> import torch
        >>> ring = Complex({1: [[i, (i + 1) % 12] for i in range(12)]})
        >>> height = torch.arange(12).sub(6).abs().float()
        >>> mapper(ring, height, intervals=3)
        Complex(12 nodes, 12 of rank 1, 4 of rank 2)
    """
    if function is None:
        function = average_geodesic(complex)
    pieces = preimages(Adjacency.of(complex), function, intervals, overlap)
    return augment(complex, rank, pieces, features)


def preimages(
    graph: Adjacency, function: Float[Tensor, " node"], intervals: int = 8, overlap: float = 0.25
) -> Cells:
    """Connected components of the nodes whose values lie in an interval, for each of a cover.

    Args:
        graph: without loops.
        function: of the nodes, stretched to [0, 1].
        intervals: of one length, that cover [0, 1] and are closed.
        overlap: of each with the next, as a part of its length.

    Returns:
        Components by interval and then by their lowest nodes; single nodes are among them.

    Raises:
        TopologyError: there is not a finite value for each node, or no such cover.
    """
    value = function.detach().cpu().double().numpy()
    if len(value) != len(graph) or not np.isfinite(value).all():
        raise TopologyError(f"mapper takes a finite number for each of {len(graph)} nodes")
    if intervals < 1 or not 0 <= overlap < 1:
        raise TopologyError(
            f"a cover has an interval or more, overlapping by 0 to 1, not {intervals} by {overlap}"
        )
    low, high = value.min(), value.max()
    value = (value - low) / (high - low) if high > low else np.zeros_like(value)
    length = 1 / (intervals - (intervals - 1) * overlap)
    starts = np.arange(intervals) * (length * (1 - overlap))
    # As sums are rounded: the cover reaches its ends, and leaves no gap without an overlap.
    ends = np.maximum(starts + length, np.append(starts[1:], 1.0))
    begin = np.searchsorted(ends, value, "left")
    end = np.searchsorted(starts, value, "right")
    many = end - begin
    base = np.cumsum(many) - many
    # A node of the graph of pairs is a node in one of the intervals that it is in.
    edges = graph.edges
    tails, heads = edges[:, 0], edges[:, 1]
    first = np.maximum(begin[tails], begin[heads])
    both = np.maximum(np.minimum(end[tails], end[heads]) - first, 0)
    own = spans(base[tails] + first - begin[tails], both)
    other = spans(base[heads] + first - begin[heads], both)
    n = int(many.sum())
    pairs = sp.csr_array((np.ones(len(own), bool), (own, other)), shape=(n, n))
    piece = csgraph.connected_components(pairs, directed=False)[1].astype(np.int64)
    return _grouped(piece, np.repeat(np.arange(len(graph)), many), spans(begin, many))


def _grouped(
    piece: Int64[np.ndarray, " pair"],
    node: Int64[np.ndarray, " pair"],
    interval: Int64[np.ndarray, " pair"],
) -> Cells:
    """Pieces by interval and then by their lowest nodes."""
    _, first, sizes = np.unique(piece, return_index=True, return_counts=True)
    order = np.lexsort((node[first], interval[first]))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return Cells.from_sizes(sizes[order], node[np.argsort(place[piece], kind="stable")])
