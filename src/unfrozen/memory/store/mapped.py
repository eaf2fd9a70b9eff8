"""Patterns in files of any size, mapped into memory: opened at once, shared, safe in a crash."""

import json
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from filelock import FileLock, Timeout
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.data.cache import disk_errors, write_json
from unfrozen.errors import DataError
from unfrozen.memory.store.base import GROUP, Block, Commit, PatternStore, check_settings
from unfrozen.memory.store.files import DataFile, Mapping, clear, content, writing
from unfrozen.memory.store.journal import Journal, State
from unfrozen.memory.store.planes import join, split

FORMAT = 1
# Of what a pass has read, so much may stay in memory; the system's cache keeps the rest.
_RESIDENT_BYTES = 256 << 20
_MAPPED_AT_ONCE = 2 << 20
_COPY_BYTES = 16 << 20
_WAIT_SECONDS = 60


class MappedStore(PatternStore):
    """Patterns in a folder.

    One process writes at a time, others wait; any number read, each the state that it opened or
    last refreshed.  Numbers are kept as two halves (see `planes`), exact to the bit.

    Make one with `create`, open one with `open`.
    """

    layout = "split"

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        super().__init__(
            settings["key_width"],
            settings["value_width"],
            capacity=settings["capacity"],
            policy=settings["policy"],
        )
        self.folder, self.sync = folder, True
        self.device = torch.device("cpu")
        self._journal = Journal(folder / "journal")
        self._lock = FileLock(folder / "lock")
        own = self.value_width if self.own_values else 0
        self._files = [
            DataFile("leading", torch.bfloat16, self.key_width),
            DataFile("rest", torch.int16, self.key_width),
            *([DataFile("values", torch.float32, own)] if own else []),
            DataFile("ids", torch.int64, 1),
            DataFile("used", torch.int64, 1),
            DataFile("surprise", torch.float32, 1),
        ]
        self._gone_file = DataFile("gone", torch.int64, 1)
        self._state, self._record = self._journal.last()
        while True:
            try:
                self._open()
                break
            except DataError:
                # Another process may have compacted the store between its journal and its files.
                before = self._state.generation
                self._state, self._record = self._journal.last()
                if self._state.generation == before:
                    raise

    @classmethod
    def create(
        cls,
        folder: str | Path,
        key_width: int,
        value_width: int | None = None,
        *,
        capacity: int | None = None,
        policy: str = "oldest",
    ) -> "MappedStore":
        """Make an empty store.

        Args:
            folder: where; it is made, or is empty.
            key_width: features of a key.
            value_width: features of a value; None for an auto-associative store.
            capacity: how many patterns it holds at most.
            policy: which go when there are more.

        Raises:
            DataError: the folder has something in it, or the disk refuses.
            MemoryShapeError: as for `PatternStore`.
        """
        folder = Path(folder)
        check_settings(key_width, value_width, capacity, policy)
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise DataError(f"{folder} is not empty: a store takes a folder of its own")
            settings = {
                "format": FORMAT,
                "kind": "pattern-store",
                "key_width": key_width,
                "value_width": value_width,
                "capacity": capacity,
                "policy": policy,
            }
            Journal(folder / "journal").create(State())
            # Last, because this is by what a folder is known as a store.
            write_json(folder / "store.json", settings)
        return cls(folder, settings)

    @classmethod
    def open(cls, folder: str | Path) -> "MappedStore":
        """Open a store that is there.

        Raises:
            DataError: there is none, it is damaged, or of another format.
        """
        folder = Path(folder)
        try:
            settings = json.loads((folder / "store.json").read_text(encoding="utf-8"))
            if settings["format"] != FORMAT or settings["kind"] != "pattern-store":
                raise DataError(f"{folder} is not a store of format {FORMAT}")
            return cls(folder, settings)
        except FileNotFoundError as error:
            raise DataError(f"there is no store in {folder}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder / 'store.json'} cannot be read: {error}") from error

    def refresh(self) -> None:
        """See what other processes have written since.

        Raises:
            DataError: the store is damaged.
        """
        state, record = self._journal.last()
        if (state, record) != (self._state, self._record):
            self._state, self._record = state, record
            self._open()

    def verify(self) -> None:
        """Compare every change that the journal has with its checksum.

        Raises:
            DataError: something was changed or damaged.
        """
        for state in self._journal.all():
            checksum = 0
            for file in [*self._files, self._gone_file]:
                if file.name == "used":
                    continue  # changes with every use
                low, high = state.before_rows, state.rows
                if file.name == "gone":
                    low, high = state.before_gone, state.gone
                if low == high:
                    continue
                with self._path(file, state.generation).open("rb") as stream:
                    stream.seek(low * file.row_bytes)
                    left = (high - low) * file.row_bytes
                    while left > 0:
                        part = stream.read(min(left, _COPY_BYTES))
                        if not part:
                            raise DataError(f"{stream.name} is shorter than its journal says")
                        checksum, left = zlib.crc32(part, checksum), left - len(part)
            if checksum != state.checksum:
                raise DataError(
                    f"{self.folder} is damaged: rows {state.before_rows} to {state.rows} are not "
                    "what was written"
                )

    @property
    def rows(self) -> int:
        """Rows there are, gone ones among them."""
        return self._state.rows

    @property
    def gone(self) -> int:
        """Rows that were deleted and are not yet cleared away."""
        return self._state.gone

    @property
    def generation(self) -> int:
        """How often rows were numbered anew."""
        return self._state.generation

    def column(self, name: Literal["ids", "used", "surprise"]) -> Tensor:
        """One number a row; not to be written to."""
        return self._maps[name].tensor

    def gone_rows(self) -> Bool[Tensor, " rows"] | None:
        """Which rows were deleted; None if there is none."""
        return self._gone_mask

    def blocks(self, rows: int) -> Iterator[Block]:
        """All rows in order, a block at a time; views of the files."""
        leading, rest = self._maps["leading"].tensor, self._maps["rest"].tensor
        values = self._maps["values"].tensor if self.own_values else None
        gone = self._gone_mask
        large = sum(m.bytes for m in self._maps.values()) > _RESIDENT_BYTES
        maps = [self._maps[f.name] for f in self._files]
        for low in range(0, self.rows, rows):
            high = min(low + rows, self.rows)
            dead = None if gone is None else gone[low:high]
            yield Block(
                start=low,
                leading=leading[low:high],
                rest=rest[low:high],
                values=None if values is None else values[low:high],
                gone=dead if dead is not None and bool(dead.any()) else None,
            )
            if large:
                for mapping in maps:
                    mapping.release(low, high)

    def gather(
        self, rows: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n key"], Float[Tensor, "n value"]]:
        """Keys and values of rows, wherever they lie.  Copies."""
        rows = rows.cpu()
        leading, rest = self._maps["leading"].tensor, self._maps["rest"].tensor
        keys = join(leading.index_select(0, rows), rest.index_select(0, rows))
        values = keys
        if self.own_values:
            values = self._maps["values"].tensor.index_select(0, rows)
        # A touch may map as much of the system's cache as lies together there.
        self._touched += len((rows // GROUP).unique()) * len(self._files) * _MAPPED_AT_ONCE
        if self._touched > _RESIDENT_BYTES:
            for mapping in self._maps.values():
                mapping.release(0, self.rows)
            self._touched = 0
        return keys, values

    def compact(self) -> None:
        """Write the rows that are there into new files, and drop the old ones."""
        with self._writing():
            gone = self.gone_rows()
            kept = torch.arange(self.rows)
            if gone is not None:
                kept = kept[~gone]
            kept = kept[torch.argsort(self.column("ids")[kept], stable=True)]
            old = self._state.generation
            state = State(
                generation=old + 1,
                rows=len(kept),
                clock=self.clock,
                next_id=self.next_id,
                longest=self.longest,
            )
            checksum = 0
            with disk_errors(self.folder):
                for file in self._files:
                    tensor = self._maps[file.name].tensor
                    part = max(1, _COPY_BYTES // file.row_bytes)
                    path = self._path(file, old + 1)
                    path.unlink(missing_ok=True)
                    with writing(path, 0, sync=True) as stream:
                        for some in kept.split(part):
                            added = content(tensor.index_select(0, some))
                            stream.write(added)
                            if file.name != "used":
                                checksum = zlib.crc32(added, checksum)
                state = replace(state, checksum=checksum)
                self._journal.create(state)
            self._state, self._record = state, 0
            self._open()
            clear(self.folder, state.generation)

    def _writing(self) -> AbstractContextManager[object]:
        return self.held()

    def _use(self, rows: Int[Tensor, " n"]) -> None:
        file = next(f for f in self._files if f.name == "used")
        with disk_errors(self.folder):
            path = self._path(file, self._state.generation)
            with writing(path, 0, sync=self.sync) as stream:
                for row in rows.tolist():
                    stream.seek(row * file.row_bytes)
                    stream.write(self.clock.to_bytes(file.row_bytes, "little"))
            now = self._state
            self._count(
                replace(
                    now, clock=self.clock, before_rows=now.rows, before_gone=now.gone, checksum=0
                )
            )

    def _commit(self, change: Commit) -> None:
        before = self._state
        n, m = len(change.keys), len(change.gone)
        columns = {
            "ids": change.ids,
            "used": torch.full((n,), change.clock),
            "surprise": change.surprise,
            "values": change.keys if change.values is None else change.values,
        }
        checksum = 0
        with disk_errors(self.folder):
            for file in self._files if n else []:
                path = self._path(file, before.generation)
                part = max(1, _COPY_BYTES // file.row_bytes)
                with writing(path, before.rows * file.row_bytes, sync=self.sync) as stream:
                    for some in range(0, n, part):
                        where = slice(some, some + part)
                        if file.name in ("leading", "rest"):
                            halves = split(change.keys[where].cpu())
                            added = content(halves[file.name == "rest"])
                        else:
                            added = content(columns[file.name][where].to(file.dtype))
                        stream.write(added)
                        if file.name != "used":
                            checksum = zlib.crc32(added, checksum)
            if m:
                path = self._path(self._gone_file, before.generation)
                offset = before.gone * self._gone_file.row_bytes
                with writing(path, offset, sync=self.sync) as stream:
                    added = content(change.gone.to(torch.int64))
                    stream.write(added)
                    checksum = zlib.crc32(added, checksum)
            self._count(
                State(
                    generation=before.generation,
                    rows=before.rows + n,
                    gone=before.gone + m,
                    clock=change.clock,
                    next_id=change.next_id,
                    unsorted=int(not change.sorted),
                    before_rows=before.rows,
                    before_gone=before.gone,
                    longest=change.longest,
                    checksum=checksum,
                )
            )

    def _count(self, state: State) -> None:
        self._journal.add(state, self._record + 1, sync=self.sync)
        self._state, self._record = state, self._record + 1
        self._open()

    def _open(self) -> None:
        """Map the files of the state that counts."""
        state = self._state
        self._maps = {
            file.name: Mapping(self._path(file, state.generation), file, state.rows)
            for file in self._files
        }
        self._touched = 0
        gone = Mapping(self._path(self._gone_file, state.generation), self._gone_file, state.gone)
        self._gone_mask = None
        if state.gone:
            self._gone_mask = torch.zeros(state.rows, dtype=torch.bool)
            self._gone_mask[gone.tensor] = True
        self.clock, self.next_id, self.longest = state.clock, state.next_id, state.longest
        self._sorted, self._order = not state.unsorted, None

    def _path(self, file: DataFile, generation: int) -> Path:
        return self.folder / f"{file.name}.{generation}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other writers out for the length of a block, with what they did taken in.

        Raises:
            DataError: another process does not let go, or the store is damaged.
        """
        try:
            with disk_errors(self.folder), self._lock.acquire(timeout=_WAIT_SECONDS):
                self.refresh()
                yield
        except Timeout as error:
            raise DataError(
                f"{self.folder} has been held by another process for {_WAIT_SECONDS} s: try later"
            ) from error
