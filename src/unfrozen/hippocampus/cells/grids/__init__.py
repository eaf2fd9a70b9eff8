"""Grid cells: hexagonal and square scores, the spacing of fields and their orientation."""

from unfrozen.hippocampus.cells.grids.lattice import Lattice, central_radius, lattice, nearest_peaks
from unfrozen.hippocampus.cells.grids.rings import rotation_correlations
from unfrozen.hippocampus.cells.grids.rotation import rotated
from unfrozen.hippocampus.cells.grids.scores import (
    RINGS,
    RULES,
    GridScores,
    grid_scores,
    growing_ring_scores,
    peak_ring_scores,
    set_ring_scores,
)

__all__ = [
    "RINGS",
    "RULES",
    "GridScores",
    "Lattice",
    "central_radius",
    "grid_scores",
    "growing_ring_scores",
    "lattice",
    "nearest_peaks",
    "peak_ring_scores",
    "rotated",
    "rotation_correlations",
    "set_ring_scores",
]
