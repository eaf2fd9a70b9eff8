"""The question as a partially observed complex: cells that are hidden, and are to be found.

A relation among several things is a cell.  Some of its cells are known, others are asked for; what
is true is known for all, so that no candidate is called false that is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex

Rows = Int64[np.ndarray, "cell member"]


@dataclass(frozen=True, eq=False)
class Completion:
    """Cells of one size, some of them hidden.

    Attributes:
        name: of the task.
        kinds: of each node; a member of a cell is only ever replaced by one of its kind.
        known: cells to learn from.
        validation: hidden cells to choose by.
        asked: hidden cells that count, once.
        context: rank -> cells of another rank that are always seen.

    Raises:
        TopologyError: cells have other sizes, nodes that are not there or one twice, or a cell is
            there twice.
    """

    name: str
    kinds: Int64[np.ndarray, " node"]
    known: Int64[np.ndarray, "known member"]
    validation: Int64[np.ndarray, "chosen member"]
    asked: Int64[np.ndarray, "asked member"]
    context: Mapping[int, Int64[np.ndarray, "_ _"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        every = self.every
        n = len(self.kinds)
        if not every.size or every.min() < 0 or every.max() >= n:
            raise TopologyError(f"cells are of nodes 0 to {n - 1}")
        ordered = np.sort(every, 1)
        if bool((np.diff(ordered, axis=1) == 0).any()):
            raise TopologyError("a cell has a node twice")
        if n ** every.shape[1] >= 2**63:
            raise TopologyError(f"cells of {every.shape[1]} of {n} nodes are too many to number")
        if len(self._true) < len(every):
            raise TopologyError("a cell is there twice, and what is asked for is not known")

    @property
    def n_nodes(self) -> int:
        """How many nodes there are."""
        return len(self.kinds)

    @property
    def every(self) -> Rows:
        """All cells, known or not."""
        return np.concatenate([self.known, self.validation, self.asked])

    @property
    def size(self) -> int:
        """Members of a cell."""
        return self.known.shape[1]

    @cached_property
    def _true(self) -> Int64[np.ndarray, " true"]:
        return np.unique(self._keys(self.every))

    def _keys(self, cells: Int64[np.ndarray, "*some member"]) -> Int64[np.ndarray, "*some"]:
        """A number for each set."""
        places = self.n_nodes ** np.arange(cells.shape[-1])
        return np.sort(cells, -1) @ places

    def true(self, cells: Int64[np.ndarray, "*some member"]) -> Bool[np.ndarray, "*some"]:
        """Whether sets of nodes are cells, known or asked for."""
        return np.isin(self._keys(cells), self._true)

    @property
    def rank(self) -> int:
        """Of the cells in a complex: one less than they have members."""
        return self.size - 1

    def complex(self, cells: Rows | None = None) -> Complex:
        """Cells, by default those that are known, with the context."""
        cells = self.known if cells is None else cells
        return Complex({**self.context, self.rank: cells}, n_nodes=self.n_nodes)

    def expansion(self, cells: Rows | None = None) -> Complex:
        """The same as a graph: pairs in a common cell, with in how many they are as a feature."""
        rows = [self.known if cells is None else cells, *self.context.values()]
        found = [pair_counts(each) for each in rows if len(each)] or [_NO_PAIRS]
        ends = np.concatenate([pairs for pairs, _ in found])
        pairs, which = np.unique(ends, axis=0, return_inverse=True)
        counts = np.bincount(which.reshape(-1), np.concatenate([many for _, many in found]))
        features = {1: torch.from_numpy(counts.astype(np.float32))[:, None]}
        return Complex({1: pairs}, n_nodes=self.n_nodes, features=features)

    def corrupted(self, cells: Rows, each: int, seed: int) -> Int64[np.ndarray, "cell each member"]:
        """False candidates: each cell with one of its members replaced by another of its kind.

        Args:
            cells: to begin with.
            each: how many for a cell.
            seed: of the choice.

        Raises:
            TopologyError: some cell has hardly any false candidates.
        """
        draw = np.random.default_rng(seed)
        found = np.repeat(cells[:, None], each, 1)
        open_ = np.ones(found.shape[:2], bool)
        for _ in range(_TRIES):
            row, column = np.nonzero(open_)
            if not len(row):
                return found
            place = draw.integers(self.size, size=len(row))
            kind = self.kinds[cells[row, place]]
            drawn = self._begins[kind] + draw.integers(self._many[kind])
            tried = cells[row].copy()
            tried[np.arange(len(row)), place] = self._by_kind[drawn]
            twice = (np.diff(np.sort(tried, 1), axis=1) == 0).any(1)
            found[row, column] = tried
            open_[row, column] = twice | self.true(tried)
        raise TopologyError(f"{int(open_.any(1).sum())} cells have hardly any false candidates")

    def candidates(self, cells: Rows, member: int) -> "Candidates":
        """All sets that a cell becomes when one of its members is replaced.

        Args:
            cells: of which the member is asked for.
            member: which, in the order of the cells' columns.

        Raises:
            TopologyError: there is no such member.
        """
        if not 0 <= member < self.size:
            raise TopologyError(f"cells have members 0 to {self.size - 1}, not {member}")
        sets = np.repeat(cells[:, None], self.n_nodes, 1)
        sets[:, :, member] = np.arange(self.n_nodes)
        right = self.kinds[None] == self.kinds[cells[:, member]][:, None]
        twice = (np.diff(np.sort(sets, -1), axis=-1) == 0).any(-1)
        return Candidates(sets, right & ~twice & ~self.true(sets))

    @cached_property
    def _by_kind(self) -> Int64[np.ndarray, " node"]:
        return np.argsort(self.kinds, kind="stable")

    @cached_property
    def _many(self) -> Int64[np.ndarray, " kind"]:
        return np.bincount(self.kinds)

    @cached_property
    def _begins(self) -> Int64[np.ndarray, " kind"]:
        return np.cumsum(self._many) - self._many


@dataclass(frozen=True, eq=False)
class Candidates:
    """Sets that could be a cell.

    Attributes:
        sets: one for each node that might be the member.
        false: which of them are of the right kind and no cells: what a true one is ranked among.
    """

    sets: Int64[np.ndarray, "cell candidate member"]
    false: Bool[np.ndarray, "cell candidate"]


_TRIES = 200


def zero_sum(modulus: int, copies: int, *, seed: int | None = None) -> Completion:
    """Triples that sum to zero: a relation of three things of which no two say anything.

    Nodes are of three kinds and have a hidden number a, b, c below the modulus, which so many
    copies of each kind share.  Cells are the triples of one of each kind with a + b + c = 0 (mod
    m).  Of the copies i, j, k, triples with i + j + k = 0 (mod copies) are asked for, those with 1
    chosen by.  Then any two nodes of different kinds are in copies - 2 known cells and in one that
    is asked for: all pairs are alike.  So

    - a model that sees the graph of pairs only, with its weights, scores all candidates alike;
    - scores that are sums over pairs, whatever they are, have the same mean over true as over false
      triples, and explain nothing of the truth (`explained_by_pairs`).

    Args:
        modulus: m.
        copies: of each number and kind, three or more.
        seed: of the nodes' order; None leaves them by kind, number and copy.

    Raises:
        TopologyError: there is one number only, or too few copies.

    Example:
        >>> task = zero_sum(2, 4)
        >>> task.n_nodes, len(task.known), len(task.asked)
        (24, 128, 64)
    """
    if modulus < 2 or copies < 3:
        raise TopologyError(
            f"triples need two numbers or more and three copies of each, not {modulus} and {copies}"
        )
    a, b, i, j, k = (
        each.ravel()
        for each in np.meshgrid(*[np.arange(modulus)] * 2, *[np.arange(copies)] * 3, indexing="ij")
    )
    c = (-a - b) % modulus
    side = modulus * copies
    cells = np.stack([a * copies + i, side + b * copies + j, 2 * side + c * copies + k], 1)
    kinds = np.repeat(np.arange(3), side)
    if seed is not None:
        place = np.random.default_rng(seed).permutation(3 * side)
        cells, kinds = place[cells], kinds[np.argsort(place)]
    part = (i + j + k) % copies
    parts = (cells[part > 1], cells[part == 1], cells[part == 0])
    return Completion(f"zero sums of {modulus}", kinds, *parts)


_NO_PAIRS = np.empty((0, 2), np.int64), np.empty(0, np.int64)


def pair_counts(
    cells: Rows,
) -> tuple[Int64[np.ndarray, "pair 2"], Int64[np.ndarray, " pair"]]:
    """Pairs that are in a common cell, and in how many."""
    members = range(cells.shape[1])
    ends = np.concatenate([cells[:, [i, j]] for i, j in combinations(members, 2)])
    pairs, counts = np.unique(np.sort(ends, 1), axis=0, return_counts=True)
    return pairs, counts


def explained_by_pairs(cells: Rows, values: Float[np.ndarray, " cell"]) -> float:
    """How much of the variance of values of cells sums over their pairs explain at best.

    The least squares over all functions of pairs of nodes, which may know the values: what no
    training, however long, makes a sum over pairs exceed.

    Args:
        cells: all candidates.
        values: of each, such as 1 for those that are true.

    Returns:
        R², from 0 to 1.

    Raises:
        TopologyError: the values are all the same.
    """
    import scipy.sparse as sp
    from scipy.sparse.linalg import lsqr

    if float(np.ptp(values)) == 0:
        raise TopologyError("values that are all the same have no variance to explain")
    members = list(combinations(range(cells.shape[1]), 2))
    n = int(cells.max()) + 1
    ends = np.sort(np.stack([cells[:, list(pair)] for pair in members], 1), -1) @ [n, 1]
    _, column = np.unique(ends.ravel(), return_inverse=True)
    rows = np.repeat(np.arange(len(cells)), len(members))
    design = sp.csr_array((np.ones(len(rows)), (rows, column.reshape(-1))))
    centred = values - values.mean()
    fitted = design @ lsqr(design, centred, atol=1e-12, btol=1e-12)[0]
    return max(0.0, 1 - float(((centred - fitted) ** 2).sum() / (centred**2).sum()))
