"""Joint-embedding world models: trained without reconstruction, and looked through before use."""

from unfrozen.world.jepa.diagnostics import (
    Diagnosis,
    Probe,
    Push,
    Tunnelling,
    crossing,
    diagnose,
    effective_rank,
    r_squared,
    ridge_probe,
    spearman,
    tunnelling,
)
from unfrozen.world.jepa.files import load_model, save_model, told_of
from unfrozen.world.jepa.model import Jepa, JepaSettings, Within
from unfrozen.world.jepa.objectives import OBJECTIVES, Objective, named
from unfrozen.world.jepa.train import JepaTraining, Trainer, Update, train
from unfrozen.world.jepa.windows import Recorded, Source, Windows

__all__ = [
    "OBJECTIVES",
    "Diagnosis",
    "Jepa",
    "JepaSettings",
    "JepaTraining",
    "Objective",
    "Probe",
    "Push",
    "Recorded",
    "Source",
    "Trainer",
    "Tunnelling",
    "Update",
    "Windows",
    "Within",
    "crossing",
    "diagnose",
    "effective_rank",
    "load_model",
    "named",
    "r_squared",
    "ridge_probe",
    "save_model",
    "spearman",
    "told_of",
    "train",
    "tunnelling",
]
