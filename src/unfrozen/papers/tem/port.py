"""Where the PyTorch port of TEM is that is measured against: its authors' repository, as it is."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from unfrozen.data.cache import cache_folder
from unfrozen.errors import PaperError

COMMIT = "bf103fb32b5fdc7541ebbd95ba77a2d35d049d7c"
DIGEST = "03c9bcdbf60fab99e5ed007bd4649c54817d220a1424fc774da4b3c48d3b0128"
"""Of its files at that commit, by `digest`."""
_ADDRESS = "https://github.com/jbakermans/torch_tem"
_VARIABLE = "UNFROZEN_TORCH_TEM"
_NEEDED = ("model.py", "parameters.py", "utils.py")
_PATIENCE = 120


def find_port() -> Path:
    """The folder of the port: that which ``UNFROZEN_TORCH_TEM`` names, or a clone in the cache.

    It has no licence to be handed on, so it is fetched by whoever measures it.

    Raises:
        PaperError: it is not there and cannot be fetched; it says how to bring it.
    """
    named = os.environ.get(_VARIABLE)
    if named:
        folder = Path(named).expanduser()
        if not all((folder / name).is_file() for name in _NEEDED):
            raise PaperError(
                f"{_VARIABLE} is {folder}, which has no {', '.join(_NEEDED)}: set it to a clone of "
                f"{_ADDRESS}"
            )
        return folder
    folder = cache_folder() / "peers" / f"torch_tem-{COMMIT[:12]}"
    if not all((folder / name).is_file() for name in _NEEDED):
        _clone(folder)
    return folder


def digest(folder: Path) -> str:
    """SHA-256 of the port's files: what was measured, wherever the folder came from."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in _NEEDED)).hexdigest()


def _clone(folder: Path) -> None:
    how = f"clone {_ADDRESS} and set {_VARIABLE} to it"
    git = shutil.which("git")
    if git is None:
        raise PaperError(f"the port of TEM cannot be fetched without git: {how}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as place:
        clone = Path(place) / "clone"
        commands = (
            (git, "clone", "--quiet", _ADDRESS, str(clone)),
            (git, "-C", str(clone), "checkout", "--quiet", COMMIT),
        )
        # Git asks for a password where it finds nothing; nobody is there to answer.
        silent = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        for command in commands:
            try:
                subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=_PATIENCE,
                    env=silent,
                )  # fmt: skip
            except subprocess.TimeoutExpired as error:
                raise PaperError(f"fetching the port of TEM took too long: {how}") from error
            except subprocess.CalledProcessError as error:
                reason = " ".join(error.stderr.split())
                raise PaperError(f"the port of TEM cannot be fetched ({reason}): {how}") from error
        shutil.rmtree(folder, ignore_errors=True)
        clone.replace(folder)
