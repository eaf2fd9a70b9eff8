"""JSON Lines that outlive an interruption: appended line by line, a torn last one forgotten."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from unfrozen.data.cache import atomic_write, disk_errors
from unfrozen.errors import DataError


def read_lines(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The objects of a file, one a line; none of a file that is not there.

    A last line that a kill tore is cut off the file, so that the next one can be appended.

    Raises:
        DataError: a whole line is no object of JSON; names it.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = data[: data.rfind(b"\n") + 1]
    found = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            one = json.loads(line)
        except ValueError as error:
            raise DataError(f"line {number} of {path} is damaged: remove the file") from error
        if not isinstance(one, dict):
            raise DataError(f"line {number} of {path} is no object: remove the file")
        found.append(one)
    if len(whole) < len(data):
        with disk_errors(path):
            os.truncate(path, len(whole))
    return found


def append_line(stream: BinaryIO, entry: dict[str, Any], path: Path) -> None:
    """Write an object through to the disk.

    Args:
        stream: the file, opened to append bytes.
        entry: JSON; numbers are finite.
        path: of the file, for errors.

    Raises:
        DataError: the disk is full or refuses.
    """
    with disk_errors(path):
        stream.write(_line(entry))
        stream.flush()
        os.fsync(stream.fileno())


def write_lines(path: str | os.PathLike[str], entries: Iterable[dict[str, Any]]) -> None:
    """Write a whole file, or nothing.

    Raises:
        DataError: the disk is full or refuses.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        for entry in entries:
            stream.write(_line(entry))


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
