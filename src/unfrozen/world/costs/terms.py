"""Costs that the agent sets itself: a goal, what a critic foresees, what must not be."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.costs.base import Shares, Term, per_start


@dataclass(frozen=True, eq=False)
class Goal(Term):
    """How far from a goal.

    Summed over time it asks to be there soon and to stay; counted at the last time only, plans
    that are made anew at every step put off arriving, or rush past.

    Attributes:
        goal: the state to be in; one for all starts, or one a start.
        distance: "squared" (|s - g|^2), "euclidean" (|s - g|) or "absolute" (sum of |s - g|).
        over: "time", or "last" for the last state alone.
        id: what the goal is called where a plan is explained.
    """

    goal: Float[Tensor, "*starts d"]
    distance: Literal["squared", "euclidean", "absolute"] = "squared"
    over: Literal["time", "last"] = "time"
    id: int | str = "goal"
    name: str = field(default="goal", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distance not in _DISTANCES:
            raise WorldError(f"a distance is one of {', '.join(_DISTANCES)}, not {self.distance!r}")
        if self.over not in ("time", "last"):
            raise WorldError(f"a goal counts over 'time' or at the 'last' state, not {self.over!r}")

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """The distance of each state, or of the last."""
        far = _DISTANCES[self.distance](states - per_start(self.goal, states, "the goal"))
        if self.over == "time":
            return far
        return torch.cat([torch.zeros_like(far[:, :-1]), far[:, -1:]], 1)

    def shares(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> tuple[Shares, ...]:
        """All of it comes from the goal."""
        return (Shares("goal", (self.id,), self(states, actions).sum(1, keepdim=True)),)


def _euclidean(difference: Tensor) -> Tensor:
    # The slope of a root is infinite at zero, where a plan is meant to end.
    return (difference.square().sum(2) + torch.finfo(difference.dtype).tiny).sqrt()


_DISTANCES: dict[str, Callable[[Tensor], Tensor]] = {
    "squared": lambda difference: difference.square().sum(2),
    "euclidean": _euclidean,
    "absolute": lambda difference: difference.abs().sum(2),
}


@runtime_checkable
class Explains(Protocol):
    """A value that can tell what it came from."""

    def shares(self, states: Float[Tensor, "b t d"]) -> tuple[Shares, ...]:
        """Where the values' sums over time came from."""
        ...


@dataclass(frozen=True, eq=False)
class Critic(Term):
    """What is still to be paid, as a critic foresees it.

    Attributes:
        value: states [b, t, d] -> cost to come [b, t]; where it also has `shares` (`Explains`),
            plans are explained by what it rests on.
        over: "time", or "last" for the state in which the plan ends (a terminal value).
    """

    value: Callable[[Tensor], Tensor]
    over: Literal["time", "last"] = "time"
    name: str = field(default="critic", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.over not in ("time", "last"):
            raise WorldError(f"a critic counts over 'time' or at the 'last', not {self.over!r}")

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """The value of each state, or of the last."""
        if self.over == "time":
            return self.value(states)
        last = self.value(states[:, -1:])
        return torch.cat([last.new_zeros(states.shape[0], states.shape[1] - 1), last], 1)

    def shares(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> tuple[Shares, ...]:
        """What the critic says of itself, or the critic as a whole."""
        if isinstance(self.value, Explains):
            return self.value.shares(states if self.over == "time" else states[:, -1:])
        return (Shares("critic", (self.name,), self(states, actions).sum(1, keepdim=True)),)


@dataclass(frozen=True, eq=False)
class Constraint(Term):
    """What must not be: a margin that has to stay positive.

    A "penalty" is nothing inside and the squared violation outside.  A "barrier" is the relaxed
    logarithmic one (Feller and Ebenbauer 2017, eq. 10): -log h above `relaxed`, and below it the
    parabola of the same value and slopes, so that it is finite everywhere:

        ((h - 2 r) / r)^2 / 2 - 1 / 2 - log r.

    Attributes:
        margin: (states [b, t, d], actions [b, t, a]) -> [b, t], positive where all is well.
        kind: "penalty" or "barrier".
        relaxed: the margin r below which a barrier is a parabola.
    """

    margin: Callable[[Tensor, Tensor], Tensor]
    kind: Literal["penalty", "barrier"] = "penalty"
    relaxed: float = 0.1
    name: str = field(default="constraint", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in ("penalty", "barrier"):
            raise WorldError(f"a constraint is a 'penalty' or a 'barrier', not {self.kind!r}")
        if not 0 < self.relaxed < math.inf:
            raise WorldError(f"a barrier is relaxed below a positive margin, not {self.relaxed}")

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """The violation, or the barrier, at each time."""
        h, r = self.margin(states, actions), self.relaxed
        if self.kind == "penalty":
            return (-h).clamp(min=0).square()
        inside = -h.clamp(min=r).log()
        outside = ((h - 2 * r) / r).square() / 2 - 0.5 - math.log(r)
        return torch.where(h > r, inside, outside)

    def shares(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> tuple[Shares, ...]:
        """All of it comes from the constraint."""
        return (Shares("constraint", (self.name,), self(states, actions).sum(1, keepdim=True)),)
