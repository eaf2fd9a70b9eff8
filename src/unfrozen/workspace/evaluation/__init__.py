"""Facts measured in a workspace's state, or along the number of edits by a method."""

from unfrozen.workspace.evaluation.limits import Limit, check_limits, missed, read_limits
from unfrozen.workspace.evaluation.plan import Plan
from unfrozen.workspace.evaluation.running import Evaluated, Point, evaluate_facts

__all__ = [
    "Evaluated",
    "Limit",
    "Plan",
    "Point",
    "check_limits",
    "evaluate_facts",
    "missed",
    "read_limits",
]
