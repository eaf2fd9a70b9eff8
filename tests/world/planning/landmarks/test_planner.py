"""A wall with a way far round it: flat plans stay before it, plans over a map arrive."""

import pytest
import torch
from tests.world.planning.landmarks.places import F64

from unfrozen.errors import WorldError
from unfrozen.world.costs import Effort, Goal, TotalCost
from unfrozen.world.model import FunctionDynamics
from unfrozen.world.planning import MppiSettings, mppi
from unfrozen.world.planning.landmarks import (
    Belief,
    LandmarkSettings,
    build,
    landmark_plan,
    subgoals,
)

SIDE, GAP = 8.0, 7.0


def step(x, u):
    """A point in a box with a thick wall in the middle, but for a gap at the top."""
    after = (x + u).clamp(0, SIDE)
    inside = ((after[:, 0] - 4).abs() < 0.6) & (after[:, 1] < GAP)
    return torch.where(inside[:, None], x, after)


MODEL = FunctionDynamics(step)
LOWER = MppiSettings(horizon=8, width=2, samples=64, elites=12, iterations=3, low=-0.7, high=0.7)
TRUST = Belief(least_count=3)
STARTS = torch.tensor([[3.0, 0.5], [2.0, 2.0], [5.0, 1.0]], dtype=F64)
GOALS = torch.tensor([[5.0, 0.5], [6.0, 2.0], [2.5, 1.0]], dtype=F64)


@pytest.fixture(scope="module")
def town():
    g = torch.Generator().manual_seed(0)
    x = torch.rand(100, 2, generator=g, dtype=F64) * torch.tensor([3.0, SIDE], dtype=F64)
    u, seen = torch.zeros(100, 2, dtype=F64), []
    for _ in range(200):
        u = (0.8 * u + 0.4 * torch.randn(100, 2, generator=g, dtype=F64)).clamp(-0.7, 0.7)
        x = step(x, u)
        seen.append(x)
    return build(torch.stack(seen, 1), 120)


def live(plan_from, steps=60):
    g, x, actions = torch.Generator().manual_seed(1), STARTS, None
    for _ in range(steps // 3):
        plan = plan_from(x, actions, g)
        for t in range(3):
            x = step(x, plan.actions[:, t])
        actions = plan.shifted(3)
    return (x - GOALS).norm(dim=1) < 0.5


def test_only_plans_over_a_map_get_round_the_wall(town):
    flat = live(lambda x, a, g: mppi(MODEL, TotalCost((Goal(GOALS),)), x, LOWER, actions=a,
                                     generator=g))  # fmt: skip
    settings = LandmarkSettings(lower=LOWER, belief=TRUST)
    high = live(lambda x, a, g: landmark_plan(MODEL, town, x, GOALS, settings, now=0.0, actions=a,
                                              generator=g))  # fmt: skip
    assert not bool(flat.any())
    assert bool(high.all())


def test_a_sub_goal_lies_so_many_hops_ahead(town):
    for hops in (1, 2, 3):
        upper = subgoals(town, STARTS, GOALS, now=0.0, hops=hops, belief=TRUST)
        assert bool(upper.reachable.all())
        for row in range(3):
            at = int(upper.here[row])
            for _ in range(hops):
                at = int(town.target[upper.ways.edge[upper.which[row], at]])
            assert int(upper.node[row]) == at
            assert torch.equal(upper.latent[row], town.landmarks[at])
    # Near the goal it is the goal itself.
    near = subgoals(town, GOALS + 0.01, GOALS, now=0.0)
    assert torch.equal(near.latent, GOALS)
    assert near.node.tolist() == [-1, -1, -1]


def test_a_plan_tells_its_sub_goal_and_terms(town):
    settings = LandmarkSettings(lower=LOWER)
    plan = landmark_plan(
        MODEL, town, STARTS, GOALS, settings, now=0.0, terms=(Effort(weight=0.1),), trace=2
    )
    assert set(plan.parts) == {"goal", "effort"}
    far = (plan.states - plan.subgoals.latent[:, None]).square().sum(2)
    torch.testing.assert_close(plan.parts["goal"], far)
    assert plan.trace.states.shape == (3, 3, 2, 8, 2)


def test_goals_that_do_not_fit_are_refused(town, unchecked):
    with pytest.raises(WorldError, match="one goal a start"):
        subgoals(town, STARTS, GOALS[:2], now=0.0)
    with pytest.raises(WorldError, match="one hop"):
        LandmarkSettings(lower=LOWER, hops=0)
