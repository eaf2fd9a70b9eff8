"""Patterns in tensors, on any device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.store.base import GROUP, Block, Commit, Layout, PatternStore
from unfrozen.memory.store.planes import join, split

# What an append may reserve beyond its own rows, so that many small ones do not copy much.
_SPARE_BYTES = 4 << 20


@dataclass
class _Segment:
    """Rows in one stretch of memory, the first `used` of them taken."""

    start: int
    used: int
    leading: Tensor
    rest: Tensor | None
    values: Tensor | None

    @property
    def room(self) -> int:
        return len(self.leading) - self.used


class TensorStore(PatternStore):
    """Patterns in the memory of a device.

    Args:
        key_width: features of a key.
        value_width: features of a value; None for an auto-associative store.
        layout: "split" keeps numbers as two halves (see `planes`), exact all the same, for scans
            in bfloat16; "plain" keeps float32.
        capacity: how many patterns it holds at most.
        policy: which go when there are more.
        device: where they are.

    Raises:
        MemoryShapeError: as for `PatternStore`, or the layout is unknown.

    Example:
        >>> store = TensorStore(2)
        >>> store.append(torch.tensor([[1.0, 0.0], [0.0, 1.0]])).tolist()
        [0, 1]
        >>> store.delete(0)
        >>> len(store)
        1
    """

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        layout: Layout = "split",
        capacity: int | None = None,
        policy: str = "oldest",
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(key_width, value_width, capacity=capacity, policy=policy)
        if layout not in ("split", "plain"):
            raise MemoryShapeError(f"the layout is 'split' or 'plain', not {layout!r}")
        self.layout: Layout = layout
        self.device = torch.device(torch.get_default_device() if device is None else device)
        self._generation = 0
        self._clear()
        self.next_id, self.clock, self.longest, self._sorted = 0, 0, 0.0, True

    def _clear(self) -> None:
        self._segments: list[_Segment] = []
        self._rows = self._gone_count = 0
        self._columns = {
            "ids": torch.empty(0, dtype=torch.int64, device=self.device),
            "used": torch.empty(0, dtype=torch.int64, device=self.device),
            "surprise": torch.empty(0, dtype=torch.float32, device=self.device),
            "gone": torch.empty(0, dtype=torch.bool, device=self.device),
        }

    @property
    def rows(self) -> int:
        """Rows there are, gone ones among them."""
        return self._rows

    @property
    def gone(self) -> int:
        """Rows that were deleted and are not yet cleared away."""
        return self._gone_count

    @property
    def generation(self) -> int:
        """How often rows were numbered anew."""
        return self._generation

    def column(self, name: Literal["ids", "used", "surprise"]) -> Tensor:
        """One number a row."""
        return self._columns[name][: self._rows]

    def gone_rows(self) -> Bool[Tensor, " rows"] | None:
        """Which rows were deleted; None if there is none."""
        return self._columns["gone"][: self._rows] if self._gone_count else None

    def blocks(self, rows: int) -> Iterator[Block]:
        """All rows in order, a block at a time; views."""
        gone = self.gone_rows()
        for segment in self._segments:
            for low in range(0, segment.used, rows):
                high = min(low + rows, segment.used)
                first = segment.start + low
                dead = None if gone is None else gone[first : first + high - low]
                yield Block(
                    start=first,
                    leading=segment.leading[low:high],
                    rest=None if segment.rest is None else segment.rest[low:high],
                    values=None if segment.values is None else segment.values[low:high],
                    gone=dead if dead is not None and bool(dead.any()) else None,
                )

    def gather(
        self, rows: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n key"], Float[Tensor, "n value"]]:
        """Keys and values of rows, wherever they lie.  Copies."""
        rows = rows.to(self.device)
        if len(self._segments) == 1:
            return self._from(self._segments[0], rows)
        keys = torch.empty(len(rows), self.key_width, device=self.device)
        values = torch.empty(len(rows), self.value_width, device=self.device)
        starts = torch.tensor([s.start for s in self._segments], device=self.device)
        belongs = torch.searchsorted(starts, rows, right=True) - 1
        for number in belongs.unique().tolist():
            mine, segment = belongs == number, self._segments[number]
            keys[mine], values[mine] = self._from(segment, rows[mine] - segment.start)
        return keys, values

    def _from(self, segment: _Segment, rows: Tensor) -> tuple[Tensor, Tensor]:
        keys = segment.leading.index_select(0, rows)
        if segment.rest is not None:
            keys = join(keys, segment.rest.index_select(0, rows))
        return keys, keys if segment.values is None else segment.values.index_select(0, rows)

    def _use(self, rows: Int[Tensor, " n"]) -> None:
        self.column("used")[rows.to(self.device)] = self.clock

    def _commit(self, change: Commit) -> None:
        n = len(change.keys)
        columns = self._grown(n)
        now = slice(self._rows, self._rows + n)
        columns["ids"][now] = change.ids.to(self.device)
        columns["used"][now] = change.clock
        columns["surprise"][now] = change.surprise.to(self.device)
        columns["gone"][now] = False
        self._place(change.keys.to(self.device), change.values)
        # Nothing can fail from here on.
        columns["gone"][change.gone.to(self.device)] = True
        self._columns, self._rows = columns, self._rows + n
        self._gone_count += len(change.gone)

    def _grown(self, n: int) -> dict[str, Tensor]:
        """The columns with room for n more rows; what is there is not touched."""
        needed = self._rows + n
        if needed <= len(self._columns["ids"]):
            return self._columns
        size = needed + needed // 8
        return {
            name: torch.cat([old[: self._rows], old.new_zeros(size - self._rows)])
            for name, old in self._columns.items()
        }

    def _place(self, keys: Tensor, values: Tensor | None) -> None:
        """Copy rows into the last segment's room, and what is left into a new one."""
        values = None if values is None else values.to(self.device)
        last = self._segments[-1] if self._segments else None
        at = min(len(keys), last.room) if last else 0
        made = self._segment(keys[at:], None if values is None else values[at:])
        if last and at:
            self._fill(last, keys[:at], None if values is None else values[:at])
        if made:
            self._segments.append(made)

    def _segment(self, keys: Tensor, values: Tensor | None) -> _Segment | None:
        if not len(keys):
            return None
        spare = min(self._rows + len(keys), _SPARE_BYTES // (4 * self.key_width))
        room = -(-(len(keys) + spare) // GROUP) * GROUP
        before = self._segments[-1] if self._segments else None
        kind = torch.bfloat16 if self.layout == "split" else torch.float32
        rest = None
        if self.layout == "split":
            rest = torch.empty(room, self.key_width, dtype=torch.int16, device=self.device)
        segment = _Segment(
            start=before.start + len(before.leading) if before else 0,
            used=0,
            leading=torch.empty(room, self.key_width, dtype=kind, device=self.device),
            rest=rest,
            values=None
            if values is None
            else torch.empty(room, self.value_width, device=self.device),
        )
        self._fill(segment, keys, values)
        return segment

    def _fill(self, segment: _Segment, keys: Tensor, values: Tensor | None) -> None:
        low = segment.used
        # In parts, so that splitting takes little room of its own.
        part = max(GROUP, _SPARE_BYTES // (4 * self.key_width))
        for start in range(0, len(keys), part):
            some = keys[start : start + part]
            where = slice(low + start, low + start + len(some))
            if segment.rest is None:
                segment.leading[where] = some
            else:
                segment.leading[where], segment.rest[where] = split(some)
        if segment.values is not None and values is not None:
            segment.values[low : low + len(values)] = values
        segment.used = low + len(keys)

    def compact(self) -> None:
        """Clear deleted rows away.  Takes room for a second copy while it runs."""
        gone = self.gone_rows()
        kept = torch.arange(self._rows, device=self.device)
        if gone is not None:
            kept = kept[~gone]
        columns = {name: self._columns[name][kept] for name in self._columns}
        order = torch.argsort(columns["ids"], stable=True)
        keys, values = self.gather(kept[order])
        self._clear()
        self._columns = {name: column[order] for name, column in columns.items()}
        if len(keys):
            made = self._segment(keys, values if self.own_values else None)
            self._segments = [made] if made else []
        self._rows, self._sorted, self._order = len(keys), True, None
        self._generation += 1
