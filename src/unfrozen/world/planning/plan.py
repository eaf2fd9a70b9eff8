"""What every planner takes and gives: bounds, a budget, and a plan that can be drawn."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.costs import TotalCost
from unfrozen.world.model import Dynamics, rollout

Cost = Callable[[Tensor, Tensor], Tensor]
"""(states [b, t, d], actions [b, t, a]) -> one number a row; usually a `TotalCost`."""


@dataclass(frozen=True, kw_only=True)
class PlannerSettings:
    """What planners over continuous actions share.

    Attributes:
        horizon: steps of a plan.
        width: numbers of an action.
        low: least value of each number; one for all, or one each.  May be infinite.
        high: likewise the greatest.
        iterations: rounds of refinement.
        samples: candidates a start and round.
        model_steps: at most so many steps of the model a start; rounds that would take more are
            left out.  No limit by default.

    Raises:
        WorldError: a number is not positive, bounds are empty, or not one round fits the budget.
    """

    horizon: int
    width: int
    low: float | tuple[float, ...] = -1.0
    high: float | tuple[float, ...] = 1.0
    iterations: int = 3
    samples: int = 128
    model_steps: int | None = None

    def __post_init__(self) -> None:
        if min(self.horizon, self.width, self.iterations, self.samples) < 1:
            raise WorldError(
                "a plan has a positive horizon, width, and number of rounds and samples"
            )
        for side in (self.low, self.high):
            if isinstance(side, tuple) and len(side) != self.width:
                raise WorldError(f"bounds are one number, or one for each of {self.width}: {side}")
        low, high = self.bounds()
        if not bool((low < high).all()):
            raise WorldError(
                f"the low bound of actions lies below the high: {self.low}, {self.high}"
            )
        if self.rounds < 1:
            raise WorldError(
                f"a budget of {self.model_steps} model steps does not suffice for one round: "
                f"{self.round_steps + self.horizon} are needed"
            )

    @property
    def round_steps(self) -> int:
        """Steps of the model that a round takes, a start."""
        return self.samples * self.horizon

    @property
    def rounds(self) -> int:
        """How many rounds the budget lets be; the answer itself is rolled out once more."""
        if self.model_steps is None:
            return self.iterations
        return min(self.iterations, (self.model_steps - self.horizon) // self.round_steps)

    def bounds(self, like: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The low and the high bounds, [width] each."""
        like = torch.zeros(()) if like is None else like
        low, high = (
            torch.as_tensor(side, dtype=like.dtype, device=like.device).expand(self.width)
            for side in (self.low, self.high)
        )
        return low, high

    def spread(self, like: Tensor) -> Tensor:
        """Half the bounds' width, [width]; 1 where they are infinite."""
        low, high = self.bounds(like)
        half = (high - low) / 2
        return torch.where(half.isfinite(), half, 1.0)


@dataclass(frozen=True)
class Trace:
    """How a plan came to be: some candidates of each round, and the plan in force after it.

    Attributes:
        states: what candidates lead to, the best of each round first.
        costs: theirs.
        chosen: what the plan in force leads to.
    """

    states: Float[Tensor, "round b shown t d"]
    costs: Float[Tensor, "round b shown"]
    chosen: Float[Tensor, "round b t d"]


@dataclass(frozen=True)
class Plan:
    """What to do, and what is thought to come of it.

    Attributes:
        start: where it begins.
        actions: what is done.
        states: what each action is thought to lead to.
        cost: of each plan.
        parts: the cost by term, weighted, at each time; empty if the cost has no terms.
        model_steps: steps of the model taken, a start.
        trace: how it came to be, if asked for.
    """

    start: Float[Tensor, "b d"]
    actions: Float[Tensor, "b t a"]
    states: Float[Tensor, "b t d"]
    cost: Float[Tensor, " b"]
    parts: dict[str, Float[Tensor, "b t"]]
    model_steps: int
    trace: Trace | None = None

    def shifted(self, steps: int = 1) -> Float[Tensor, "b t a"]:
        """The actions after the first `steps` were done, to start the next plan from.

        The horizon is filled up with the last action.

        Raises:
            WorldError: a number of steps is negative.
        """
        if steps < 0:
            raise WorldError(f"a plan is shifted by the steps that were done, not by {steps}")
        index = torch.arange(self.actions.shape[1], device=self.actions.device) + steps
        return self.actions[:, index.clamp(max=self.actions.shape[1] - 1)]


