"""What an agent stores: slots with a time, of which the latest wins."""

from unfrozen.agent.memories.facts import Answer, FactMemory
from unfrozen.agent.memories.habits import Habits
from unfrozen.agent.memories.steps import StepMemory
from unfrozen.agent.memories.timed import Evidence, Recalled, TimedMemory

__all__ = [
    "Answer",
    "Evidence",
    "FactMemory",
    "Habits",
    "Recalled",
    "StepMemory",
    "TimedMemory",
]
