"""The round that CEM and MPPI share: draw plans, roll them out, refit the distribution.

They differ in one function only, which weighs the elites by their costs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.model import Dynamics, rollout
from unfrozen.world.planning.continuous.noise import correlated_noise
from unfrozen.world.planning.plan import (
    Cost,
    Plan,
    PlannerSettings,
    Trace,
    check_proposals,
    evaluate,
    finish,
    first_actions,
    worst,
)


@dataclass(frozen=True, kw_only=True)
class SamplingSettings(PlannerSettings):
    """How to draw and refit.

    Attributes:
        elites: so many of the best candidates refit the distribution.
        deviation: of the first round's noise, in units of the bounds' half width where there are
            bounds.
        least_deviation: below which it does not shrink, likewise.
        adapt: whether the deviation is refitted too, or stays.
        momentum: the share of the old mean and deviation that is kept in a round.
        correlation: of the noise in time, beta of AR(1).
        answer: "best" takes the best plan that was tried, means among them, so that more rounds
            never make it worse by the model; "mean" takes the last mean, which trusts the model
            less.
    """

    elites: int = 16
    deviation: float = 0.5
    least_deviation: float = 0.02
    adapt: bool = True
    momentum: float = 0.0
    correlation: float = 0.8
    answer: Literal["best", "mean"] = "best"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.elites <= self.samples:
            raise WorldError(f"elites are 1 to {self.samples} of the samples, not {self.elites}")
        if not 0 <= self.least_deviation <= self.deviation < math.inf or self.deviation == 0:
            raise WorldError("the noise has a positive deviation, at least its least deviation")
        if not 0 <= self.momentum < 1 or not 0 <= self.correlation < 1:
            raise WorldError("momentum and correlation are numbers from 0 to below 1")
        if self.answer not in ("best", "mean"):
            raise WorldError(f"the answer is the 'best' plan or the 'mean', not {self.answer!r}")


@torch.no_grad()
def sample(
    dynamics: Dynamics,
    cost: Cost,
    start: Float[Tensor, "b d"],
    settings: SamplingSettings,
    weigh: Callable[[Tensor], Tensor],
    *,
    actions: Float[Tensor, "b t a"] | None = None,
    proposals: Float[Tensor, "b p t a"] | None = None,
    generator: torch.Generator | None = None,
    trace: int = 0,
) -> Plan:
    """Refine a distribution over plans round by round.

    All starts see the same noise, so a plan does not depend on what is planned beside it.

    Args:
        dynamics: the model.
        cost: of states and actions; candidates are laid out start by start.
        start: where plans begin.
        settings: how to draw and refit.
        weigh: costs of the elites [b, elite], the best first -> their weights, which sum to 1.
        actions: the first mean, such as `Plan.shifted`; the bounds' middle by default.
        proposals: plans to try in the first round, such as a policy's.
        generator: draws the noise.
        trace: how many candidates to keep of each round.

    Raises:
        WorldError: shapes do not fit, or all candidates of a start diverge.
    """
    b, n, t, width = len(start), settings.samples, settings.horizon, settings.width
    low, high = settings.bounds(start)
    mean = first_actions(start, settings, actions)
    spread = settings.spread(start)
    deviation = (settings.deviation * spread).expand(mean.shape)
    extra = check_proposals(proposals, start, settings, n - 1)
    starts = start.repeat_interleave(n, 0)
    rows = torch.arange(b, device=start.device)
    best, best_cost = mean, start.new_full((b,), math.inf)
    best_states = start.new_zeros(b, t, start.shape[1])
    kept: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for _ in range(settings.rounds):
        drawn = n - 1 - extra.shape[1]
        noise = correlated_noise((drawn, t, width), settings.correlation, generator, like=start)
        tried = torch.addcmul(mean[:, None], deviation[:, None], noise)
        tried = torch.cat([mean[:, None], extra, tried.clamp_(low, high)], 1)
        extra = extra[:, :0]
        flat = tried.flatten(0, 1)
        states = rollout(dynamics, starts, flat)
        costs = worst(evaluate(cost, states, flat).view(b, n))
        ways = states.view(b, n, t, -1)
        order = costs.topk(settings.elites, 1, largest=False)
        elites = tried[rows[:, None], order.indices]
        better = order.values[:, 0] < best_cost
        best_cost = torch.where(better, order.values[:, 0], best_cost)
        best = torch.where(better[:, None, None], elites[:, 0], best)
        best_states = torch.where(
            better[:, None, None], ways[rows, order.indices[:, 0]], best_states
        )
        weights = weigh(order.values)[:, :, None, None]
        fitted = (weights * elites).sum(1)
        if settings.adapt:
            variance = (weights * (elites - fitted[:, None]).square()).sum(1)
            new = torch.maximum(variance.sqrt(), settings.least_deviation * spread)
            deviation = torch.lerp(new, deviation, settings.momentum)
        mean = torch.lerp(fitted, mean, settings.momentum)
        if trace:
            shown = costs.topk(min(trace, n), 1, largest=False)
            told = (ways[rows[:, None], shown.indices], shown.values, ways[:, 0])
            for keep, part in zip(kept, told, strict=True):
                keep.append(part)
    steps = settings.rounds * settings.round_steps
    made = Trace(*(torch.stack(part) for part in kept)) if trace else None
    plan = finish(dynamics, cost, start, mean, steps, made)
    better = best_cost < torch.where(plan.cost.isnan(), math.inf, plan.cost)
    if settings.answer == "mean" or not bool(better.any()):
        return plan
    chosen = torch.where(better[:, None, None], best, mean)
    states = torch.where(better[:, None, None], best_states, plan.states)
    return finish(dynamics, cost, start, chosen, plan.model_steps, made, states)
