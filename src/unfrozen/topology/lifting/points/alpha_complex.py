"""The alpha complex of points: the part of their Delaunay triangulation within a radius."""

import importlib
import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting.base.augmentation import Reduction, reduced
from unfrozen.topology.lifting.points.vietoris_rips import checked


def alpha(
    points: Float[Tensor, "point coordinate"],
    radius: float = math.inf,
    *,
    features: Reduction | None = None,
) -> Complex:
    """Simplices of the Delaunay triangulation that balls of a radius around their points cover.

    It has the shape of the union of the balls, and as few simplices as there are near neighbours;
    their ranks go up to the number of dimensions.  The nodes have the points as features, and the
    edges their lengths.  Of points that are the same, all but one are nodes by themselves.

    Args:
        points: finite, in two or three dimensions, or a few more.
        radius: of the balls; infinite for the whole triangulation.
        features: how those of the nodes make those of a simplex of rank 2 or more.

    Raises:
        TopologyError: points are not finite, the radius is negative, or gudhi is not installed.

    Source: Edelsbrunner and Mücke 1994; computed by gudhi (CGAL).

    Example:
        >>> alpha(torch.tensor([[0.0, 0], [1, 0], [0, 1]]), radius=0.6)
        Complex(3 nodes, 2 of rank 1)
    """
    where = checked(points)
    if not radius >= 0:
        raise TopologyError(f"a radius is not negative, not {radius}")
    try:
        gudhi: Any = importlib.import_module("gudhi")
    except ImportError as error:
        raise TopologyError(
            "alpha complexes need gudhi: run `pip install unfrozen[topology]`"
        ) from error
    tree = gudhi.AlphaComplex(points=where).create_simplex_tree(max_alpha_square=radius**2)
    found: dict[int, list[list[int]]] = {}
    # The tree is held by its name: gudhi 3.13 crashes where nothing holds what it goes through.
    for simplex, _ in tree.get_filtration():
        if len(simplex) > 1:
            found.setdefault(len(simplex) - 1, []).append(sorted(simplex))
    ranked = {}
    for rank, rows in found.items():
        cells = np.array(rows, np.int64)
        ranked[rank] = cells[np.lexsort(cells.T[::-1])]
    complex = Complex(  # noqa: A001
        ranked, n_nodes=len(where), features={0: points}
    ).to(points.device)
    if 1 in ranked:
        ends = torch.from_numpy(ranked[1]).to(points.device)
        lengths = (points[ends[:, 0]] - points[ends[:, 1]]).norm(dim=1, keepdim=True)
        complex = complex.with_features(1, lengths)  # noqa: A001
    if features is not None:
        for rank in complex.ranks[2:]:
            rows = reduced(complex, complex.cells(rank), features)
            complex = complex.with_features(rank, rows)  # noqa: A001
    return complex
