"""Planners over continuous actions: by gradient, by the cross-entropy method, by path integrals."""

from unfrozen.world.planning.continuous.cem import CemSettings, cem
from unfrozen.world.planning.continuous.gradient import GradientSettings, gradient
from unfrozen.world.planning.continuous.mppi import MppiSettings, mppi
from unfrozen.world.planning.continuous.noise import correlated_noise
from unfrozen.world.planning.continuous.sampling import SamplingSettings

__all__ = [
    "CemSettings",
    "GradientSettings",
    "MppiSettings",
    "SamplingSettings",
    "cem",
    "correlated_noise",
    "gradient",
    "mppi",
]
