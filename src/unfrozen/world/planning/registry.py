"""All planners over a model and a cost, by name and by their settings."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.model import Dynamics
from unfrozen.world.planning.continuous import (
    CemSettings,
    GradientSettings,
    MppiSettings,
    cem,
    gradient,
    mppi,
)
from unfrozen.world.planning.plan import Cost, Plan
from unfrozen.world.planning.trees.discrete import TreeSettings, tree_search


class Planner(NamedTuple):
    """A planner.

    Attributes:
        settings: the dataclass that says how to plan.
        run: (dynamics, cost, start, settings, ...) -> `Plan`.
    """

    settings: type
    run: Callable[..., Plan]


PLANNERS = {
    "gradient": Planner(GradientSettings, gradient),
    "cem": Planner(CemSettings, cem),
    "mppi": Planner(MppiSettings, mppi),
    "tree": Planner(TreeSettings, tree_search),
}
"""Name -> planner."""


def make_plan(
    dynamics: Dynamics,
    cost: Cost,
    start: Float[Tensor, "b d"],
    settings: object,
    *,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Plan:
    """Plan with the planner that the settings are of.

    Args:
        dynamics: the model.
        cost: of states and actions.
        start: where plans begin.
        settings: of one of `PLANNERS`.
        generator: draws what is left to chance.
        **options: what this planner takes besides, such as `actions`, `proposals` or `trace`.

    Raises:
        WorldError: the settings are of no planner, or shapes do not fit.
    """
    for planner in PLANNERS.values():
        if type(settings) is planner.settings:
            return planner.run(dynamics, cost, start, settings, generator=generator, **options)
    names = ", ".join(planner.settings.__name__ for planner in PLANNERS.values())
    raise WorldError(f"a planner is chosen by its settings, one of {names}: not by {settings!r}")
