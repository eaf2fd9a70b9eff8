"""Model-predictive path integral control (Williams et al. 2017), with elites (TD-MPC2)."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.model import Dynamics
from unfrozen.world.planning.continuous.sampling import SamplingSettings, sample
from unfrozen.world.planning.plan import Cost, Plan


@dataclass(frozen=True, kw_only=True)
class MppiSettings(SamplingSettings):
    """How to draw and weigh; see `SamplingSettings`.

    Attributes:
        temperature: of the weights exp(-cost / temperature), in units of the deviation of the
            elites' costs, so that neither the cost's scale nor its zero matters.
    """

    temperature: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.temperature < math.inf:
            raise WorldError(f"a temperature is positive, not {self.temperature}")


def mppi(
    dynamics: Dynamics,
    cost: Cost,
    start: Float[Tensor, "b d"],
    settings: MppiSettings,
    *,
    actions: Float[Tensor, "b t a"] | None = None,
    proposals: Float[Tensor, "b p t a"] | None = None,
    generator: torch.Generator | None = None,
    trace: int = 0,
) -> Plan:
    """Draw plans, and refit mean and deviation to the elites, each weighed by exp(-cost).

    Args:
        dynamics: the model.
        cost: of states and actions.
        start: where plans begin.
        settings: how to draw and weigh.
        actions: the first mean, such as `Plan.shifted`; the bounds' middle by default.
        proposals: plans to try in the first round, such as a policy's.
        generator: draws the noise.
        trace: how many candidates to keep of each round.

    Raises:
        WorldError: shapes do not fit, or all candidates of a start diverge.
    """

    def weigh(costs: Tensor) -> Tensor:
        return path_weights(costs, settings.temperature)

    return sample(
        dynamics,
        cost,
        start,
        settings,
        weigh,
        actions=actions,
        proposals=proposals,
        generator=generator,
        trace=trace,
    )


def path_weights(
    costs: Float[Tensor, "b elite"], temperature: float
) -> Float[Tensor, "b elite"]:  # fmt: skip
    """softmax(-cost / (temperature * deviation of the costs)); equal where all costs are equal."""
    counted = costs.isfinite()
    above = torch.where(counted, costs - costs.min(1, keepdim=True).values, 0.0)
    number = counted.sum(1, keepdim=True)
    mean = above.sum(1, keepdim=True) / number
    variance = torch.where(counted, (above - mean).square(), 0.0).sum(1, keepdim=True) / number
    scale = temperature * variance.sqrt() + torch.finfo(costs.dtype).tiny
    return torch.where(counted, -above / scale, -math.inf).softmax(1)
