"""Steps of points among solid pixels: straight to the first wall, then along it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

MARGIN = 1e-4
"""How far from a wall a step ends that was stopped by it, in pixels."""


class Slid(NamedTuple):
    """Where steps have led.

    Attributes:
        positions: x and y, in pixels; pixel (i, j) spans [i - 1/2, i + 1/2] and so on.
        bumped: a wall was in the way.
    """

    positions: Float[np.ndarray, "n 2"]
    bumped: Bool[np.ndarray, " n"]


def slide(
    solid: Bool[np.ndarray, "m h w"],
    layouts: Int[np.ndarray, " n"],
    positions: Float[np.ndarray, "n 2"],
    moves: Float[np.ndarray, "n 2"],
    stop: bool = False,
) -> Slid:
    """Move points by a step each.

    A point goes straight until it comes to the face of a solid pixel, loses the part of its step
    across that face, and goes on along it.  Pixels are passed one face at a time (Amanatides and
    Woo 1987), so that no step, however long, crosses a wall or slips between two that touch at a
    corner.

    Args:
        solid: pixels [y, x] that are walls, of m layouts; the outermost are, or steps leave.
        layouts: in which of them each point is.
        positions: x and y of each, in free pixels.
        moves: by which they are to go, in pixels.
        stop: end at the first wall instead of going on along it.
    """
    _, height, width = solid.shape
    walls = solid.ravel()
    base = layouts * (height * width)
    result = positions.astype(np.float32)
    cells = np.floor(result + 0.5).astype(np.int64)
    bumped = np.zeros(len(result), np.bool_)
    # Work is done on the rows that are still on their way: most steps pass no face or one.
    rows = np.arange(len(result))
    at, way, cell = result.copy(), moves.astype(np.float32), cells.copy()
    left = np.ones(len(rows), np.float32)
    while len(rows):
        sign = np.sign(way)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            until = np.maximum((cell + 0.5 * sign - at) / way, 0)
        until[way == 0] = np.inf
        across = (until[:, 1] < until[:, 0]).astype(np.int64)  # 0: a face is met in x first
        first = until.min(1)
        passing = first < left
        arrived = rows[~passing]
        result[arrived] = (at + way * left[:, None])[~passing]
        cells[arrived] = cell[~passing]
        if not passing.any():
            break
        if not passing.all():
            rows, cell, across = rows[passing], cell[passing], across[passing]
            at, way, left = at[passing], way[passing], left[passing]
            first, sign = first[passing], sign[passing]
        at = at + way * first[:, None]
        left = left - first
        line = np.arange(len(rows))
        ahead = cell.copy()
        ahead[line, across] += sign[line, across].astype(np.int64)
        blocked = walls[base[rows] + ahead[:, 1] * width + ahead[:, 0]]
        cell = np.where(blocked[:, None], cell, ahead)
        bumped[rows] |= blocked
        way[line[blocked], across[blocked]] = 0
        if stop and blocked.any():
            ends = rows[blocked]
            result[ends], cells[ends] = at[blocked], cell[blocked]
            rows, cell, at = rows[~blocked], cell[~blocked], at[~blocked]
            way, left = way[~blocked], left[~blocked]
    # Rounding must not carry a point over a face that it did not pass.
    np.clip(result, cells - (0.5 - MARGIN), cells + (0.5 - MARGIN), out=result)
    return Slid(result, bumped)


def clear(
    solid: Bool[np.ndarray, "m h w"],
    layouts: Int[np.ndarray, " n"],
    starts: Float[np.ndarray, "n 2"],
    ends: Float[np.ndarray, "n 2"],
) -> Bool[np.ndarray, " n"]:
    """Whether nothing solid is between two points."""
    return ~slide(solid, layouts, starts, ends - starts, stop=True).bumped
