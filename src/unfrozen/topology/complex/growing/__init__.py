"""Complexes that grow, and what is learnt of their cells carried along."""

from unfrozen.topology.complex.growing.carrying import carry, carry_parameter
from unfrozen.topology.complex.growing.growing import GrowingComplex
from unfrozen.topology.complex.growing.log import Edit

__all__ = ["Edit", "GrowingComplex", "carry", "carry_parameter"]
