"""Plans by gradient descent through the model (Henaff et al. 2017; LeCun 2022, section 3.1.2)."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.energy import Energy, descend
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
)

# A step that went down grows, one that did not shrinks ("bold driver", Battiti 1989).
_GROWS, _SHRINKS, _MOMENTUM = 1.1, 0.5, 0.9


@dataclass(frozen=True, kw_only=True)
class GradientSettings(PlannerSettings):
    """How to descend.

    Attributes:
        iterations: steps of the descent.
        samples: plans that descend for each start; the first from the plan given, the others from
            it with noise.  The best of all of them on their ways is taken.
        step_size: the first; it grows while the cost falls, and is halved where the cost rises.
        deviation: of the noise at the beginning, in units of the bounds' half width where there
            are bounds.
        correlation: of that noise in time.
    """

    iterations: int = 50
    samples: int = 4
    step_size: float = 0.1
    deviation: float = 0.5
    correlation: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.step_size < math.inf or self.deviation < 0:
            raise WorldError("a descent has a positive step, and noise that is not negative")

    @property
    def rounds(self) -> int:
        """How many steps of the descent the budget lets be; its end is judged once more."""
        if self.model_steps is None:
            return self.iterations
        room = (self.model_steps - self.horizon) // self.round_steps - 1
        return min(self.iterations, room)


def gradient(
    dynamics: Dynamics,
    cost: Cost,
    start: Float[Tensor, "b d"],
    settings: GradientSettings,
    *,
    actions: Float[Tensor, "b t a"] | None = None,
    proposals: Float[Tensor, "b p t a"] | None = None,
    generator: torch.Generator | None = None,
    trace: int = 0,
) -> Plan:
    """Descend the cost by its gradient through the model, from several plans a start.

    Bounds are kept by descending in x with a = middle + half tanh(x); unbounded actions are
    descended as they are.

    Args:
        dynamics: the model; differentiable.
        cost: of states and actions; differentiable.
        start: where plans begin.
        settings: how to descend.
        actions: the plan to begin with; the bounds' middle by default.
        proposals: other plans to begin with, at most samples - 1.
        generator: draws the noise.
        trace: how many of the descending plans to keep of each round.

    Raises:
        WorldError: shapes do not fit, or no plan has a finite cost.
    """
    b, n, t = len(start), settings.samples, settings.horizon
    first = first_actions(start, settings, actions)
    proposals = check_proposals(proposals, start, settings, n - 1)
    bounds = _Bounds(settings, start)
    others = n - 1 - proposals.shape[1]
    # The same noise for all starts: a plan does not depend on what is planned beside it.
    noise = correlated_noise(
        (others, t, settings.width), settings.correlation, generator, like=start
    )
    free = bounds.free(first)[:, None]
    states = torch.cat([free, bounds.free(proposals), free + settings.deviation * noise], 1)
    way = _Way(dynamics, cost, start.repeat_interleave(n, 0), bounds, settings.step_size, trace, n)
    end = descend(way, states.flatten(0, 1), settings.rounds, settings.step_size).state
    # The slope was taken where each step began; the last one's end has not been judged yet.
    with torch.no_grad():
        way.judge(end, way(end))
    costs = way.best_costs.view(b, n)
    if not bool(costs.isfinite().any(1).all()):
        raise WorldError("no plan of a start has a finite cost: the model or the cost diverges")
    chosen = bounds.actions(way.best).view(b, n, t, -1)[
        torch.arange(b, device=start.device), costs.argmin(1)
    ]
    kept = Trace(*(torch.stack(part) for part in way.kept)) if trace else None
    steps = (settings.rounds + 1) * settings.round_steps
    return finish(dynamics, cost, start, chosen, steps, kept)


class _Bounds:
    """Actions as functions of numbers that are free."""

    def __init__(self, settings: PlannerSettings, like: Tensor) -> None:
        low, high = settings.bounds(like)
        self.bounded = low.isfinite() & high.isfinite()
        if bool((low.isfinite() != high.isfinite()).any()):
            raise WorldError("a descent needs bounds on both sides of a number, or on neither")
        self.half = settings.spread(like)
        self.middle = torch.where(self.bounded, (low + high) / 2, 0.0)

    def actions(self, free: Tensor) -> Tensor:
        return self.middle + self.half * torch.where(self.bounded, free.tanh(), free)

    def free(self, actions: Tensor) -> Tensor:
        x = (actions - self.middle) / self.half
        # Short of the bounds themselves, where the slope is nothing.
        return torch.where(self.bounded, x.clamp(-0.99, 0.99).atanh(), x)


class _Way(Energy):
    """The cost of plans as an energy of free numbers, with steps that only ever go down.

    Where the cost fell, the step is accepted: it grows, and momentum is kept.  Where it rose, the
    plan goes back to where it was accepted last, and tries half the step without momentum.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        cost: Cost,
        start: Tensor,
        bounds: _Bounds,
        step_size: float,
        shown: int,
        n: int,
    ) -> None:
        super().__init__()
        # In a list, so that a model that is a module is not taken for a part of this one.
        self.model = [dynamics]
        self.cost, self.start, self.bounds = cost, start, bounds
        self.step_size, self.shown, self.n = step_size, shown, n
        self.best_costs = start.new_full((len(start),), math.inf)
        self.rate = start.new_ones(len(start), 1, 1)
        self.best = self.at = self.slope = self.moving = start.new_empty(0)
        self.kept: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])

    def forward(self, state: Tensor) -> Tensor:
        actions = self.bounds.actions(state)
        states = rollout(self.model[0], self.start, actions)
        found = evaluate(self.cost, states, actions)
        if self.shown:
            self._show(states.detach(), found.detach())
        return found

    def gradient(self, state: Tensor) -> Tensor:
        """The step to be taken, whatever it takes to get there from here."""
        with torch.enable_grad():
            asked = state.detach().requires_grad_()
            found = self(asked)
            if not found.requires_grad:
                raise WorldError(
                    "the cost does not depend on the actions by way of a gradient: plan by samples"
                )
            (slope,) = torch.autograd.grad(found.sum(), asked)
        better = self.judge(state, found.detach())[:, None, None] & slope.isfinite().all(
            2, keepdim=True
        ).all(1, keepdim=True)
        if not len(self.at):
            self.at, self.slope, self.moving = state, torch.zeros_like(slope), slope * 0
        self.rate = self.rate * torch.where(better, _GROWS, _SHRINKS)
        self.at = torch.where(better, state, self.at)
        self.slope = torch.where(better, slope, self.slope)
        self.moving = torch.where(better, _MOMENTUM * self.moving, 0.0) + self.slope
        return (state - self.at) / self.step_size + self.rate * self.moving

    def judge(self, state: Tensor, found: Tensor) -> Tensor:
        """Which plans are the best of their descent so far; they are kept."""
        better = found < self.best_costs
        self.best_costs = torch.where(better, found, self.best_costs)
        held = self.best if len(self.best) else state
        self.best = torch.where(better[:, None, None], state, held)
        return better

    def _show(self, states: Tensor, found: Tensor) -> None:
        by_start = torch.where(found.isnan(), math.inf, found).view(-1, self.n)
        best = by_start.topk(min(self.shown, self.n), 1, largest=False)
        rows = torch.arange(len(by_start), device=found.device)[:, None]
        shown = states.view(len(by_start), self.n, *states.shape[1:])[rows, best.indices]
        for kept, part in zip(self.kept, (shown, best.values, shown[:, 0]), strict=True):
            kept.append(part)
