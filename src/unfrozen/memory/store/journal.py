"""What of a mapped store counts: a file of records, the last whole one of which is the state.

A change is first written to the data files, behind what counts, and synced; then one record makes
it count.  A process that is killed in between leaves bytes that nobody looks at, and one that is
killed within the record leaves a record whose checksum is wrong, so that the one before counts.
"""

import os
import struct
import zlib
from dataclasses import astuple, dataclass
from pathlib import Path

from unfrozen.data.cache import atomic_write
from unfrozen.errors import DataError

_HEADER = b"unfrozen-store-1"
_RECORD = struct.Struct("<8Qd2I")
SIZE = _RECORD.size


@dataclass(frozen=True)
class State:
    """A state of a store.

    Attributes:
        generation: which files have the rows.
        rows: how many count.
        gone: how many deletions count.
        clock: of changes and uses.
        next_id: the id that comes next.
        unsorted: 1 if ids do not ascend with the rows.
        before_rows: rows of the state before.
        before_gone: deletions of the state before.
        longest: norm of the longest key there ever was.
        checksum: CRC-32 of what the change added, in the order of the files.
    """

    generation: int = 0
    rows: int = 0
    gone: int = 0
    clock: int = 0
    next_id: int = 0
    unsorted: int = 0
    before_rows: int = 0
    before_gone: int = 0
    longest: float = 0.0
    checksum: int = 0


class Journal:
    """The records of a store.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, state: State) -> None:
        """Begin anew with one state, whole or not at all.

        Raises:
            DataError: the disk is full or refuses.
        """
        with atomic_write(self.path) as temporary:
            temporary.write_bytes(_HEADER + _pack(state))

    def last(self) -> tuple[State, int]:
        """The state that counts, and the number of its record.

        Raises:
            DataError: the file is missing, foreign, or has no whole record.
        """
        try:
            with self.path.open("rb") as file:
                if file.read(len(_HEADER)) != _HEADER:
                    raise DataError(f"{self.path} is not the journal of a store of format 1")
                end = file.seek(0, os.SEEK_END)
                for number in reversed(range((end - len(_HEADER)) // SIZE)):
                    file.seek(len(_HEADER) + number * SIZE)
                    state = _unpack(file.read(SIZE))
                    if state is not None:
                        return state, number
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error
        raise DataError(f"{self.path} has no whole record: the store is damaged")

    def all(self) -> list[State]:
        """Every state since the store was last compacted, oldest first.

        Raises:
            DataError: as for `last`, or a record is damaged.
        """
        count = self.last()[1] + 1
        body = self.path.read_bytes()[len(_HEADER) : len(_HEADER) + count * SIZE]
        states = [_unpack(body[i * SIZE : (i + 1) * SIZE]) for i in range(count)]
        for number, state in enumerate(states):
            if state is None:
                raise DataError(f"record {number} of {self.path} is damaged")
        return [state for state in states if state is not None]

    def add(self, state: State, number: int, *, sync: bool = True) -> None:
        """Make a state count.

        Args:
            state: the new one.
            number: of its record.
            sync: whether to wait until the disk has it.
        """
        with self.path.open("r+b", buffering=0) as file:
            file.seek(len(_HEADER) + number * SIZE)
            file.write(_pack(state))
            if sync:
                os.fsync(file.fileno())


def _pack(state: State) -> bytes:
    whole = _RECORD.pack(*astuple(state), 0)
    return whole[:-4] + struct.pack("<I", zlib.crc32(whole[:-4]))


def _unpack(record: bytes) -> State | None:
    if len(record) != SIZE or zlib.crc32(record[:-4]) != struct.unpack("<I", record[-4:])[0]:
        return None
    return State(*_RECORD.unpack(record)[:-1])
