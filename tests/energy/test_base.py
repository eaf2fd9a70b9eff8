"""The one descent, against closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.energy import Energy, descend
from unfrozen.errors import EnergyError

F64 = torch.float64


def bowl(x):
    return (x**2).flatten(1).sum(1) / 2


class Closed(Energy):
    """A bowl whose gradient is known; it counts how often it was asked."""

    asked = 0

    def forward(self, state):
        return bowl(state)

    def gradient(self, state):
        self.asked += 1
        return state


@given(
    start=st.lists(st.floats(-5, 5), min_size=1, max_size=5),
    steps=st.integers(0, 20),
    size=st.floats(0.01, 0.9),
)
def test_a_bowl_is_left_geometrically(start, steps, size):
    x = torch.tensor([start], dtype=F64)
    found = descend(bowl, x, steps, size, trajectory=True)
    torch.testing.assert_close(found.state, x * (1 - size) ** steps)
    assert found.trajectory.shape == (steps + 1, 1, len(start))
    torch.testing.assert_close(found.energies, torch.stack([bowl(s) for s in found.trajectory]))
    assert bool((found.energies.diff(dim=0) <= 0).all())
    assert found.steps == steps


def test_a_closed_form_is_used_where_there_is_one():
    energy = Closed()
    x = torch.tensor([[3.0]], dtype=F64)
    found = descend(energy, x, 4, 0.5)
    assert energy.asked == 4
    torch.testing.assert_close(found.state, descend(bowl, x, 4, 0.5).state)


def test_it_stops_where_it_rests():
    found = descend(bowl, torch.tensor([[1.0]], dtype=F64), 1000, 0.5, tolerance=1e-6)
    assert found.steps < 30
    assert float(found.state.abs()) < 1e-5
    assert found.trajectory is None


def test_training_goes_through_a_descent():
    target = torch.tensor([[2.0]], dtype=F64)
    centre = torch.zeros(1, 1, dtype=F64, requires_grad=True)

    def loss(c):
        start = torch.ones(1, 1, dtype=F64)
        end = descend(lambda x: bowl(x - c), start, 3, 0.5, differentiable=True).state
        return ((end - target) ** 2).sum()

    loss(centre).backward()
    step = 1e-6
    numeric = (loss(centre + step) - loss(centre - step)) / (2 * step)
    assert float(centre.grad) == pytest.approx(float(numeric.detach()), rel=1e-5)
    assert not descend(lambda x: bowl(x - centre), target, 3, 0.5).state.requires_grad


def test_noise_settles_at_its_temperature():
    """Langevin dynamics in a bowl: the variance is that of the noise, for small steps."""
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(20_000, 1, dtype=F64)
    found = descend(bowl, x, 400, 0.02, noise=0.7, generator=generator)
    assert float(found.state.var()) == pytest.approx(0.49 / (1 - 0.01), rel=0.03)
    again = descend(bowl, x, 5, 0.02, noise=0.7, generator=torch.Generator().manual_seed(1))
    same = descend(bowl, x, 5, 0.02, noise=0.7, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.state, same.state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "negative steps"),
        ({"noise": -1.0}, "negative steps, noise"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"step_size": 0.0}, "positive"),
        ({"step_size": math.inf}, "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    arguments = {"steps": 1, "step_size": 0.1, **options}
    with pytest.raises(EnergyError, match=message):
        descend(bowl, torch.zeros(1, 1), **arguments)
    with pytest.raises(EnergyError, match="one number a sample"):
        descend(lambda x: x, torch.zeros(1, 2), 1, 0.1)
