"""The distance at which a loss is asked: between rounding and bending."""

import pytest
import torch

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.precision import distances

EPS = (1e-4, 1e-3, 1e-2, 1e-1)


def losses(rounded, bend):
    weights = {"w": torch.zeros(50, dtype=torch.float64)}
    slope = torch.randn(50, generator=torch.Generator().manual_seed(0)).double()

    def exact():
        return 1.0 + (slope * weights["w"]).sum() + bend * (weights["w"] ** 3).sum()

    def loss():
        return torch.round(exact() / rounded) * rounded if rounded else exact()

    return weights, slope, loss, exact


def test_a_loss_that_bends_is_asked_near_by():
    weights, _, loss, exact = losses(rounded=0, bend=50.0)
    found = distances(weights, loss, exact, EPS, reference=1e-4)
    assert [one.eps for one in found] == list(EPS)


def test_a_loss_that_is_rounded_is_asked_far_away():
    weights, _, loss, exact = losses(rounded=1e-2, bend=0.0)
    found = distances(weights, loss, exact, EPS)
    assert [one.eps for one in found] == list(EPS[::-1])
    # Rounded to a hundredth on both sides, the slope is known but for that over the distance.
    for one in found:
        assert one.error <= 1e-2 / (2 * one.eps) + 1e-9


def test_between_both_it_lies_between():
    weights, _, loss, exact = losses(rounded=1e-3, bend=50.0)
    best = distances(weights, loss, exact, (1e-5, 3e-3, 1.0), samples=32)[0]
    assert best.eps == 3e-3


def test_the_signal_is_the_slopes_size_and_weights_stay():
    weights, slope, loss, exact = losses(rounded=0, bend=0.0)
    asked = []
    found = distances(
        weights, loss, exact, (1e-2,), samples=400, progress=lambda *x: asked.append(x)
    )
    # Along Gaussian noise a slope has the gradient's length as its standard deviation.
    assert found[0].signal == pytest.approx(float(slope.norm()), rel=0.15)
    assert found[0].ratio > 1e6
    assert weights["w"].abs().max() < 1e-12
    assert asked[-1] == (1600, 1600)


def test_a_distance_whose_loss_is_not_finite_comes_last():
    weights, _, loss, exact = losses(rounded=0, bend=0.0)

    def far():
        return loss() if weights["w"].abs().max() < 0.05 else float("nan")

    assert distances(weights, far, exact, EPS)[-1].eps == 1e-1


def test_a_loss_that_raises_leaves_the_weights():
    weights, _, _, exact = losses(rounded=0, bend=0.0)

    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        distances(weights, broken, exact, EPS)
    assert weights["w"].abs().max() < 1e-12


@pytest.mark.parametrize("bad", [{"eps": ()}, {"eps": (0.0,)}, {"samples": 0}, {"reference": -1.0}])
def test_what_cannot_be_compared_is_refused(bad):
    weights, _, loss, exact = losses(rounded=0, bend=0.0)
    with pytest.raises(LearningError, match="positive"):
        distances(weights, loss, exact, **bad)
