"""Telling classes of complexes and of cells: networks, training, and the protocol of comparison."""

from unfrozen.topology.tasks.classification.families import (
    CELL_SPACE,
    GRAPH_SPACE,
    build,
    family,
)
from unfrozen.topology.tasks.classification.networks import (
    BLOCKS,
    CellClassifier,
    ComplexClassifier,
    NetworkSettings,
    cell_attention,
    cin,
    gat,
    gcn,
    gin,
    incidences,
)
from unfrozen.topology.tasks.classification.protocol import (
    Family,
    Marks,
    Trial,
    cross_validate,
    folds,
    peak,
)
from unfrozen.topology.tasks.classification.training import (
    Fitted,
    Measured,
    TrainSettings,
    fit,
    measure,
)

__all__ = [
    "BLOCKS",
    "CELL_SPACE",
    "GRAPH_SPACE",
    "CellClassifier",
    "ComplexClassifier",
    "Family",
    "Fitted",
    "Marks",
    "Measured",
    "NetworkSettings",
    "TrainSettings",
    "Trial",
    "build",
    "cell_attention",
    "cin",
    "cross_validate",
    "family",
    "fit",
    "folds",
    "gat",
    "gcn",
    "gin",
    "incidences",
    "measure",
    "peak",
]
