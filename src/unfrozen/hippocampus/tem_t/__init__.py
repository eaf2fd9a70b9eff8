"""The TEM-transformer (Whittington et al. 2022): position codes that actions drive."""

from unfrozen.hippocampus.tem_t.correction import Correction
from unfrozen.hippocampus.tem_t.files import load_model, save_model, trained
from unfrozen.hippocampus.tem_t.model import Foreseen, TemT, TemTSettings
from unfrozen.hippocampus.tem_t.positions import FreePositions, Positions, RotaryPositions

__all__ = [
    "Correction",
    "Foreseen",
    "FreePositions",
    "Positions",
    "RotaryPositions",
    "TemT",
    "TemTSettings",
    "load_model",
    "save_model",
    "trained",
]
