"""Cells that are hidden: scored by a network, or recalled from some of their members."""

from unfrozen.topology.tasks.cells.knowledge import MEMBERS, triples_as_cells
from unfrozen.topology.tasks.cells.memory import CellMemory, Recalled
from unfrozen.topology.tasks.cells.prediction import (
    CellPredictor,
    Learnt,
    PredictorSettings,
    Told,
    fit_cells,
    tell,
)
from unfrozen.topology.tasks.cells.scoring import (
    SCORERS,
    PairScorer,
    ProductScorer,
    Scorer,
    SetScorer,
)

__all__ = [
    "MEMBERS",
    "SCORERS",
    "CellMemory",
    "CellPredictor",
    "Learnt",
    "PairScorer",
    "PredictorSettings",
    "ProductScorer",
    "Recalled",
    "Scorer",
    "SetScorer",
    "Told",
    "fit_cells",
    "tell",
    "triples_as_cells",
]
