"""Cells of one rank: sets of nodes in compressed rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from jaxtyping import Int64, UInt64

from unfrozen.errors import TopologyError


@dataclass(frozen=True, eq=False)
class Cells:
    """Sets of nodes, one after the other.

    The nodes of a cell keep the order in which they were given, which is what orients it: an edge
    runs from its first to its second node, a face goes round its own.

    Attributes:
        pointers: where each cell begins in `members`, and where the last one ends.
        members: nodes of all cells.

    Raises:
        TopologyError: pointers do not fit the members.
    """

    pointers: Int64[np.ndarray, " cell_and_one"]
    members: Int64[np.ndarray, " membership"]

    def __post_init__(self) -> None:
        p = self.pointers
        if p.ndim != 1 or self.members.ndim != 1 or len(p) < 1 or p[0] != 0:
            raise TopologyError("cells are rows: pointers begin at 0, members are one list")
        if p[-1] != len(self.members) or bool((np.diff(p) < 1).any()):
            raise TopologyError("every cell has a node, and the last ends where the members do")
        p.flags.writeable = False
        self.members.flags.writeable = False

    @classmethod
    def of(cls, cells: "Cells | np.ndarray | Sequence[Iterable[int]]") -> "Cells":
        """Cells from an array of [cell, node], or from sets of nodes one by one.

        Raises:
            TopologyError: nodes are no whole numbers, or a cell has none.
        """
        if isinstance(cells, Cells):
            return cells
        if isinstance(cells, np.ndarray):
            if cells.ndim != 2:
                raise TopologyError(
                    f"cells of one size are an array of whole numbers, [cell, node], not "
                    f"{cells.dtype} of {list(cells.shape)}"
                )
            n, size = cells.shape
            return cls(np.arange(n + 1, dtype=np.int64) * size, _whole(cells.ravel()))
        try:
            rows = [list(cell) for cell in cells]
            members = np.array(list(chain.from_iterable(rows)))
        except (TypeError, ValueError, OverflowError) as error:
            raise TopologyError(f"a cell is a set of whole numbers: {error}") from error
        return cls.from_sizes([len(row) for row in rows], _whole(members))

    @classmethod
    def from_sizes(
        cls, sizes: Sequence[int] | np.ndarray, members: Int64[np.ndarray, " membership"]
    ) -> "Cells":
        """Cells from how many nodes each has."""
        pointers = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(np.asarray(sizes, np.int64), out=pointers[1:])
        return cls(pointers, members)

    @classmethod
    def join(cls, parts: "Sequence[Cells]") -> "Cells":
        """All cells of some lists, one list after the other."""
        sizes = np.concatenate([_NONE, *(part.sizes for part in parts)])
        return cls.from_sizes(sizes, np.concatenate([_NONE, *(part.members for part in parts)]))

    def __len__(self) -> int:
        """How many cells there are."""
        return len(self.pointers) - 1

    def __getitem__(self, row: int) -> Int64[np.ndarray, " node"]:
        """The nodes of one cell, as they were given."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"there are {len(self)} cells, not {row}")
        row %= len(self)
        return self.members[self.pointers[row] : self.pointers[row + 1]]

    def take(self, rows: Int64[np.ndarray, " row"]) -> "Cells":
        """Some of the cells, in the order asked."""
        sizes = self.sizes[rows]
        return Cells.from_sizes(sizes, self.members[spans(self.pointers[rows], sizes)])

    @cached_property
    def sizes(self) -> Int64[np.ndarray, " cell"]:
        """Nodes of each cell."""
        return np.diff(self.pointers)

    @cached_property
    def owners(self) -> Int64[np.ndarray, " membership"]:
        """The cell of each of the members."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @cached_property
    def ascending(self) -> Int64[np.ndarray, " membership"]:
        """The members with the nodes of each cell in ascending order."""
        if len(self) and (self.sizes == self.sizes[0]).all():
            return np.sort(self.members.reshape(len(self), -1), 1).ravel()
        return self.members[np.lexsort((self.members, self.owners))]

    @cached_property
    def fingerprints(self) -> UInt64[np.ndarray, " cell"]:
        """A number for each set: sets that are equal have equal ones; others hardly ever."""
        if not len(self):
            return np.zeros(0, np.uint64)
        return np.add.reduceat(_scrambled(self.members), self.pointers[:-1])


_NONE = np.zeros(0, np.int64)


def _whole(nodes: np.ndarray) -> Int64[np.ndarray, " membership"]:
    """A copy of nodes as whole numbers, where that is what they are."""
    if not nodes.size:
        return _NONE.copy()
    fits = nodes.ndim == 1 and np.issubdtype(nodes.dtype, np.integer)
    if not fits or int(nodes.max()) > np.iinfo(np.int64).max:
        raise TopologyError(f"a cell is a set of whole numbers, not of {nodes.dtype}")
    return nodes.astype(np.int64)


def spans(
    begins: Int64[np.ndarray, " span"], sizes: Int64[np.ndarray, " span"]
) -> Int64[np.ndarray, " total"]:
    """Indices of some spans, one after the other: begin, begin + 1, ... of each.

    Example:
        >>> spans(np.array([5, 0]), np.array([2, 3]))
        array([5, 6, 0, 1, 2])
    """
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - ends + sizes, sizes)


def _scrambled(nodes: Int64[np.ndarray, " membership"]) -> UInt64[np.ndarray, " membership"]:
    """Numbers of 64 bits that look like chance (splitmix64; Steele et al. 2014)."""
    x = nodes.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
