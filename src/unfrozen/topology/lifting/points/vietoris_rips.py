"""The Vietoris-Rips complex of points: those that are all near each other are a simplex."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.spatial import KDTree
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting.base.augmentation import Reduction
from unfrozen.topology.lifting.graphs.clique import cliques


def rips(
    points: Float[Tensor, "point coordinate"],
    radius: float,
    rank: int = 2,
    *,
    features: Reduction | None = None,
    most: int = 20_000_000,
) -> Complex:
    """Points no further from each other than a radius are a simplex: k + 1 of them of rank k.

    The nodes have the points as features, and the edges their lengths.

    Args:
        points: finite, in any number of dimensions.
        radius: largest distance between two points of a simplex, which is that distance itself.
        rank: the highest of simplices; 1 for the graph alone.
        features: how those of the nodes make those of a simplex of rank 2 or more.
        most: simplices of a rank to take.

    Raises:
        TopologyError: points are not finite, the radius or rank is not positive, or there are more
            simplices than are to be taken.

    Source: Vietoris 1927; Zomorodian 2010 for building it from its graph.

    Example:
        >>> rips(torch.tensor([[0.0, 0], [1, 0], [0, 1], [5, 5]]), radius=1.5)
        Complex(4 nodes, 3 of rank 1, 1 of rank 2)
    """
    where = checked(points)
    if not 0 < radius < math.inf or rank < 1:
        raise TopologyError(f"a radius and a rank are positive, not {radius} and {rank}")
    edges = near(where, radius, most)
    ends = torch.from_numpy(edges).to(points.device)
    lengths = (points[ends[:, 0]] - points[ends[:, 1]]).norm(dim=1, keepdim=True)
    complex = Complex(  # noqa: A001
        {1: edges}, n_nodes=len(where), features={0: points, 1: lengths}
    ).to(points.device)
    return cliques(complex, rank, features=features, most=most) if rank > 1 else complex


def near(
    points: Float[np.ndarray, "point coordinate"], radius: float, most: int = 20_000_000
) -> Int64[np.ndarray, "edge 2"]:
    """All pairs of points no further apart than a radius, in ascending order.

    Raises:
        TopologyError: there are more.
    """
    tree = KDTree(points)
    count = (int(tree.count_neighbors(tree, radius)) - len(points)) // 2
    if count > most:
        raise TopologyError(
            f"{count:,} pairs of points are within {radius}, more than {most:,}: ask for a smaller "
            "radius, or for more"
        )
    pairs = tree.query_pairs(radius, output_type="ndarray").astype(np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def checked(points: Float[Tensor, "point coordinate"]) -> Float[np.ndarray, "point coordinate"]:
    """Points in double precision.

    Raises:
        TopologyError: there are none, or they are not finite.
    """
    if points.ndim != 2 or not points.numel() or not bool(torch.isfinite(points).all()):
        raise TopologyError("points are rows of finite coordinates, one at least")
    return points.detach().cpu().double().numpy()
