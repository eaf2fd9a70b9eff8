"""Budgets, bounds, warm starts."""

import pytest
import torch
from tests.world.planning import linear

from unfrozen.errors import WorldError
from unfrozen.world.costs import Effort, Goal, TotalCost
from unfrozen.world.model import FunctionDynamics
from unfrozen.world.planning import PLANNERS, CemSettings, GradientSettings, MppiSettings, make_plan
from unfrozen.world.planning.plan import PlannerSettings

F64 = torch.float64
KINDS = {"gradient": GradientSettings, "cem": CemSettings, "mppi": MppiSettings}


class Counting:
    """How many rows were stepped."""

    def __init__(self):
        self.rows = 0

    def step(self, state, action):
        self.rows += len(state)
        return linear.MODEL.step(state, action)


@pytest.mark.parametrize("name", KINDS)
def test_no_more_steps_are_taken_than_said_and_allowed(name):
    model = Counting()
    settings = KINDS[name](horizon=5, width=2, iterations=50, samples=20, model_steps=777)
    plan = make_plan(model, linear.cost(), linear.starts(3), settings)
    assert model.rows == 3 * plan.model_steps
    assert 600 < plan.model_steps <= 777
    assert type(settings) is PLANNERS[name].settings
    with pytest.raises(WorldError, match="does not suffice"):
        KINDS[name](horizon=5, width=2, samples=20, model_steps=100)


@pytest.mark.parametrize("name", KINDS)
def test_plans_keep_bounds_and_say_what_they_cost(name):
    g = torch.Generator().manual_seed(0)
    settings = KINDS[name](horizon=6, width=2, samples=16, low=(-0.1, -0.3), high=(0.2, 0.05))
    cost = linear.cost()
    plan = make_plan(linear.MODEL, cost, linear.starts(4), settings, generator=g, trace=3)
    low, high = settings.bounds(plan.actions)
    assert bool(((plan.actions >= low) & (plan.actions <= high)).all())
    assert plan.actions.shape == (4, 6, 2)
    state = plan.start
    for t in range(6):
        state = linear.MODEL.step(state, plan.actions[:, t])
        torch.testing.assert_close(plan.states[:, t], state)
    torch.testing.assert_close(sum(p.sum(1) for p in plan.parts.values()), plan.cost)
    assert set(plan.parts) == {"goal", "effort"}
    trace = plan.trace
    assert trace.states.shape[1:] == (4, 3, 6, 4)
    assert bool((trace.costs.diff(dim=2) >= 0).all())
    torch.testing.assert_close(
        trace.costs.amin((0, 2)).minimum(plan.cost), plan.cost, rtol=1e-9, atol=0
    )


def test_a_plan_shifts():
    settings = MppiSettings(horizon=4, width=2)
    plan = make_plan(linear.MODEL, linear.cost(), linear.starts(1), settings)
    a = plan.actions[0]
    assert torch.equal(plan.shifted(1)[0], a[[1, 2, 3, 3]])
    assert torch.equal(plan.shifted(3)[0], a[[3, 3, 3, 3]])
    assert torch.equal(plan.shifted(9)[0], a[[3, 3, 3, 3]])
    assert torch.equal(plan.shifted(0)[0], a)
    with pytest.raises(WorldError, match="not by -1"):
        plan.shifted(-1)


@pytest.mark.parametrize("name", KINDS)
def test_a_warm_start_and_proposals_are_not_lost(name):
    """A plan that is given is never answered by a worse one."""
    x = linear.starts(3)
    long = KINDS[name](horizon=8, width=2, low=-3.0, high=3.0, iterations=60)
    good = make_plan(linear.MODEL, linear.cost(), x, long, generator=torch.Generator())
    poor = KINDS[name](horizon=8, width=2, low=-3.0, high=3.0, iterations=1)
    warm = make_plan(linear.MODEL, linear.cost(), x, poor, actions=good.actions)
    told = make_plan(linear.MODEL, linear.cost(), x, poor, proposals=good.actions[:, None])
    cold = make_plan(linear.MODEL, linear.cost(), x, poor)
    for plan in (warm, told):
        assert bool((plan.cost <= good.cost * (1 + 1e-9)).all())
        assert bool((plan.cost < cold.cost).all())


@pytest.mark.parametrize("name", KINDS)
def test_what_diverges_is_left_or_said(name):
    settings = KINDS[name](horizon=3, width=1, samples=16, iterations=3)
    cliff = FunctionDynamics(lambda x, u: torch.where(u > 0.3, torch.nan, x + u))
    cost = TotalCost((Goal(torch.ones(1)), Effort(weight=0.0)))
    plan = make_plan(cliff, cost, torch.zeros(2, 1), settings, generator=torch.Generator())
    assert bool(plan.states.isfinite().all())
    broken = FunctionDynamics(lambda x, u: (x + u) * torch.nan)
    with pytest.raises(WorldError, match="diverges"):
        make_plan(broken, cost, torch.zeros(2, 1), settings)


def test_what_makes_no_plan_is_refused(unchecked):
    x = linear.starts(2)
    settings = MppiSettings(horizon=4, width=2, samples=16)
    with pytest.raises(WorldError, match="one number a row"):
        make_plan(linear.MODEL, lambda s, a: s.sum(), x, settings)
    with pytest.raises(WorldError, match="has shape"):
        make_plan(linear.MODEL, linear.cost(), x, settings, actions=torch.zeros(2, 3, 2))
    with pytest.raises(WorldError, match="at most 15"):
        make_plan(linear.MODEL, linear.cost(), x, settings, proposals=torch.zeros(2, 16, 4, 2))
    with pytest.raises(WorldError, match="finite states"):
        make_plan(linear.MODEL, linear.cost(), x * torch.inf, settings)
    with pytest.raises(WorldError, match="MppiSettings"):
        make_plan(linear.MODEL, linear.cost(), x, "mppi")
    for wrong in ({"horizon": 0}, {"low": 1.0}, {"low": (0.0,)}, {"samples": 0}):
        with pytest.raises(WorldError):
            PlannerSettings(**{"horizon": 2, "width": 2} | wrong)
    for wrong in ({"elites": 0}, {"elites": 999}, {"deviation": 0.0}, {"correlation": 1.0},
                  {"temperature": 0.0}, {"answer": "last"}):  # fmt: skip
        with pytest.raises(WorldError):
            MppiSettings(**{"horizon": 2, "width": 2} | wrong)
