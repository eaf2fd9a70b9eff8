"""Environments of other libraries, made in the cache folder when they are first asked for.

Torch is the very one of this environment, and so is what else a library can take from it.
"""

import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock

from unfrozen.data.cache import cache_folder
from unfrozen.errors import PaperError


class PeerError(PaperError):
    """Another library cannot be had, or failed."""


@dataclass(frozen=True)
class Peer:
    """A library.

    Attributes:
        name: as its authors write it.
        package: with its version, as pip takes it.
        needs: packages that are installed first; None for all that it asks for, as far as this
            environment does not have them.
    """

    name: str
    package: str
    needs: tuple[str, ...] | None = None


TOPONETX = Peer("TopoNetX", f"toponetx=={'0.2.0' if sys.version_info < (3, 12) else '0.4.0'}")
# It asks for a numpy below 2, and for a nightly build of PyTorch Geometric that the layers
# measured do without.
TOPOMODELX = Peer("TopoModelX", "topomodelx==0.0.1", ("numpy<2",))
PYKEEN = Peer("PyKEEN", "pykeen==1.11.1")


def interpreter(peer: Peer) -> Path:
    """The Python of an environment that has a library.

    Raises:
        PeerError: it cannot be made.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    peers = cache_folder() / "peers"
    folder = peers / f"{peer.package}-python{python}-torch{torch.__version__}"
    found, ready = folder / "bin" / "python", folder / "ready"
    peers.mkdir(exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not ready.exists():
            _make(peer, folder, found)
            ready.touch()
    return found


def why_not(peer: Peer) -> str | None:
    """None if a library can be had, else a sentence that says why not."""
    try:
        interpreter(peer)
    except PeerError as error:
        return str(error)
    return None


def output(command: list[str], of: str) -> str:
    """The last line that a process printed.

    Raises:
        MemoryError: memory did not suffice for it.
        PeerError: it failed for another reason.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        if "can't allocate memory" in done.stderr or "MemoryError" in done.stderr:
            raise MemoryError(of)
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise PeerError(f"{of} failed: {last}")
    return done.stdout.strip().splitlines()[-1]


def _make(peer: Peer, folder: Path, python: Path) -> None:
    _call(peer, [sys.executable, "-m", "venv", "--clear", str(folder)])
    site = next(folder.glob("lib/python*/site-packages"), None)
    if site is None:
        raise PeerError(f"{peer.name} could not be had: {folder} is no environment")
    # Behind its own packages, so that its own are found first.
    link = site / "this.pth"
    if peer.needs is None:
        link.write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if peer.needs:
        _call(peer, [*pip, *peer.needs])
    _call(peer, [*pip, *(() if peer.needs is None else ("--no-deps",)), peer.package])
    link.write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")


def _call(peer: Peer, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PeerError(f"{peer.name} could not be had: {error.strerror}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise PeerError(f"{peer.name} could not be had: {last}")
