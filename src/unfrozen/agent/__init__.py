"""An agent that joins the faculties of this library, and keeps learning while it lives."""

from unfrozen.agent.actor import Decision
from unfrozen.agent.agent import FACULTIES, Agent, AgentSettings, senses_of
from unfrozen.agent.belief import Belief, Goal, Weights
from unfrozen.agent.configurator import Configuration, ConfiguratorSettings
from unfrozen.agent.perception import Percept, Senses
from unfrozen.agent.planning import Option, Plan, plan

__all__ = [
    "FACULTIES",
    "Agent",
    "AgentSettings",
    "Belief",
    "Configuration",
    "ConfiguratorSettings",
    "Decision",
    "Goal",
    "Option",
    "Percept",
    "Plan",
    "Senses",
    "Weights",
    "plan",
    "senses_of",
]
