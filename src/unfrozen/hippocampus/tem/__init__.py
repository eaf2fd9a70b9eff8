"""The Tolman-Eichenbaum Machine (Whittington et al. 2020)."""

from unfrozen.hippocampus.tem.files import load_tem, save_tem
from unfrozen.hippocampus.tem.losses import Losses, Outputs
from unfrozen.hippocampus.tem.model import Tem, TemState
from unfrozen.hippocampus.tem.running import TemRun, TemTraining
from unfrozen.hippocampus.tem.schedules import STANDARD, Schedules, Strengths
from unfrozen.hippocampus.tem.settings import COMPLEX, PAPER, SIZES, SMALL, TemSettings
from unfrozen.hippocampus.tem.training import Record, Score, Training, TrainingSettings, predict

__all__ = [
    "COMPLEX",
    "PAPER",
    "SIZES",
    "SMALL",
    "STANDARD",
    "Losses",
    "Outputs",
    "Record",
    "Schedules",
    "Score",
    "Strengths",
    "Tem",
    "TemRun",
    "TemSettings",
    "TemState",
    "TemTraining",
    "Training",
    "TrainingSettings",
    "load_tem",
    "predict",
    "save_tem",
]
