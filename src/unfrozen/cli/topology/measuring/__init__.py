"""Complexes in numbers."""

from unfrozen.cli.topology.measuring.homology import Homology, homology
from unfrozen.cli.topology.measuring.statistics import Neighbours, Sized, Statistics, measure

__all__ = ["Homology", "Neighbours", "Sized", "Statistics", "homology", "measure"]
