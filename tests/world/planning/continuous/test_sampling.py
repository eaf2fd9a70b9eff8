"""What CEM and MPPI share: invariances, monotony, and plans of a known optimum."""

import dataclasses
from itertools import pairwise

import pytest
import torch
from tests.world.planning import linear

from unfrozen.world.costs import Goal, TotalCost
from unfrozen.world.planning import CemSettings, MppiSettings, make_plan

F64 = torch.float64
# The best plans push and brake at once, which correlated noise would be slow to find.
WIDE = {
    "horizon": 8, "width": 2, "low": -4.0, "high": 4.0, "correlation": 0.0, "iterations": 30,
    "samples": 512, "least_deviation": 1e-4,
}  # fmt: skip
SETTINGS = {
    "cem": CemSettings(**WIDE, elites=50, momentum=0.3),
    "mppi": MppiSettings(**WIDE, elites=128, momentum=0.5),
}


def run(settings, x, cost=None, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return make_plan(
        linear.MODEL, cost or linear.cost(), x, settings, generator=generator, **options
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_the_optimum_of_a_linear_system_is_found(name):
    """Within 1 % of Riccati's cost, and never below it."""
    x = linear.starts(6)
    best = linear.least(x, 8)
    plan = run(SETTINGS[name], x)
    assert bool((plan.cost >= best * (1 - 1e-9)).all())
    assert bool((plan.cost <= 1.01 * best).all())


@pytest.mark.parametrize("name", SETTINGS)
def test_a_larger_budget_is_not_worse(name):
    x = linear.starts(6)
    found = [
        run(dataclasses.replace(SETTINGS[name], iterations=n), x).cost for n in (1, 2, 4, 8, 16)
    ]
    for less, more in pairwise(found):
        assert bool((more <= less * (1 + 1e-12)).all())
    few, many = (
        torch.stack([
            run(dataclasses.replace(SETTINGS[name], samples=n, elites=n // 8, iterations=4), x,
                seed=seed).cost
            for seed in range(4)
        ]).mean(0)
        for n in (16, 256)
    )  # fmt: skip
    assert bool((many < few).all())


@pytest.mark.parametrize("name", SETTINGS)
def test_a_plan_does_not_depend_on_what_is_planned_beside_it(name):
    x = linear.starts(5)
    goals = linear.starts(5, seed=9)
    settings = dataclasses.replace(SETTINGS[name], iterations=4)
    all_of_them = run(settings, x, TotalCost((Goal(goals),)))
    order = torch.tensor([3, 0, 4, 1, 2])
    permuted = run(settings, x[order], TotalCost((Goal(goals[order]),)))
    torch.testing.assert_close(permuted.actions, all_of_them.actions[order])
    alone = run(settings, x[2:3], TotalCost((Goal(goals[2:3]),)))
    torch.testing.assert_close(alone.actions, all_of_them.actions[2:3])


@pytest.mark.parametrize("name", SETTINGS)
def test_neither_the_zero_nor_the_scale_of_costs_matters(name):
    x = linear.starts(3)
    settings = dataclasses.replace(SETTINGS[name], iterations=5)
    plain = linear.cost()
    expected = run(settings, x).actions
    for shifted in (lambda s, a: plain(s, a) + 100.0, lambda s, a: 7.5 * plain(s, a)):
        torch.testing.assert_close(run(settings, x, shifted).actions, expected)


def test_the_mean_is_given_if_it_is_asked_for():
    x = linear.starts(3)
    mean = run(dataclasses.replace(SETTINGS["mppi"], answer="mean", iterations=2), x)
    best = run(dataclasses.replace(SETTINGS["mppi"], iterations=2), x)
    assert bool((best.cost <= mean.cost).all())
    fixed = run(dataclasses.replace(SETTINGS["mppi"], adapt=False, momentum=0.5), x)
    assert bool(fixed.cost.isfinite().all())


def test_a_seed_gives_the_same_plan_and_the_global_one_is_not_touched():
    x = linear.starts(2)
    before = torch.random.get_rng_state()
    assert torch.equal(run(SETTINGS["cem"], x).actions, run(SETTINGS["cem"], x).actions)
    assert torch.equal(before, torch.random.get_rng_state())


def test_correlated_noise_gets_farther_than_white_noise():
    """A distant goal, short steps: white noise trembles on the spot, as does the search with it."""
    x = torch.zeros(1, 4, dtype=F64)
    goal = TotalCost((Goal(torch.tensor([6.0, 6.0, 0.0, 0.0], dtype=F64)),))
    few = {"horizon": 30, "width": 2, "iterations": 2, "samples": 64, "elites": 8}
    cost = {
        beta: sum(
            float(run(MppiSettings(correlation=beta, **few), x, goal, seed=s).cost)
            for s in range(5)
        )
        for beta in (0.0, 0.9)
    }
    assert cost[0.9] < 0.9 * cost[0.0]
