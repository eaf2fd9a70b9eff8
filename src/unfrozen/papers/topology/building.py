"""Meshes as combinatorial complexes with all their matrices, beside TopoNetX."""

import json
import tempfile
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from unfrozen.papers.running.growth import measured
from unfrozen.papers.topology.peers import builder
from unfrozen.papers.topology.peers.environments import TOPONETX, interpreter, output
from unfrozen.papers.topology.peers.meshes import Mesh, icosphere
from unfrozen.topology.complex import Complex, adjacency, coadjacency, incidence

MATRICES = {
    "B01": incidence(0, 1), "B02": incidence(0, 2), "B12": incidence(1, 2), "A0": adjacency(0),
    "C2": coadjacency(2),
}  # fmt: skip
"""Those that TopoNetX is asked for, by the names that `peers.builder` gives them."""


class Built(NamedTuple):
    """What was built, and in how many processor seconds."""

    made: Complex
    seconds: float


def library(mesh: Mesh) -> Built:
    """The complex, its axioms checked, with all matrices."""
    begun = process_time()
    made = Complex({1: mesh.edges, 2: mesh.faces}, n_nodes=mesh.nodes)
    for relation in MATRICES.values():
        made.neighbourhood(relation)
    return Built(made, process_time() - begun)


def timed(level: int, times: int) -> dict[str, Any]:
    """Cells of a mesh, fewest seconds of some times, and bytes by which the process grew."""
    mesh = icosphere(level)
    _, _, peak = measured(lambda: library(mesh))
    seconds = min(library(mesh).seconds for _ in range(times))
    return {"cells": mesh.cells, "seconds": seconds, "peak": peak}


def beside(level: int) -> dict[str, Any]:
    """What TopoNetX takes, and whether its matrices are the same, whatever the order of cells.

    Raises:
        PeerError: it cannot be had, or failed.
    """
    mesh = icosphere(level)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mesh.npz"
        np.savez(file, allow_pickle=False, edges=mesh.edges, faces=mesh.faces)
        command = [str(interpreter(TOPONETX)), "-P", builder.__file__, str(file)]
        told = json.loads(output(command, TOPONETX.name))
        with np.load(file.with_suffix(f".{TOPONETX.name}.npz")) as theirs:
            same = _same(library(mesh).made, dict(theirs))
    return {"cells": mesh.cells, **told, "same": same}


def _same(own: Complex, theirs: dict[str, np.ndarray]) -> bool:
    """Whether every matrix has the same entries."""
    for name, relation in MATRICES.items():
        near = own.neighbourhood(relation)
        ours = _pairs(own, relation.target, relation.source, near.rows, near.columns)
        rows, columns = theirs[f"rows_{name}"], theirs[f"columns_{name}"]
        at = theirs[f"at_{name}"]
        if len(rows) != own.n_cells(relation.target) or len(columns) != own.n_cells(
            relation.source
        ):
            return False
        there = np.concatenate([rows[at[0]], columns[at[1]]], 1)
        if not np.array_equal(np.unique(there, axis=0), np.unique(ours, axis=0)):
            return False
    return True


def _pairs(own: Complex, target: int, source: int, rows: Any, columns: Any) -> np.ndarray:
    """Members of both cells of each entry."""
    parts = []
    for rank, places in ((target, rows), (source, columns)):
        n = own.n_cells(rank)
        members = (
            np.sort(own.cells(rank).members.reshape(n, -1), 1) if rank else np.arange(n)[:, None]
        )
        parts.append(members[np.asarray(places)])
    return np.concatenate(parts, 1)


def power(cells: list[int], seconds: list[float]) -> float:
    """Of the cells, with which seconds grow: a straight line through both logarithms."""
    return float(np.polyfit(np.log(cells), np.log(seconds), 1)[0])
