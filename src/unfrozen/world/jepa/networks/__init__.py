"""Networks of a joint-embedding model: encoders, predictors, maps that are read by attention."""

from unfrozen.world.jepa.networks.encoders import (
    NORMS,
    Encoder,
    Shape,
    as_input,
    perceptron,
)
from unfrozen.world.jepa.networks.fusion import PAD, FusionEncoder
from unfrozen.world.jepa.networks.initial import drawn
from unfrozen.world.jepa.networks.maps import MapEncoder, MapReader, Places, Reading, read
from unfrozen.world.jepa.networks.predictors import (
    PREDICTORS,
    GruPredictor,
    ResidualPredictor,
    predictor,
)

__all__ = [
    "NORMS",
    "PAD",
    "PREDICTORS",
    "Encoder",
    "FusionEncoder",
    "GruPredictor",
    "MapEncoder",
    "MapReader",
    "Places",
    "Reading",
    "ResidualPredictor",
    "Shape",
    "as_input",
    "drawn",
    "perceptron",
    "predictor",
    "read",
]
