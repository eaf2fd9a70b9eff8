"""Energies, their descent, and what is built on them: associative networks, Energy Transformers."""

from unfrozen.energy.associative import AssociativeNetwork, DenseSynapse, Fall
from unfrozen.energy.base import Descent, Energy, descend
from unfrozen.energy.lagrangians import LAGRANGIANS
from unfrozen.energy.transformer import (
    EnergyAttention,
    EnergyLayerNorm,
    EnergyTransformer,
    HopfieldEnergy,
)

__all__ = [
    "LAGRANGIANS",
    "AssociativeNetwork",
    "DenseSynapse",
    "Descent",
    "Energy",
    "EnergyAttention",
    "EnergyLayerNorm",
    "EnergyTransformer",
    "Fall",
    "HopfieldEnergy",
    "descend",
]
