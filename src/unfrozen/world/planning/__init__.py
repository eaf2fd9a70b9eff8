"""Planners behind one interface: settings, a model, a cost and starts make a `Plan`.

`make_plan` takes the settings of any planner over a model and a cost, and runs the one they are of.
Planning over a map of landmarks stands on top of them, in `planning.landmarks`.
"""

from unfrozen.world.planning.continuous import (
    CemSettings,
    GradientSettings,
    MppiSettings,
    cem,
    correlated_noise,
    gradient,
    mppi,
)
from unfrozen.world.planning.plan import Cost, Plan, PlannerSettings, Trace
from unfrozen.world.planning.registry import PLANNERS, Planner, make_plan
from unfrozen.world.planning.trees import TreePlan, TreeSettings, tree_search

__all__ = [
    "PLANNERS",
    "CemSettings",
    "Cost",
    "GradientSettings",
    "MppiSettings",
    "Plan",
    "Planner",
    "PlannerSettings",
    "Trace",
    "TreePlan",
    "TreeSettings",
    "cem",
    "correlated_noise",
    "gradient",
    "make_plan",
    "mppi",
    "tree_search",
]
