"""How merge nodes join what arrives."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import SURFACES
from tests.topology.layers.cochains import alike, seeded
from torch import nn
from torch.autograd import gradcheck

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import adjacency, incidence
from unfrozen.topology.layers import (
    Convolution,
    Merge,
    NeighbourhoodAttention,
    check_equivariance,
    skip,
)
from unfrozen.topology.layers.combining import combine, width_after

TORUS = SURFACES["torus"][0]


@given(st.integers(1, 4), st.integers(0, 99))
def test_weights_of_neighbourhoods_sum_to_one_for_each_cell(count, seed):
    parts = [torch.randn(5, 3, generator=seeded(seed + i)) for i in range(count)]
    weigh = NeighbourhoodAttention(3, generator=seeded(seed))
    weights = weigh.weights(parts)
    assert weights.shape == (5, count)
    torch.testing.assert_close(weights.sum(1), torch.ones(5))
    for cell in range(5):
        scores = torch.stack(
            [weigh.vector[:, 0] @ torch.tanh(part[cell] @ weigh.weight) for part in parts]
        )
        torch.testing.assert_close(weights[cell], scores.softmax(0))
        mean = sum(w * part[cell] for w, part in zip(weights[cell], parts, strict=True))
        torch.testing.assert_close(weigh(parts)[cell], mean)


def test_a_merge_node_that_weighs_neighbourhoods():
    h = alike(TORUS)
    weigh = NeighbourhoodAttention(4, 2, generator=seeded())
    layer = Merge(Convolution(adjacency(0), 4, 4, generator=seeded()), skip(0), how=weigh)
    assert "how.vector" in layer.state_dict()
    assert check_equivariance(layer, TORUS, h, seeded()) < 1e-5
    parts = [branch(h, TORUS)[0] for branch in layer.branches]
    torch.testing.assert_close(layer(h, TORUS)[0], weigh(parts))
    x = [torch.randn(3, 4, dtype=torch.float64, generator=seeded(i)) for i in range(2)]
    weigh.double()
    assert gradcheck(lambda *own: weigh(own), [one.requires_grad_() for one in x])


def test_what_arrives_is_joined():
    one, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 6.0]])
    assert combine([one, other], "sum", 0).tolist() == [[4, 8]]
    assert combine([one, other], "mean", 0).tolist() == [[2, 4]]
    assert combine([one, other], "concat", 0).tolist() == [[1, 2, 3, 6]]
    assert combine([one], "mean", 0) is one


def test_a_nonlinearity_is_tried_and_left_as_it_was():
    norm = nn.BatchNorm1d(3)
    before = {name: own.clone() for name, own in norm.state_dict().items()}
    network = nn.Sequential(norm, nn.Dropout(), nn.Linear(3, 5))
    state = torch.get_rng_state()
    assert width_after(network, 3, 0) == 5
    assert width_after(nn.functional.dropout, 3, 0) == 3
    assert width_after(nn.Linear(3, 2, device="meta"), 3, 0) == 2
    assert width_after(torch.relu, None, 0) is None
    assert torch.equal(state, torch.get_rng_state())
    assert norm.training
    for name, own in norm.state_dict().items():
        assert torch.equal(own, before[name])


def test_weights_of_another_width_are_refused():
    up = Convolution(incidence(0, 1).T, 4, 4, generator=seeded())
    with pytest.raises(TopologyError, match="has 3, 4 features"):
        Merge(up, how=NeighbourhoodAttention(3, generator=seeded()))
