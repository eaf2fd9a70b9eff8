"""Goals, critics and constraints, against their formulas."""

import math

import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.costs import Constraint, Critic, Goal

F64 = torch.float64
STATES = torch.tensor([[[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]]], dtype=F64)
ACTIONS = torch.zeros(1, 3, 1, dtype=F64)
ORIGIN = torch.zeros(2, dtype=F64)


@pytest.mark.parametrize(
    ("distance", "expected"),
    [("squared", [25, 0, 4]), ("euclidean", [5, 0, 2]), ("absolute", [7, 0, 2])],
)
def test_distances_to_a_goal(distance, expected):
    found = Goal(ORIGIN, distance=distance)(STATES, ACTIONS)
    assert found[0].tolist() == pytest.approx(expected)
    last = Goal(ORIGIN, distance=distance, over="last")(STATES, ACTIONS)
    assert last[0].tolist() == pytest.approx([0, 0, expected[2]])


def test_a_distance_can_be_descended_at_the_goal():
    states = STATES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(
        Goal(ORIGIN, distance="euclidean")(states, ACTIONS).sum(), states
    )
    assert bool(slope.isfinite().all())
    torch.testing.assert_close(slope[0, 0], torch.tensor([0.6, 0.8], dtype=F64))


def test_a_critic_of_the_last_state_is_asked_about_it_alone():
    asked = []

    def value(states):
        asked.append(states.shape)
        return states.sum(-1)

    assert Critic(value, over="last")(STATES, ACTIONS).tolist() == [[0, 0, -2]]
    assert asked == [(1, 1, 2)]
    assert Critic(value)(STATES, ACTIONS).tolist() == [[7, 0, -2]]


def test_a_relaxed_barrier_is_the_logarithm_and_smooth():
    r = 0.2
    h = torch.linspace(-1, 2, 301, dtype=F64).view(1, -1, 1).requires_grad_()
    barrier = Constraint(lambda s, a: s[..., 0], kind="barrier", relaxed=r)
    found = barrier(h, h)
    inside = h[0, :, 0] > r
    torch.testing.assert_close(found[0][inside], -h[0, :, 0][inside].log())
    at = torch.tensor([[[r - 1e-9], [r + 1e-9]]], dtype=F64, requires_grad=True)
    value = barrier(at, at)
    (slope,) = torch.autograd.grad(value.sum(), at)
    torch.testing.assert_close(value[0, 0], value[0, 1], atol=1e-7, rtol=0)
    torch.testing.assert_close(slope[0, 0], slope[0, 1], atol=1e-6, rtol=0)
    assert float(value[0, 0].detach()) == pytest.approx(-math.log(r), abs=1e-7)
    # The lower the margin, the higher the barrier.
    assert bool((found[0].diff() < 0).all())


def test_a_penalty_is_the_squared_violation():
    penalty = Constraint(lambda s, a: s[..., 1])
    assert penalty(STATES, ACTIONS).tolist() == [[0, 0, 4]]


def test_what_is_not_known_is_refused(unchecked):
    with pytest.raises(WorldError, match="not 'cosine'"):
        Goal(ORIGIN, distance="cosine")
    with pytest.raises(WorldError, match="'last'"):
        Goal(ORIGIN, over="first")
    with pytest.raises(WorldError, match="'last'"):
        Critic(lambda s: s, over="first")
    with pytest.raises(WorldError, match="'barrier'"):
        Constraint(lambda s, a: s, kind="wall")
    with pytest.raises(WorldError, match="positive margin"):
        Constraint(lambda s, a: s, relaxed=0.0)
