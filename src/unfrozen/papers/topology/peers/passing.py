"""Passes forwards and backwards on one structure by several libraries, each in its own process."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from unfrozen.errors import PaperError
from unfrozen.papers.topology.peers import passer
from unfrozen.papers.topology.peers.environments import TOPOMODELX, interpreter, output
from unfrozen.papers.topology.peers.meshes import icosphere
from unfrozen.topology.complex import Complex, adjacency, coadjacency, incidence

WIDTH = 32
OURS, PYG = "library", "PyG"
_OFF = 1e-4


class Cost(NamedTuple):
    """Of one pass forwards and backwards.

    Attributes:
        seconds: of a processor, the fewest of some times.
        peak: bytes by which the process grew.
    """

    seconds: float
    peak: float


def python_of(system: str) -> str:
    """The Python that has a system.

    Raises:
        PeerError: it cannot be had.
    """
    return str(interpreter(TOPOMODELX)) if system == TOPOMODELX.name else sys.executable


def measure(system: str, task: str, file: Path) -> Cost | None:
    """What one system takes; None where memory does not suffice.

    Raises:
        PeerError: it failed for another reason.
    """
    command = [python_of(system), "-P", passer.__file__, system, task, str(file)]
    try:
        return Cost(**json.loads(output(command, f"{system} at {task}")))
    except MemoryError:
        return None


def largest_difference(file: Path, system: str) -> float:
    """By how much what a system gave differs from the library's, gradients too, of the largest.

    Raises:
        PaperError: it gave something else.
    """
    with (
        np.load(file.with_suffix(f".{OURS}.npz")) as own,
        np.load(file.with_suffix(f".{system}.npz")) as theirs,
    ):
        if set(own.files) != set(theirs.files):
            raise PaperError(f"{system} gave {theirs.files}, not {own.files}")
        return max(
            float(np.abs(own[name] - theirs[name]).max() / np.abs(own[name]).max())
            for name in own.files
        )


def compared(task: str, file: Path, systems: tuple[str, ...]) -> Mapping[str, Cost | None]:
    """What each takes, as far as memory suffices; the library first.

    Raises:
        PaperError: one gave something else than the library.
        PeerError: one failed.
    """
    costs = {system: measure(system, task, file) for system in (OURS, *systems)}
    for system in systems:
        if costs[system] is not None and (off := largest_difference(file, system)) > _OFF:
            raise PaperError(f"{task} by {system} is off by {off:.1e}")
    return costs


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
