"""Attention and convolution forwards and backwards, beside TopoModelX and PyTorch Geometric."""

import tempfile
from pathlib import Path

from unfrozen.papers.topology.peers.environments import TOPOMODELX
from unfrozen.papers.topology.peers.passing import OURS, PYG, compared, write

# Edges and faces of these are 12,800, 51,200 and 204,800 cells.
LEVELS = (4, 5, 6)


def run() -> dict[str, float]:
    """All systems on the same structure, with the same weights; what comes out is compared."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for level in LEVELS:
            file = Path(folder) / f"{level}.npz"
            cells = write(level, file)
            pairs = cells[1] + cells[2]
            found |= _told("attention", pairs, file, (PYG, TOPOMODELX.name))
            found |= _told("convolution", sum(cells), file, (TOPOMODELX.name,))
    return found


def _told(task: str, cells: int, file: Path, systems: tuple[str, ...]) -> dict[str, float]:
    """What each takes, as far as it can, and how much more than the library."""
    found: dict[str, float] = {}
    name = f"{task}, {cells:,} cells"
    costs = dict(compared(task, file, systems))
    for system, cost in costs.items():
        found[f"{name}, {system} can"] = float(cost is not None)
        if cost is not None:
            found[f"{name}, {system}, ms"] = 1e3 * cost.seconds
            found[f"{name}, {system}, peak MB"] = cost.peak / 1e6
    library = costs.pop(OURS)
    assert library is not None
    for system, cost in costs.items():
        if cost is not None:
            found[f"{name}, library faster than {system}, times"] = cost.seconds / library.seconds
            found[f"{name}, less memory than {system}, times"] = cost.peak / library.peak
    return found
