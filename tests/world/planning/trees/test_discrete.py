"""Tree search as a planner, against all plans that there are."""

import itertools

import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.costs import Effort, Goal, TotalCost
from unfrozen.world.model import FunctionDynamics, rollout
from unfrozen.world.planning import TreeSettings, make_plan, tree_search
from unfrozen.world.planning.trees import search

F64 = torch.float64
MOVES = ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
MODEL = FunctionDynamics(lambda x, u: (x + u).clamp(0, 4))


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_the_cheapest_of_all_plans_is_found(rule):
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 5, (6, 2), generator=g).to(F64)
    goals = torch.randint(0, 5, (6, 2), generator=g).to(F64)
    cost = TotalCost((Goal(goals, distance="absolute"), Effort(weight=0.1)))
    settings = TreeSettings(horizon=4, actions=MOVES, simulations=300, rule=rule)
    plan = make_plan(MODEL, cost, x, settings)
    every = torch.tensor(list(itertools.product(MOVES, repeat=4)), dtype=F64)
    for row in range(6):
        states = rollout(MODEL, x[row].expand(len(every), 2), every)
        one = TotalCost((Goal(goals[row], distance="absolute"), Effort(weight=0.1)))
        assert float(plan.cost[row]) == pytest.approx(float(one(states, every).min()))
    assert plan.model_steps <= 300 + 4
    torch.testing.assert_close(plan.states, rollout(MODEL, x, plan.actions))


def test_a_critic_sees_beyond_the_horizon():
    x, goal = torch.zeros(1, 2, dtype=F64), torch.tensor([4.0, 0.0], dtype=F64)
    settings = TreeSettings(horizon=1, actions=MOVES, simulations=16)
    effort = TotalCost((Effort(weight=0.1),))
    idle = tree_search(MODEL, effort, x, settings)
    assert idle.actions[0, 0].tolist() == [0.0, 0.0]
    drawn = tree_search(MODEL, effort, x, settings, value=lambda s: (s - goal).abs().sum(1))
    assert drawn.actions[0, 0].tolist() == [1.0, 0.0]


def test_a_tree_that_ends_early_is_gone_on_with_by_the_prior():
    x = torch.zeros(2, 2, dtype=F64)
    logits = torch.tensor([0.0, 5.0, 0.0, 0.0, 0.0], dtype=F64)
    plan = tree_search(
        MODEL, TotalCost((Effort(weight=0.0),)), x,
        TreeSettings(horizon=9, actions=MOVES, simulations=2),
        prior=lambda s: logits.expand(len(s), 5),
    )  # fmt: skip
    assert bool((plan.actions[:, 3:] == torch.tensor([1.0, 0.0], dtype=F64)).all())


def test_what_makes_no_search_is_refused(unchecked):
    for wrong in ({"horizon": 0}, {"actions": ()}, {"actions": ((1.0,), (1.0, 2.0))},
                  {"rule": "uct"}, {"discount": 0.0}):  # fmt: skip
        with pytest.raises(WorldError):
            TreeSettings(**{"horizon": 2, "actions": MOVES} | wrong)
    assert search.SearchSettings(simulations=3).depth is None
