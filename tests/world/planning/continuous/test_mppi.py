"""The weights of MPPI, against their formula."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.world.planning.continuous.mppi import path_weights

COSTS = st.lists(st.floats(-50, 50), min_size=2, max_size=8)


@given(costs=COSTS, shift=st.floats(-1e3, 1e3), temperature=st.floats(0.1, 3))
def test_weights_are_a_softmax_of_costs_in_units_of_their_deviation(costs, shift, temperature):
    c = np.array(costs)
    if c.std() < 1e-3:
        return
    e = np.exp(-(c - c.min()) / (temperature * c.std()))
    found = path_weights(torch.tensor([costs], dtype=torch.float64), temperature)
    np.testing.assert_allclose(found[0].numpy(), e / e.sum(), atol=1e-9)
    moved = path_weights(torch.tensor([costs], dtype=torch.float64) + shift, temperature)
    np.testing.assert_allclose(moved[0].numpy(), found[0].numpy(), atol=1e-7)


def test_equal_costs_weigh_alike_and_infinite_ones_nothing():
    assert path_weights(torch.ones(1, 4), 0.5)[0].tolist() == [0.25] * 4
    found = path_weights(torch.tensor([[1.0, 2.0, torch.inf]]), 0.5)[0]
    torch.testing.assert_close(found[:2], path_weights(torch.tensor([[1.0, 2.0]]), 0.5)[0])
    assert float(found[2]) == 0
