"""Balls: all nodes that are no more than so many steps from one."""

import numpy as np
import scipy.sparse as sp

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.lifting.base.adjacency import Adjacency
from unfrozen.topology.lifting.base.augmentation import Reduction, augment


def balls(
    complex: Complex,  # noqa: A002
    hops: int = 1,
    *,
    rank: int = 2,
    features: Reduction | None = None,
    most: int = 50_000_000,
) -> Complex:
    """A complex with the ball around each node as a cell.

    A ball that is a cell already is skipped: that of a node alone is the node, that of two nodes
    with no other neighbour is their edge, and of balls that are the same the first is kept.  What
    the ball of a node became, `located(complex, neighbourhoods(...))` tells.

    Args:
        complex: whose cells of rank 1 are the edges.
        hops: steps from the node in the middle.
        rank: of the balls.
        features: how those of the nodes make those of a ball.
        most: nodes of all balls together.

    Raises:
        TopologyError: there are no hops, or balls have more nodes together.

    Source: Hajij et al. 2022, appendix B.1, where the rank of the balls is the number of hops.

    Example:
        >>> balls(Complex({1: [[0, 1], [1, 2], [2, 3]]})).cells(2)[0]
        array([0, 1, 2])
    """
    return augment(complex, rank, neighbourhoods(Adjacency.of(complex), hops, most), features)


def neighbourhoods(graph: Adjacency, hops: int, most: int = 50_000_000) -> Cells:
    """The ball around each node, one after the other; its nodes ascend.

    Args:
        graph: without loops.
        hops: steps from the node in the middle.
        most: nodes of all balls together.

    Raises:
        TopologyError: there are no hops, or balls have more nodes together.
    """
    if hops < 1:
        raise TopologyError(f"a ball of {hops} hops is no more than its node")
    n = len(graph)
    step = sp.csr_array((np.ones(len(graph.columns), bool), graph.columns, graph.pointers), (n, n))
    step = sp.csr_array(step + sp.eye_array(n, dtype=bool, format="csr"))
    found = step
    for turn in range(hops):
        if found.nnz > most:
            raise TopologyError(
                f"the balls of {turn + 1} hops have more than {most:,} nodes together: take fewer "
                "hops, or more nodes"
            )
        if turn + 1 < hops:
            found = sp.csr_array(found @ step)
    found.sort_indices()
    return Cells(found.indptr.astype(np.int64), found.indices.astype(np.int64))
