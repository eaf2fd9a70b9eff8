"""The files that a mapped store's rows are in: what they hold, how they are read and added to."""

import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from unfrozen.errors import DataError


@dataclass(frozen=True)
class DataFile:
    """One of the files of a generation: a row of so many numbers of a kind."""

    name: str
    dtype: torch.dtype
    width: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.width * self.dtype.itemsize


class Mapping:
    """A file as a tensor that is read from the disk where it is looked at."""

    def __init__(self, path: Path, file: DataFile, rows: int) -> None:
        self.bytes = rows * file.row_bytes
        self.map: mmap.mmap | None = None
        shape = (rows, file.width) if file.width > 1 or file.name == "leading" else (rows,)
        if not rows:
            self.tensor = torch.empty(shape, dtype=file.dtype)
            return
        try:
            with path.open("rb") as stream:
                if os.fstat(stream.fileno()).st_size < self.bytes:
                    raise DataError(f"{path} is shorter than its journal says: it was truncated")
                # A private copy is what torch may think it can write to; nobody does.
                self.map = mmap.mmap(stream.fileno(), self.bytes, access=mmap.ACCESS_COPY)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        self.tensor = torch.frombuffer(self.map, dtype=file.dtype).view(shape)

    def release(self, low: int, high: int) -> None:
        """Let go of the pages that lie wholly between two rows."""
        if self.map is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        row = self.tensor.stride(0) * self.tensor.itemsize
        start = -(-low * row // mmap.PAGESIZE) * mmap.PAGESIZE
        length = high * row // mmap.PAGESIZE * mmap.PAGESIZE - start
        if length > 0:
            self.map.madvise(mmap.MADV_DONTNEED, start, length)


@contextmanager
def writing(path: Path, offset: int, *, sync: bool) -> Iterator[BinaryIO]:
    """A file to write to from some byte on, made if it is missing; what lies before stays."""
    path.touch(exist_ok=True)
    with path.open("r+b") as stream:
        stream.seek(offset)
        yield stream
        stream.flush()
        if sync:
            os.fsync(stream.fileno())


def content(tensor: Tensor) -> bytes:
    """A tensor's numbers as they lie in memory."""
    flat = tensor.contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if len(flat) else b""


def clear(folder: Path, generation: int) -> None:
    """Drop the files of other generations, but for those that a reader holds on to."""
    for path in _numbered(folder.iterdir()):
        if path.suffix != f".{generation}":
            try:
                path.unlink()
            except OSError:  # mapped by a reader, on systems that mind
                continue


def _numbered(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.suffix[1:].isdigit()]
