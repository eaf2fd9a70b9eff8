"""What every store of patterns is: rows with ids, that can be added, changed, deleted and read.

A row is a key and a value (itself, of an auto-associative store), the id by which it is known, how
surprising it was when it came, and when it was last used.  Rows are only ever added and marked as
gone, so that readers of a block see it whole; `compact` makes the room free.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import BFloat16, Bool, Float, Int, Int16
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.base import check_pairs
from unfrozen.memory.store.planes import fits, join

Layout = Literal["split", "plain"]
Ids = int | Iterable[int] | Int[Tensor, " n"]

GROUP = 64
"""Rows that are looked at together: blocks begin at multiples of it."""
_COMPACT_AT = 0.25


@dataclass(frozen=True)
class Block:
    """Rows that lie together.

    Attributes:
        start: number of the first row.
        leading: keys, or their leading halves where the store splits numbers.
        rest: the other halves; None where it does not.
        values: one a row; None of auto-associative stores, whose values are the keys.
        gone: rows that were deleted; None if there is none.
    """

    start: int
    leading: Float[Tensor, "rows key"] | BFloat16[Tensor, "rows key"]
    rest: Int16[Tensor, "rows key"] | None
    values: Float[Tensor, "rows value"] | None
    gone: Bool[Tensor, " rows"] | None

    def keys(self) -> Float[Tensor, "rows key"]:
        """The keys in full precision."""
        return self.leading if self.rest is None else join(self.leading, self.rest)


@dataclass(frozen=True)
class Commit:
    """A change of a store, taken whole or not at all.

    Attributes:
        gone: rows that are deleted.
        ids: of the rows that are added.
        keys: theirs.
        values: theirs; None of auto-associative stores.
        surprise: theirs.
        clock: when.
        next_id: the id that comes next.
        sorted: whether ids still ascend with the rows.
        longest: norm of the longest key there ever was.
    """

    gone: Int[Tensor, " m"]
    ids: Int[Tensor, " n"]
    keys: Float[Tensor, "n key"]
    values: Float[Tensor, "n value"] | None
    surprise: Float[Tensor, " n"]
    clock: int
    next_id: int
    sorted: bool
    longest: float


class PatternStore(ABC):
    """Patterns, with what belongs to them.

    Args:
        key_width: features of a key.
        value_width: features of a value; None for an auto-associative store.
        capacity: how many patterns it holds at most; None for no limit.
        policy: which go when there are more: see `POLICIES`.

    Raises:
        MemoryShapeError: a width or the capacity is not positive, or the policy is unknown.
    """

    layout: Layout
    next_id: int
    clock: int
    longest: float
    _sorted: bool

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        capacity: int | None = None,
        policy: str = "oldest",
    ) -> None:
        check_settings(key_width, value_width, capacity, policy)
        self.key_width, self.own_values = key_width, value_width is not None
        self.value_width = key_width if value_width is None else value_width
        self.capacity, self.policy = capacity, policy
        self._order: tuple[int, Tensor, Tensor] | None = None

    @property
    @abstractmethod
    def rows(self) -> int:
        """Rows there are, gone ones among them."""

    @property
    @abstractmethod
    def gone(self) -> int:
        """Rows that were deleted and are not yet cleared away."""

    @property
    @abstractmethod
    def generation(self) -> int:
        """How often rows were numbered anew."""

    @abstractmethod
    def column(self, name: Literal["ids", "used", "surprise"]) -> Tensor:
        """One number a row: its id, the time of its last use, its surprise."""

    @abstractmethod
    def gone_rows(self) -> Bool[Tensor, " rows"] | None:
        """Which rows were deleted; None if there is none."""

    @abstractmethod
    def blocks(self, rows: int) -> Iterator[Block]:
        """All rows in order, a block at a time.

        Args:
            rows: at most, of a block; a multiple of `GROUP`, at which blocks also begin.
        """

    @abstractmethod
    def gather(
        self, rows: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n key"], Float[Tensor, "n value"]]:
        """Keys and values of rows, wherever they lie.  Copies."""

    @abstractmethod
    def _commit(self, change: Commit) -> None:
        """Take a change whole or not at all."""

    @abstractmethod
    def compact(self) -> None:
        """Clear deleted rows away.  Ids stay."""

    @abstractmethod
    def _use(self, rows: Int[Tensor, " n"]) -> None:
        """Set rows' time of last use to the clock."""

    def _writing(self) -> AbstractContextManager[object]:
        """Held while the store changes: no other writer does, and what they did is taken in."""
        return nullcontext()

    def __len__(self) -> int:
        return self.rows - self.gone

    @property
    def ids(self) -> Int[Tensor, " n"]:
        """The patterns that are there, in the order in which they lie."""
        gone, ids = self.gone_rows(), self.column("ids")
        return ids.clone() if gone is None else ids[~gone]

    def append(
        self,
        keys: Float[Tensor, "n key"],
        values: Float[Tensor, "n value"] | None = None,
        *,
        surprise: Float[Tensor, " n"] | None = None,
    ) -> Int[Tensor, " n"]:
        """Store patterns.

        Beyond the capacity, the least important of the others go, by the policy.

        Args:
            keys: one a row.
            values: one a row, of stores that have values.
            surprise: of each; measured if the policy asks for it, zero otherwise.

        Returns:
            Their ids, which are not used twice.

        Raises:
            MemoryShapeError: shapes do not fit, something is not finite, or there is no room and
                the policy is to refuse.  The store is as before.
            DataError: the disk is full or refuses.
        """
        keys, values = self._checked(keys, values)
        n = len(keys)
        if surprise is not None and surprise.shape != (n,):
            raise MemoryShapeError(f"there is one surprise a pattern, not {list(surprise.shape)}")
        with self._writing():
            surprise = self._surprise(keys) if surprise is None else surprise
            first, gone = self.next_id, self._to_evict(n)
            ids = torch.arange(first, first + n)
            self._take(gone, ids, keys, values, surprise, first + n, self._sorted)
        return ids

    def update(
        self,
        ids: Ids,
        keys: Float[Tensor, "n key"],
        values: Float[Tensor, "n value"] | None = None,
    ) -> None:
        """Put other patterns in the place of stored ones, under their ids.

        Raises:
            MemoryShapeError: a pattern is not there or named twice, or shapes do not fit.  The
                store is as before.
            DataError: the disk is full or refuses.
        """
        wanted = _as_ids(ids)
        keys, values = self._checked(keys, values)
        if len(wanted) != len(keys) or len(wanted.unique()) != len(wanted):
            raise MemoryShapeError(
                f"{len(wanted)} ids, each once, take as many patterns, not {len(keys)}"
            )
        with self._writing():
            rows = self.rows_of(wanted)
            surprise = self._surprise(keys)
            self._take(rows, wanted, keys, values, surprise, self.next_id, ordered=False)

    def delete(self, ids: Ids) -> None:
        """Delete patterns.

        Raises:
            MemoryShapeError: a pattern is not there.  The store is as before.
            DataError: the disk is full or refuses.
        """
        keys = torch.empty(0, self.key_width)
        values = torch.empty(0, self.value_width) if self.own_values else None
        none = torch.empty(0, dtype=torch.int64)
        with self._writing():
            rows = self.rows_of(_as_ids(ids)).unique()
            if len(rows):
                self._take(rows, none, keys, values, torch.empty(0), self.next_id, self._sorted)

    def get(self, ids: Ids) -> tuple[Float[Tensor, "n key"], Float[Tensor, "n value"]]:
        """Keys and values of patterns.

        Raises:
            MemoryShapeError: a pattern is not there.
        """
        return self.gather(self.rows_of(_as_ids(ids)))

    def touch(self, ids: Ids) -> None:
        """Say that patterns were of use just now, for the policy "least-recent".

        Raises:
            MemoryShapeError: a pattern is not there.
        """
        with self._writing():
            rows = self.rows_of(_as_ids(ids))
            self.clock += 1
            self._use(rows)

    def rows_of(self, ids: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        """Where patterns lie.

        Raises:
            MemoryShapeError: a pattern is not there.
        """
        column = self.column("ids")
        ids = ids.to(column)
        if self._sorted:
            rows = torch.searchsorted(column, ids).clamp(max=max(0, self.rows - 1))
        else:
            # An id stands at every row it ever had: the last of them counts.
            if self._order is None or self._order[0] != self.rows:
                kept, order = torch.sort(column, stable=True)
                self._order = (self.rows, kept, order)
            _, kept, order = self._order
            rows = order[(torch.searchsorted(kept, ids, right=True) - 1).clamp(min=0)]
        gone = self.gone_rows()
        found = torch.zeros_like(ids, dtype=torch.bool)
        if self.rows:
            found = column[rows] == ids
            found = found if gone is None else found & ~gone[rows]
        if not bool(found.all()):
            missing = int(ids[~found][0])
            raise MemoryShapeError(f"there is no pattern {missing} in this store")
        return rows

    def importance(self, policy: str | None = None) -> Float[Tensor, " rows"]:
        """How much a policy wants to keep each row; the gone ones among them."""
        return POLICIES[policy or self.policy](self)

    def _to_evict(self, n: int) -> Int[Tensor, " m"]:
        """Rows that have to go before n come."""
        over = 0 if self.capacity is None else len(self) + n - self.capacity
        if over <= 0:
            return torch.empty(0, dtype=torch.int64)
        if self.policy == "refuse" or n > (self.capacity or 0):
            raise MemoryShapeError(
                f"this store has room for {self.capacity} patterns: {len(self)} are there and "
                f"{n} more were given"
            )
        wanted, gone = self.importance(), self.gone_rows()
        if gone is not None:
            wanted = wanted.masked_fill(gone, float("inf"))
        return wanted.topk(over, largest=False).indices

    def _take(
        self,
        gone: Tensor,
        ids: Tensor,
        keys: Tensor,
        values: Tensor | None,
        surprise: Tensor,
        next_id: int,
        ordered: bool,
    ) -> None:
        longest = max(self.longest, float(keys.norm(dim=1).max())) if len(keys) else self.longest
        change = Commit(
            gone, ids, keys, values, surprise.float(), self.clock + 1, next_id, ordered, longest
        )
        self._commit(change)
        self.clock, self.next_id, self._sorted = change.clock, next_id, ordered
        self.longest = longest
        if self.gone > _COMPACT_AT * self.rows and self.gone > 1024:
            self.compact()

    def _checked(self, keys: Tensor, values: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self.own_values != (values is not None):
            needs = "needs a value a key" if self.own_values else "keeps keys alone"
            raise MemoryShapeError(f"this store {needs}")
        given = keys if values is None else values
        check_pairs(keys, given, key_width=self.key_width, value_width=self.value_width)
        keys = keys.detach().float()
        values = None if values is None else values.detach().float()
        if not fits(keys) or not (values is None or fits(values)):
            raise MemoryShapeError("the patterns have numbers that are too large for a store")
        return keys, values

    def _surprise(self, keys: Tensor) -> Tensor:
        """Distance to the nearest stored pattern as a share of the norm; one if there is none."""
        if self.policy != "least-surprising" or len(self) == 0:
            return torch.full((len(keys),), float(len(self) == 0))
        from unfrozen.memory.store.reading import nearest

        found = self.get(nearest(self, keys, 1).ids[:, 0])[0].to(keys)
        return ((keys - found).norm(dim=1) / keys.norm(dim=1).clamp(min=1e-30)).cpu()


def check_settings(
    key_width: int, value_width: int | None, capacity: int | None, policy: str
) -> None:
    """Check what a store is made with.

    Raises:
        MemoryShapeError: a width or the capacity is not positive, or the policy is unknown.
    """
    if min(key_width, 1 if value_width is None else value_width) < 1:
        raise MemoryShapeError(
            f"a store needs keys and values of at least one feature, not {key_width} and "
            f"{value_width}"
        )
    if capacity is not None and capacity < 1:
        raise MemoryShapeError(f"a store has room for one pattern or more, not {capacity}")
    if policy not in POLICIES:
        raise MemoryShapeError(f"no policy {policy!r}: there are {', '.join(POLICIES)}")


def _as_ids(ids: Ids) -> Int[Tensor, " n"]:
    if isinstance(ids, Tensor):
        return ids.reshape(-1)
    return torch.tensor([ids] if isinstance(ids, int) else list(ids), dtype=torch.int64)


POLICIES: dict[str, Callable[[PatternStore], Tensor]] = {
    "oldest": lambda store: store.column("ids").double(),
    "least-recent": lambda store: store.column("used").double(),
    "least-surprising": lambda store: store.column("surprise").double(),
    "refuse": lambda store: torch.zeros(store.rows, dtype=torch.float64),
}
"""Name -> how much each row is wanted: by age, by last use, by surprise; or nothing is given up."""
