"""The Tolman-Eichenbaum Machine (Whittington et al. 2020)."""

from unfrozen.hippocampus.tem.losses import Losses, Outputs
from unfrozen.hippocampus.tem.model import Tem, TemState
from unfrozen.hippocampus.tem.schedules import STANDARD, Schedules, Strengths
from unfrozen.hippocampus.tem.settings import COMPLEX, PAPER, SIZES, SMALL, TemSettings

__all__ = [
    "COMPLEX",
    "PAPER",
    "SIZES",
    "SMALL",
    "STANDARD",
    "Losses",
    "Outputs",
    "Schedules",
    "Strengths",
    "Tem",
    "TemSettings",
    "TemState",
]
