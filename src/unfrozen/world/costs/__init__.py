"""Costs of imagined futures: named energy terms that add, and say where each came from."""

from unfrozen.world.costs.base import (
    Attribution,
    Scored,
    Shares,
    Source,
    Term,
    TotalCost,
)
from unfrozen.world.costs.intrinsic import Danger, Effort
from unfrozen.world.costs.remembered import Memory, Novelty, Slots
from unfrozen.world.costs.terms import Constraint, Critic, Explains, Goal

__all__ = [
    "Attribution",
    "Constraint",
    "Critic",
    "Danger",
    "Effort",
    "Explains",
    "Goal",
    "Memory",
    "Novelty",
    "Scored",
    "Shares",
    "Slots",
    "Source",
    "Term",
    "TotalCost",
]
