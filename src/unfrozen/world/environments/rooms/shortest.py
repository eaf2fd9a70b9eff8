"""Shortest ways among walls, exact: straight from convex corner to convex corner."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from unfrozen.world.environments.rooms.layouts import Layouts
from unfrozen.world.environments.rooms.moving import clear

OFFSET = 0.02
"""How far from a corner ways pass it, in pixels."""
_HERE = 1e-3


class Corners(NamedTuple):
    """Convex corners of the walls of layouts, and the ways between them.

    Attributes:
        positions: of each, a little way off the wall; far outside where a layout has fewer.
        distances: of the shortest ways between them, in pixels; infinite where there is none.
    """

    positions: Float[np.ndarray, "m c 2"]
    distances: Float[np.ndarray, "m c c"]


class Way(NamedTuple):
    """Shortest ways to goals.

    Attributes:
        length: in pixels; infinite where there is none.
        next: where they lead to first, in a straight line.
    """

    length: Float[np.ndarray, " n"]
    next: Float[np.ndarray, "n 2"]


@lru_cache(maxsize=16)
def corners(layouts: Layouts) -> Corners:
    """Convex corners of layouts, by Floyd and Warshall on those that see each other.

    A shortest way among polygons bends at their convex corners only (Lozano-Pérez and Wesley
    1979).
    """
    solid = layouts.solid
    quads = np.stack([solid[:, :-1, :-1], solid[:, :-1, 1:], solid[:, 1:, :-1], solid[:, 1:, 1:]])
    found = np.argwhere(quads.sum(0) == 1)
    filled = quads[:, found[:, 0], found[:, 1], found[:, 2]].argmax(0)
    # Away from the one of four pixels that is solid: 0 and 2 are on the left, 0 and 1 above.
    away = np.stack([np.where(filled % 2 == 0, 1, -1), np.where(filled < 2, 1, -1)], 1)
    points = found[:, [2, 1]] + 0.5 + OFFSET * away
    counts = np.bincount(found[:, 0], minlength=len(layouts))
    most = max(1, int(counts.max()))
    positions = np.full((len(layouts), most, 2), np.inf, np.float32)
    slots = np.arange(len(found)) - np.repeat(np.cumsum(counts) - counts, counts)
    positions[found[:, 0], slots] = points
    distances = np.full((len(layouts), most, most), np.inf, np.float32)
    i, j = np.triu_indices(most, 1)
    for m in range(len(layouts)):
        here = j < counts[m]  # Corners are listed first, so that i < j is one too.
        a, b = i[here], j[here]
        where = np.full(len(a), m)
        p, q = positions[m, a], positions[m, b]
        seen = clear(solid, where, p, q)
        length = np.where(seen, np.linalg.norm(q - p, axis=1), np.inf)
        distances[m, a, b] = distances[m, b, a] = length
        distances[m, range(counts[m]), range(counts[m])] = 0
    for k in range(most):
        np.minimum(distances, distances[:, :, k : k + 1] + distances[:, k : k + 1], out=distances)
    return Corners(positions, distances)


def guides(
    layouts: Layouts, which: Int[np.ndarray, " n"], goals: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n c"]:
    """How far it is from every corner to goals, in pixels: for `ways` to the same goals."""
    known = corners(layouts)
    points = known.positions[which]
    near = _straight(layouts, which, goals, points)
    result = np.empty_like(near)
    # Few rows at a time: a large maze has hundreds of corners.
    rows = max(1, 2_000_000 // max(1, points.shape[1] ** 2))
    for i in range(0, len(which), rows):
        part = slice(i, i + rows)
        result[part] = (known.distances[which[part]] + near[part, None]).min(2)
    return result


def ways(
    layouts: Layouts,
    which: Int[np.ndarray, " n"],
    starts: Float[np.ndarray, "n 2"],
    goals: Float[np.ndarray, "n 2"],
    guide: Float[np.ndarray, "n c"] | None = None,
) -> Way:
    """Shortest ways from points to goals.

    Args:
        layouts: the bank.
        which: layout of each pair.
        starts: x and y, in pixels.
        goals: x and y, in pixels.
        guide: of the goals, if it is known from `guides`.
    """
    guide = guides(layouts, which, goals) if guide is None else guide
    points = corners(layouts).positions[which]
    there = _straight(layouts, which, starts, points)
    # A corner that was reached leads to the next one.
    there[there < _HERE] = np.inf
    total = there + guide
    best = total.argmin(1)
    rows = np.arange(len(which))
    seen = clear(layouts.solid, which, starts, goals)
    direct = np.linalg.norm(goals - starts, axis=1)
    length = np.where(seen, direct, total[rows, best])
    following = np.where(np.isfinite(length)[:, None], points[rows, best], starts)
    return Way(length, np.where(seen[:, None], goals, following))


def _straight(
    layouts: Layouts,
    which: Int[np.ndarray, " n"],
    starts: Float[np.ndarray, "n 2"],
    points: Float[np.ndarray, "n c 2"],
) -> Float[np.ndarray, "n c"]:
    """Distances to points that are seen from starts; infinite to those that are not."""
    n, c, _ = points.shape
    exists: Bool[np.ndarray, "n c"] = np.isfinite(points[..., 0])
    row, slot = np.nonzero(exists)
    result = np.full((n, c), np.inf, np.float32)
    a, b = starts[row], points[row, slot]
    seen = clear(layouts.solid, which[row], a, b)
    result[row, slot] = np.where(seen, np.linalg.norm(b - a, axis=1), np.inf)
    return result
