"""Gradient plans of a linear system, against Riccati's equations."""

import pytest
import torch
from tests.world.planning import linear

from unfrozen.errors import WorldError
from unfrozen.world.model import FunctionDynamics
from unfrozen.world.planning import GradientSettings, gradient

FREE = {"width": 2, "low": -torch.inf, "high": torch.inf}


def test_it_finds_the_best_plan():
    x = linear.starts(5)
    best = linear.least(x, 12)
    last = None
    for iterations in (5, 50, 200):
        settings = GradientSettings(horizon=12, iterations=iterations, samples=2, **FREE)
        plan = gradient(linear.MODEL, linear.cost(), x, settings, generator=torch.Generator())
        assert bool((plan.cost >= best * (1 - 1e-9)).all())
        assert last is None or bool((plan.cost <= last).all())
        last = plan.cost
    torch.testing.assert_close(plan.cost, best, rtol=1e-9, atol=0)
    _, K = linear.riccati(12)
    torch.testing.assert_close(plan.actions[:, 0], -x @ K.T, rtol=0, atol=1e-5)


def test_a_long_horizon_acts_as_the_stationary_gain():
    x = linear.starts(4)
    settings = GradientSettings(horizon=25, iterations=400, samples=1, **FREE)
    plan = gradient(linear.MODEL, linear.cost(), x, settings)
    torch.testing.assert_close(plan.actions[:, 0], -x @ linear.gain().T, rtol=0, atol=5e-3)


def test_bounds_are_reached_where_the_best_plan_lies_on_them():
    x = 10 * linear.starts(1)
    settings = GradientSettings(horizon=3, width=2, iterations=300)
    plan = gradient(linear.MODEL, linear.cost(), x, settings)
    _, K = linear.riccati(3)
    torch.testing.assert_close(plan.actions[0, 0], (-x @ K.T)[0].clamp(-1, 1), rtol=0, atol=0.02)
    with pytest.raises(WorldError, match="both sides"):
        gradient(
            linear.MODEL, linear.cost(), x, GradientSettings(horizon=3, width=2, high=torch.inf)
        )


def test_a_descent_needs_a_step_and_a_slope():
    with pytest.raises(WorldError, match="positive step"):
        GradientSettings(horizon=3, width=2, step_size=0.0)
    flat = FunctionDynamics(lambda x, u: x)
    with pytest.raises(WorldError, match="by way of a gradient"):
        gradient(
            flat,
            lambda s, a: s.sum((1, 2)),
            torch.zeros(1, 1),
            GradientSettings(horizon=2, width=1),
        )
