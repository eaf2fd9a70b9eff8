"""Clouds of points as complexes."""

from unfrozen.topology.lifting.points.alpha_complex import alpha
from unfrozen.topology.lifting.points.vietoris_rips import near, rips

__all__ = ["alpha", "near", "rips"]
