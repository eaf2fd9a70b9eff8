"""A mesh as a combinatorial complex of TopoNetX: ``builder.py FILE``.

It runs in an environment that has it, reads nodes and faces from FILE, writes matrices beside it,
and prints processor seconds and peak memory as JSON.
"""

import importlib
import json
import sys
import warnings
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[4]))
from unfrozen.papers.running.growth import measured

MATRICES = {
    "B01": (0, 1), "B02": (0, 2), "B12": (1, 2), "A0": (0, 1), "C2": (2, 1),
}  # fmt: skip
"""Name -> target and source of an incidence (B), or rank and via of a neighbourhood."""


def main() -> None:
    """Build it."""
    path = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    with np.load(path) as data:
        edges, faces = data["edges"].tolist(), data["faces"].tolist()
    classes = importlib.import_module("toponetx.classes")
    (found, seconds), _, peak = measured(lambda: build(classes, edges, faces))
    np.savez(path.with_suffix(".TopoNetX.npz"), allow_pickle=False, **arrays(found))
    sys.stdout.write(json.dumps({"seconds": seconds, "peak": peak}) + "\n")


def build(classes: Any, edges: list[Any], faces: list[Any]) -> tuple[dict[str, Any], float]:
    """Rows, columns and matrix by name, and the seconds that they took."""
    begun = process_time()
    made = classes.CombinatorialComplex()
    made.add_cells_from(edges, ranks=1)
    made.add_cells_from(faces, ranks=2)
    found = {}
    for name, (one, other) in MATRICES.items():
        if name.startswith("B"):
            found[name] = made.incidence_matrix(one, other, index=True)
        else:
            ask = made.adjacency_matrix if name.startswith("A") else made.coadjacency_matrix
            rows, matrix = ask(one, other, index=True)
            found[name] = rows, rows, matrix
    return found, process_time() - begun


def arrays(found: dict[str, Any]) -> dict[str, Any]:
    """Of each matrix the cells of rows and columns, and where it has an entry."""
    told = {}
    for name, (rows, columns, matrix) in found.items():
        told[f"rows_{name}"], told[f"columns_{name}"] = cells(rows), cells(columns)
        # It counts what neighbours share, and stores zeros.
        told[f"at_{name}"] = np.stack((matrix > 0).nonzero())
    return told


def cells(places: dict[Any, int]) -> Any:
    """Members of each cell, in the order of a matrix."""
    return np.array([sorted(cell) for cell, _ in sorted(places.items(), key=lambda one: one[1])])


if __name__ == "__main__":
    main()
