"""Distances between many latents, a block at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import WorldError

# Numbers of a block of distances: what stays in a core's cache, more or less.
_BLOCK = 1 << 20


class Neighbours(NamedTuple):
    """The nearest points of each query, the nearest first.

    Attributes:
        squared: their squared distances.
        indices: which they are.
    """

    squared: Float[Tensor, "query k"]
    indices: Int[Tensor, "query k"]


def squared_distances(
    queries: Float[Tensor, "query d"], points: Float[Tensor, "point d"]
) -> Float[Tensor, "query point"]:
    """|q - p|^2 of every query and point, by one product; differentiable everywhere."""
    # Around the points' mean, so that little is lost where all of them lie far from zero.
    centre = points.detach().mean(0) if len(points) else 0.0
    q, p = queries - centre, points - centre
    squares = (q * q).sum(1)[:, None] + (p * p).sum(1)
    return torch.addmm(squares, q, p.T, alpha=-2).clamp(min=0)


def blocks(queries: Float[Tensor, "query d"], width: int) -> Iterator[Tensor]:
    """Queries, so many at a time that a row of `width` numbers each stays small."""
    return iter(queries.split(max(1, _BLOCK // max(width, 1))))


def neighbours(
    queries: Float[Tensor, "query d"], points: Float[Tensor, "point d"], k: int = 1
) -> Neighbours:
    """The k nearest points of each query, exactly.

    Raises:
        WorldError: there are fewer points than are asked for.
    """
    if not 0 < k <= len(points):
        raise WorldError(f"{k} neighbours cannot be found among {len(points)} points")
    found = []
    for some in blocks(queries, len(points)):
        squares = squared_distances(some, points)
        # A minimum is several times as fast as a sort that keeps one.
        best = squares.min(1, keepdim=True) if k == 1 else squares.topk(k, 1, largest=False)
        found.append((best.values, best.indices))
    if not found:
        return Neighbours(queries.new_empty(0, k), queries.new_empty(0, k, dtype=torch.long))
    return Neighbours(*(torch.cat(parts) for parts in zip(*found, strict=True)))
