"""Attention and convolution forwards and backwards, beside TopoModelX and PyTorch Geometric."""

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.topology.meshes import icosphere
from unfrozen.data.cache import cache_folder
from unfrozen.topology import Complex, adjacency, coadjacency, incidence

WIDTH = 32
# Edges and faces of these are 12,800, 51,200 and 204,800 cells.
LEVELS = (4, 5, 6)
WORKER = Path(__file__).with_name("worker.py")
TOPOMODELX = "topomodelx==0.0.1"
_OFF = 1e-4


class Cost(NamedTuple):
    """Of one pass forwards and backwards.

    Attributes:
        seconds: of a processor, the fewest of some times.
        peak: bytes by which the process grew.
    """

    seconds: float
    peak: float


def run() -> dict[str, float]:
    """All systems on the same structure, with the same weights; what comes out is compared."""
    found: dict[str, float] = {}
    peer = environment()
    with tempfile.TemporaryDirectory() as folder:
        for level in LEVELS:
            file = Path(folder) / f"{level}.npz"
            cells = write(level, file)
            systems = {"library": sys.executable, "PyG": sys.executable, "TopoModelX": str(peer)}
            found |= _compared("attention", cells[1] + cells[2], file, systems)
            del systems["PyG"]
            found |= _compared("convolution", sum(cells), file, systems)
    return found


def _compared(task: str, cells: int, file: Path, systems: dict[str, str]) -> dict[str, float]:
    """What each takes, as far as it can, and how much more than the library."""
    found: dict[str, float] = {}
    name = f"{task}, {cells:,} cells"
    costs = {system: measure(system, python, task, file) for system, python in systems.items()}
    library = costs.pop("library")
    assert library is not None
    for system, cost in {"library": library, **costs}.items():
        found[f"{name}, {system} can"] = float(cost is not None)
        if cost is not None:
            found[f"{name}, {system}, ms"] = 1e3 * cost.seconds
            found[f"{name}, {system}, peak MB"] = cost.peak / 1e6
    for system, cost in costs.items():
        if cost is not None:
            _same(file, system)
            found[f"{name}, library faster than {system}, times"] = cost.seconds / library.seconds
            found[f"{name}, less memory than {system}, times"] = cost.peak / library.peak
    return found


def measure(system: str, python: str, task: str, file: Path) -> Cost | None:
    """What one system takes; nothing where memory does not suffice.

    Raises:
        RuntimeError: it failed for another reason.
    """
    run = subprocess.run(
        [python, str(WORKER), system, task, str(file)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        if "can't allocate memory" in run.stderr or "MemoryError" in run.stderr:
            return None
        raise RuntimeError(f"{system} failed at {task}:\n{run.stderr}")
    return Cost(**json.loads(run.stdout.splitlines()[-1]))


def _same(file: Path, system: str) -> None:
    """Check that a system gave what the library gave, gradients too.

    Raises:
        AssertionError: it did not.
    """
    with (
        np.load(file.with_suffix(".library.npz")) as own,
        np.load(file.with_suffix(f".{system}.npz")) as theirs,
    ):
        assert set(own.files) == set(theirs.files)
        for name in own.files:
            off = np.abs(own[name] - theirs[name]).max() / np.abs(own[name]).max()
            assert off < _OFF, f"{name} of {system} is off by {off:.1e}"


def write(level: int, file: Path) -> tuple[int, int, int]:
    """A mesh, its matrices, features and weights, for other processes; how many cells it has."""
    mesh = icosphere(level)
    complex_ = Complex({1: mesh.edges, 2: mesh.faces}, n_nodes=mesh.nodes)
    cells = (mesh.nodes, len(mesh.edges), len(mesh.faces))
    generator = torch.Generator().manual_seed(level)
    arrays: dict[str, np.ndarray] = {"edges": mesh.edges, "faces": mesh.faces}
    for name, relation in {
        "01": incidence(0, 1), "12": incidence(1, 2), "00": adjacency(0), "11": adjacency(1),
        "22": coadjacency(2),
    }.items():  # fmt: skip
        near = complex_.neighbourhood(relation)
        arrays[f"near_{name}"] = torch.stack([near.rows, near.columns]).numpy()

    def drawn(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * torch.randn(shape, generator=generator)).numpy()

    for rank, count in enumerate(cells):
        arrays[f"x_{rank}"], arrays[f"g_{rank}"] = drawn(count, WIDTH), drawn(count, WIDTH)
    for name in ("s", "t", "00", "10", "01", "11", "21", "12", "22"):
        arrays[f"w_{name}"] = drawn(WIDTH, WIDTH, scale=WIDTH**-0.5)
    arrays["a_s"], arrays["a_t"] = drawn(WIDTH, scale=0.3), drawn(WIDTH, scale=0.3)
    np.savez(file, allow_pickle=False, **arrays)
    return cells


def environment() -> Path:
    """The Python of an environment with TopoModelX, made in the cache folder when first asked for.

    TopoModelX asks for a numpy below 2, and for a nightly build of PyTorch Geometric that these
    layers do without.  Torch is the very one of this environment.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache_folder() / "benchmarks" / f"{TOPOMODELX}-python{python}-torch{torch.__version__}"
    found, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "numpy<2"], check=True)
        subprocess.run([*pip, "--no-deps", TOPOMODELX], check=True)
        # Behind its own packages, so that its own numpy is found first.
        site = folder / "lib" / f"python{python}" / "site-packages"
        (site / "torch.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        ready.touch()
    return found
