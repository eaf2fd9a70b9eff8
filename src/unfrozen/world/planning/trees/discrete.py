"""Tree search as a planner: a table of actions over the same models and costs as the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.model import Dynamics
from unfrozen.world.planning.plan import Cost, Plan, evaluate, finish
from unfrozen.world.planning.trees.gumbel import GumbelSettings, gumbel
from unfrozen.world.planning.trees.puct import PuctSettings, puct
from unfrozen.world.planning.trees.search import Searched
from unfrozen.world.planning.trees.tree import NONE, Outcome, Root


@dataclass(frozen=True, kw_only=True)
class TreeSettings:
    """How to plan by tree search.

    Attributes:
        horizon: steps of a plan; nothing lies deeper.
        actions: the actions that there are, a tuple of numbers each.
        simulations: how often each tree is descended, one step of the model each.
        rule: "gumbel" or "puct".
        considered: how many actions Gumbel draws at the root.
        discount: of costs, a step.
        backup: "max" for models without chance, as these are; "mean" where a critic is used that
            may promise too much.
    """

    horizon: int
    actions: tuple[tuple[float, ...], ...]
    simulations: int = 64
    rule: Literal["gumbel", "puct"] = "gumbel"
    considered: int = 16
    discount: float = 1.0
    backup: Literal["mean", "max"] = "max"

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.simulations < 1:
            raise WorldError("a search has a positive horizon and number of simulations")
        if not self.actions or len({len(action) for action in self.actions}) != 1:
            raise WorldError("a search has at least one action, and all have as many numbers")
        if self.rule not in ("gumbel", "puct"):
            raise WorldError(f"a tree is searched by 'gumbel' or 'puct', not by {self.rule!r}")
        if not 0 < self.discount <= 1:
            raise WorldError(f"a discount lies above 0 and up to 1, not at {self.discount}")


@dataclass(frozen=True)
class TreePlan(Plan):
    """A plan out of a tree.

    Attributes:
        searched: the tree and what was found at its root.
    """

    searched: Searched | None = None


def tree_search(
    dynamics: Dynamics,
    cost: Cost,
    start: Float[Tensor, "b d"],
    settings: TreeSettings,
    *,
    value: Callable[[Tensor], Tensor] | None = None,
    prior: Callable[[Tensor], Tensor] | None = None,
    generator: torch.Generator | None = None,
) -> TreePlan:
    """Search over a table of actions; the reward of a step is minus its cost.

    The cost is asked about single steps, so terms of the last state or of the step before count at
    every step, and what is held for each start must be held for all or for exactly these.

    Args:
        dynamics: the model.
        cost: of states and actions.
        start: where plans begin.
        settings: how to search.
        value: states [b, d] -> the cost still to come [b], such as a critic; nothing by default.
        prior: states [b, d] -> logits [b, action], such as a policy's; all alike by default.
        generator: draws Gumbel noise; without one the search is without chance.

    Returns:
        The plan along the best nodes (of means, the most visited ones); where the tree ends before
        the horizon, the prior's first choice goes on.

    Raises:
        WorldError: shapes do not fit.
    """
    table = torch.tensor(settings.actions, dtype=start.dtype, device=start.device)
    b, last = len(start), settings.horizon

    def logits(states: Tensor) -> Tensor:
        return start.new_zeros(len(states), len(table)) if prior is None else prior(states)

    def worth(states: Tensor) -> Tensor:
        return start.new_zeros(len(states)) if value is None else -value(states)

    asked = 0

    def recurrent(action: Tensor, embedding: Tensor) -> Outcome:
        nonlocal asked
        asked += 1
        state, depth = embedding[:, :-1], embedding[:, -1:] + 1
        doing = table[action]
        after = dynamics.step(state, doing)
        reward = -evaluate(cost, after[:, None], doing[:, None])
        ended = depth[:, 0] >= last
        discount = torch.where(ended, 0.0, settings.discount).to(reward)
        # What comes after the horizon is the critic's to say, and comes with the last reward.
        beyond = worth(after)
        reward = torch.where(ended, reward + settings.discount * beyond, reward)
        return Outcome(reward, discount, logits(after), beyond, torch.cat([after, depth], 1))

    with torch.no_grad():
        embedding = torch.cat([start, start.new_zeros(b, 1)], 1)
        root = Root(logits(start), worth(start), embedding)
        shared = {
            "simulations": settings.simulations,
            "depth": last,
            "backup": settings.backup,
        }
        if settings.rule == "puct":
            found = puct(root, recurrent, PuctSettings(**shared))
        else:
            noise = 0.0 if generator is None else 1.0
            chosen = GumbelSettings(considered=settings.considered, noise=noise, **shared)
            found = gumbel(root, recurrent, chosen, generator=generator)
        path = found.tree.principal(found.action, last, settings.backup == "max")
        state, states = start, []
        for level in range(last):
            # Where the tree has ended, go on as the prior would.
            held = logits(state).argmax(1)
            path[:, level] = torch.where(path[:, level] == NONE, held, path[:, level])
            state = dynamics.step(state, table[path[:, level]])
            states.append(state)
        steps = asked + last
        plan = finish(dynamics, cost, start, table[path], steps, None, torch.stack(states, 1))
    return TreePlan(**vars(plan), searched=found)