def finish(
    dynamics: Dynamics,
    cost: Cost,
    start: Float[Tensor, "b d"],
    actions: Float[Tensor, "b t a"],
    model_steps: int,
    trace: Trace | None = None,
    states: Float[Tensor, "b t d"] | None = None,
) -> Plan:
    """Roll the chosen actions out and tell what they cost by term.

    Args:
        dynamics: the model.
        cost: of states and actions.
        start: where plans begin.
        actions: the chosen ones.
        model_steps: taken so far.
        trace: to be kept with the plan.
        states: what the actions lead to, if that is known; else they are rolled out, which counts.
    """
    with torch.no_grad():
        if states is None:
            states = rollout(dynamics, start, actions)
            model_steps += actions.shape[1]
        if isinstance(cost, TotalCost):
            total, parts = cost.score(states, actions)
        else:
            total, parts = evaluate(cost, states, actions), {}
    return Plan(start, actions, states, total, parts, model_steps, trace)


def evaluate(cost: Cost, states: Tensor, actions: Tensor) -> Float[Tensor, " b"]:
    """The cost of rows.

    Raises:
        WorldError: it is not one number a row.
    """
    found = cost(states, actions)
    if found.shape != states.shape[:1]:
        raise WorldError(
            f"a cost is one number a row, {len(states)} of them, not a tensor of shape "
            f"{list(found.shape)}"
        )
    return found


def first_actions(
    start: Float[Tensor, "b d"],
    settings: PlannerSettings,
    actions: Float[Tensor, "b t a"] | None,
) -> Float[Tensor, "b t a"]:
    """The plan to begin with: the one given, or the bounds' middle.

    Raises:
        WorldError: starts or actions do not fit.
    """
    if start.ndim != 2 or not len(start):
        raise WorldError(f"plans start from states [b, d], not from {list(start.shape)}")
    if not bool(torch.isfinite(start).all()):
        raise WorldError("plans start from finite states")
    shape = (len(start), settings.horizon, settings.width)
    low, high = settings.bounds(start)
    if actions is None:
        middle = (low + high) / 2
        return torch.where(middle.isfinite(), middle, 0.0).expand(shape).clone()
    if actions.shape != shape:
        raise WorldError(f"a plan to begin with has shape {list(shape)}, not {list(actions.shape)}")
    return actions.detach().to(start).clamp(low, high)


def check_proposals(
    proposals: Float[Tensor, "b p t a"] | None,
    start: Float[Tensor, "b d"],
    settings: PlannerSettings,
    room: int,
) -> Float[Tensor, "b p t a"]:
    """Plans to try in the first round, within bounds; none by default.

    Raises:
        WorldError: they do not fit, or are more than there is room for.
    """
    shape = (len(start), settings.horizon, settings.width)
    if proposals is None:
        return start.new_empty(shape[0], 0, *shape[1:])
    b, p, *rest = proposals.shape
    if (b, *rest) != shape or p > room:
        raise WorldError(
            f"proposals are at most {room} plans a start of shape {list(shape[1:])}, for "
            f"{shape[0]} starts: not {list(proposals.shape)}"
        )
    return proposals.detach().to(start).clamp(*settings.bounds(start))


def worst(costs: Tensor) -> Tensor:
    """Costs in which what is not a number is the worst of all.

    Raises:
        WorldError: a start has no candidate of a finite cost.
    """
    costs = torch.where(costs.isnan(), math.inf, costs)
    if bool((costs.min(1).values == math.inf).any()):
        raise WorldError(
            "no candidate of a start has a finite cost: the model or the cost diverges within "
            "the horizon"
        )
    return costs
