"""The cross-entropy method (Rubinstein 1999), with correlated noise (Pinneri et al. 2020)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.world.model import Dynamics
from unfrozen.world.planning.continuous.sampling import SamplingSettings, sample
from unfrozen.world.planning.plan import Cost, Plan


@dataclass(frozen=True, kw_only=True)
class CemSettings(SamplingSettings):
    """How to draw and refit; see `SamplingSettings`."""

    iterations: int = 6
    correlation: float = 0.5


def cem(
    dynamics: Dynamics,
    cost: Cost,
    start: Float[Tensor, "b d"],
    settings: CemSettings,
    *,
    actions: Float[Tensor, "b t a"] | None = None,
    proposals: Float[Tensor, "b p t a"] | None = None,
    generator: torch.Generator | None = None,
    trace: int = 0,
) -> Plan:
    """Draw plans, keep the elites, refit mean and deviation to them, all elites alike.

    Args:
        dynamics: the model.
        cost: of states and actions.
        start: where plans begin.
        settings: how to draw and refit.
        actions: the first mean, such as `Plan.shifted`; the bounds' middle by default.
        proposals: plans to try in the first round, such as a policy's.
        generator: draws the noise.
        trace: how many candidates to keep of each round.

    Raises:
        WorldError: shapes do not fit, or all candidates of a start diverge.
    """
    return sample(
        dynamics,
        cost,
        start,
        settings,
        lambda costs: torch.full_like(costs, 1 / costs.shape[1]),
        actions=actions,
        proposals=proposals,
        generator=generator,
        trace=trace,
    )
