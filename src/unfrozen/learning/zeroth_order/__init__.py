"""Zeroth-order learning: fine-tuning by losses alone, in the memory that inference takes."""

from unfrozen.learning.zeroth_order.mezo import MeZO
from unfrozen.learning.zeroth_order.noise import NOISES, Noise
from unfrozen.learning.zeroth_order.record import Group, Method, Record

__all__ = ["NOISES", "Group", "MeZO", "Method", "Noise", "Record"]
