"""Meshes as combinatorial complexes with all their matrices, beside TopoNetX."""

import importlib
import warnings
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.memory import measured
from benchmarks.topology.meshes import Mesh, icosphere
from unfrozen.topology import Complex, Relation, adjacency, coadjacency, incidence

LEVELS = (4, 5, 6, 7)
# What TopoNetX takes grows with the square of the cells: seconds, then minutes, and an hour at the
# next level.
PEER_LEVELS = (4, 5)
TIMES = 5
MATRICES = (incidence(0, 1), incidence(0, 2), incidence(1, 2), adjacency(0), coadjacency(2))


class Built(NamedTuple):
    """What was built, and in how many processor seconds."""

    made: Any
    seconds: float


def run() -> dict[str, float]:
    """Time and memory of the library, how they grow, and those of TopoNetX."""
    found: dict[str, float] = {}
    cells, seconds = [], []
    for level in LEVELS:
        mesh = icosphere(level)
        best = min(library(mesh).seconds for _ in range(TIMES))
        cells.append(mesh.cells)
        seconds.append(best)
        size = f"building {mesh.cells:,} cells"
        own, _, peak = measured(lambda mesh=mesh: library(mesh))
        found[f"{size}, library, ms"] = 1e3 * best
        found[f"{size}, library, peak MB"] = peak / 1e6
        if level in PEER_LEVELS:
            theirs, _, peak = measured(lambda mesh=mesh: toponetx(mesh))
            found[f"{size}, TopoNetX, ms"] = 1e3 * theirs.seconds
            found[f"{size}, TopoNetX, peak MB"] = peak / 1e6
            found[f"{size}, library faster, times"] = theirs.seconds / best
            _check(own.made, theirs.made)
    power = float(np.polyfit(np.log(cells), np.log(seconds), 1)[0])
    return {**found, "building, time grows with cells to the power": power}


def library(mesh: Mesh) -> Built:
    """The complex, its axioms checked, with all matrices."""
    begun = process_time()
    made = Complex({1: mesh.edges, 2: mesh.faces}, n_nodes=mesh.nodes)
    for relation in MATRICES:
        made.neighbourhood(relation)
    return Built(made, process_time() - begun)


def toponetx(mesh: Mesh) -> Built:
    """The same of TopoNetX, which takes lists: (rows, columns, matrix) of each relation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = importlib.import_module("toponetx.classes")
        edges, faces = mesh.edges.tolist(), mesh.faces.tolist()
        begun = process_time()
        made = classes.CombinatorialComplex()
        made.add_cells_from(edges, ranks=1)
        made.add_cells_from(faces, ranks=2)
        matrices = {relation: _of_peer(made, relation) for relation in MATRICES}
        return Built(matrices, process_time() - begun)


def _of_peer(made: Any, relation: Relation) -> tuple[Any, Any, Any]:
    if relation.kind == "incidence":
        return made.incidence_matrix(relation.target, relation.source, index=True)
    ask = made.adjacency_matrix if relation.kind == "adjacency" else made.coadjacency_matrix
    rows, matrix = ask(relation.target, relation.via, index=True)
    return rows, rows, matrix


def _check(own: Complex, theirs: dict[Relation, tuple[Any, Any, Any]]) -> None:
    """Check that the matrices are the same, whatever the order of their cells.

    Raises:
        AssertionError: they are not.
    """
    for relation, (rows, columns, matrix) in theirs.items():
        order = [
            np.array([at[frozenset(own.cells(rank)[i].tolist())] for i in range(own.n_cells(rank))])
            for rank, at in ((relation.target, rows), (relation.source, columns))
        ]
        # Theirs counts what neighbours share, and stores zeros.
        there = (matrix > 0).tocsr()[order[0]][:, order[1]]
        differs = there.astype(int) - own.neighbourhood(relation).scipy().astype(int)
        assert not abs(differs).sum(), f"{relation} is another matrix in TopoNetX"
