"""Hopfield networks from 1982 to today: states that fall into what was stored."""

from unfrozen.memory.hopfield.classical import ClassicalHopfield
from unfrozen.memory.hopfield.dense import DenseHopfield
from unfrozen.memory.hopfield.kernel import EpanechnikovHopfield, RandomFeatureHopfield
from unfrozen.memory.hopfield.modern import ModernHopfield
from unfrozen.memory.hopfield.network import HopfieldNetwork, Retrieval

__all__ = [
    "ClassicalHopfield",
    "DenseHopfield",
    "EpanechnikovHopfield",
    "HopfieldNetwork",
    "ModernHopfield",
    "RandomFeatureHopfield",
    "Retrieval",
]
