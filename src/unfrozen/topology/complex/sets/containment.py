"""Which cells lie within which, without comparing every pair."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from unfrozen.topology.complex.sets.cells import Cells, spans

_AT_ONCE = 4_000_000  # candidates held in memory
_SHORT = 8  # nodes of a cell up to which they are looked through one by one


class Within(NamedTuple):
    """Pairs of cells, the first within the second, by row and then by column."""

    inner: Int64[np.ndarray, " pair"]
    outer: Int64[np.ndarray, " pair"]


def within(inner: Cells, outer: Cells, n_nodes: int) -> Within:
    """All pairs of a cell that is a proper subset of another.

    A cell can only lie within those that have its rarest node: so many candidates are looked at,
    some at a time, and their other nodes looked up.  Memory is bounded however common a node is.

    Args:
        inner: cells.
        outer: cells in which they may lie.
        n_nodes: nodes are 0 to this.
    """
    if not len(inner) or not len(outer) or inner.sizes.min() >= outer.sizes.max():
        return Within(np.zeros(0, np.int64), np.zeros(0, np.int64))
    degrees = np.bincount(outer.members, minlength=n_nodes)
    begins = np.concatenate([[0], np.cumsum(degrees)[:-1]])
    owners = outer.owners[np.argsort(outer.members, kind="stable")]
    rarest = inner.members[_rarest(inner, degrees)]
    many = degrees[rarest]
    # Looked up in a cell by owner and node, where cells are too long to be looked through.
    short = int(outer.sizes.max()) <= _SHORT
    keys = None if short else outer.owners * n_nodes + outer.ascending
    found = [
        _among(inner, outer, slice(a, b), owners, begins[rarest[a:b]], many[a:b], n_nodes, keys)
        for a, b in pairwise(runs(many, _AT_ONCE))
    ]
    return Within(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _rarest(inner: Cells, degrees: Int64[np.ndarray, " node"]) -> Int64[np.ndarray, " cell"]:
    """Where the rarest node of each cell is in the members."""
    count = len(inner.members)
    keys = degrees[inner.members] * count + np.arange(count)
    return np.minimum.reduceat(keys, inner.pointers[:-1]) % count


def runs(many: Int64[np.ndarray, " row"], at_once: int) -> list[int]:
    """Bounds of runs of rows that have no more together than are held at once, or are single.

    Example:
        >>> runs(np.array([3, 3, 9, 1, 1]), 6)
        [0, 2, 3, 5]
    """
    ends = np.cumsum(many)
    bounds, done = [0], 0
    while bounds[-1] < len(many):
        following = int(np.searchsorted(ends, done + at_once, "right"))
        bounds.append(max(following, bounds[-1] + 1))
        done = int(ends[bounds[-1] - 1])
    return bounds


def _among(
    inner: Cells,
    outer: Cells,
    rows: slice,
    owners: Int64[np.ndarray, " membership"],
    begins: Int64[np.ndarray, " row"],
    many: Int64[np.ndarray, " row"],
    n_nodes: int,
    keys: Int64[np.ndarray, " outer_membership"] | None,
) -> Within:
    """The pairs of some inner cells."""
    x = np.repeat(np.arange(rows.start, rows.stop), many)
    y = owners[spans(begins, many)]
    fits = inner.sizes[x] < outer.sizes[y]
    x, y = x[fits], y[fits]
    for turn in range(int(inner.sizes[rows].max())):
        asked = inner.sizes[x] > turn
        node = inner.members[inner.pointers[x] + np.minimum(turn, inner.sizes[x] - 1)]
        there = ~asked | _has(outer, y, node, n_nodes, keys)
        x, y = x[there], y[there]
    return Within(x, y)


def _has(
    cells: Cells,
    which: Int64[np.ndarray, " pair"],
    node: Int64[np.ndarray, " pair"],
    n_nodes: int,
    keys: Int64[np.ndarray, " outer_membership"] | None,
) -> Bool[np.ndarray, " pair"]:
    """Whether each cell has a node."""
    if keys is None:
        begin, size = cells.pointers[which], cells.sizes[which]
        there = np.zeros(len(which), bool)
        for place in range(int(cells.sizes.max())):
            there |= cells.members[begin + np.minimum(place, size - 1)] == node
        return there
    asked = which * n_nodes + node
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return keys[at] == asked
