"""Files that are whole or not there at all, and JSON that carries its own checksum."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from unfrozen.data.cache import atomic_write
from unfrozen.errors import DataError, WorkspaceError

TEMPORARY = ".*.tmp"
"""Pattern of the names of files and folders that are not complete yet."""


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def canonical(record: dict[str, Any]) -> str:
    """The one JSON text of a record: keys sorted, no NaN or infinity.

    Raises:
        WorkspaceError: the record holds something that JSON cannot.
    """
    try:
        text = json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        text.encode()  # a lone surrogate is refused here and not half-way through a write
    except (TypeError, ValueError, RecursionError) as error:
        raise WorkspaceError(f"cannot be kept as JSON: {error}") from error
    return text


def seal(record: dict[str, Any]) -> bytes:
    """A record as JSON that ends with the checksum of all the rest."""
    return canonical({**record, "sha256": sha256(canonical(record).encode())}).encode() + b"\n"


def unseal(data: bytes, path: Path, newest_format: int | None = None) -> dict[str, Any]:
    """Read what `seal` wrote, byte for byte.

    Args:
        data: the file's bytes.
        path: where they come from, for messages.
        newest_format: the newest ``format`` that can be read, if the record has one.

    Raises:
        WorkspaceError: the bytes are not exactly what `seal` wrote, or of a later format.
    """
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise damaged(path, "it is not a JSON object")
    # Before the checksum, because a later format may be sealed in another way.
    version = record.get("format")
    if newest_format is not None and isinstance(version, int) and version > newest_format:
        raise WorkspaceError(
            f"{path} has format {version}, this unfrozen reads up to {newest_format}: "
            "upgrade unfrozen to open it"
        )
    record.pop("sha256", None)
    if seal(record) != data:
        raise damaged(path, "its checksum does not fit its content")
    return record


def damaged(path: Path, why: str) -> WorkspaceError:
    """The error for a file that is not what was written."""
    return WorkspaceError(f"{path} is damaged ({why}): restore it from a copy")


def read_file(path: Path) -> bytes:
    """A file's bytes, or a one-line error."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WorkspaceError(f"{path} is missing: restore it from a copy") from error
    except OSError as error:
        raise WorkspaceError(f"cannot read {path}: {error.strerror}") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that, whatever happens, it has either its old content or all of the new.

    Raises:
        WorkspaceError: the system refused (full disk, no permission, ...); no partial file is left.
    """
    try:
        with atomic_write(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)
    except DataError as error:
        raise WorkspaceError(str(error)) from error
    except OSError as error:
        raise WorkspaceError(f"cannot write {path}: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    if os.name != "posix":  # elsewhere a folder cannot be opened, and renames are journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_new_folder(folder: Path) -> None:
    """Whether a folder can be filled by `new_folder`.

    Raises:
        WorkspaceError: it has content already, or is no folder.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise WorkspaceError(f"{folder} is not empty: name a new or an empty folder")


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder to fill, which becomes `folder` when the block ends without an error.

    Raises:
        WorkspaceError: `folder` has content already, or a write was refused; nothing is left.
    """
    folder = folder.absolute()
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.tmp")
    try:
        check_new_folder(folder)
        temporary.mkdir(parents=True)
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
        sync_folder(temporary)
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
        sync_folder(folder.parent)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise WorkspaceError(f"cannot write {folder}: {why}; nothing was left there") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
