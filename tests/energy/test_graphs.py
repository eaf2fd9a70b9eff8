"""Energies over edges, against the same energies under a mask."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import F64, normal

from unfrozen.energy.graphs import GraphEnergyTransformer
from unfrozen.errors import EnergyError


def block(seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GraphEnergyTransformer(6, 2, 3, 7, steps=4, dtype=F64, **options)


def graph(seed, n, symmetric=True):
    mask = normal(seed, n, n) > 0.3
    mask = mask | mask.T if symmetric else mask
    mask = mask & ~torch.eye(n, dtype=torch.bool)
    return mask, torch.nonzero(mask).T


@given(n=st.integers(1, 8), seed=st.integers(0, 300), symmetric=st.booleans())
def test_edges_and_their_mask_are_the_same(n, seed, symmetric):
    model, x = block(seed), normal(seed, n, 6)
    mask, edges = graph(seed, n, symmetric)
    way = model.over(x, edges, trajectory=True)
    expected = model.descend(x[None], mask[None], trajectory=True)
    torch.testing.assert_close(way.state, expected.state[0])
    torch.testing.assert_close(way.trajectory, expected.trajectory[:, 0])
    torch.testing.assert_close(way.energies, expected.energies)


@given(seed=st.integers(0, 300))
def test_the_closed_form_is_the_gradient(seed):
    model, g = block(seed), normal(seed, 6, 6).requires_grad_()
    _, edges = graph(seed, 6, symmetric=False)
    (expected,) = torch.autograd.grad(model.attention.energy_over(g, edges), g)
    torch.testing.assert_close(model.attention.gradient_over(g, edges), expected)


def test_graphs_side_by_side_do_not_mix():
    model = block()
    x, y = normal(0, 4, 6), normal(1, 5, 6)
    (_, a), (_, b) = graph(0, 4), graph(1, 5)
    together = model.over(torch.cat([x, y]), torch.cat([a, b + 4], 1)).state
    torch.testing.assert_close(together[:4], model.over(x, a).state)
    torch.testing.assert_close(together[4:], model.over(y, b).state)


def test_it_trains():
    model = block(noise=0.1)
    _, edges = graph(0, 5)
    generator = torch.Generator().manual_seed(0)
    model.over(normal(0, 5, 6), edges, generator=generator).state.square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize(
    ("x", "edges", "message"),
    [
        (torch.zeros(3, 5, dtype=F64), torch.zeros(2, 0, dtype=torch.int64), r"\[node, 6\]"),
        (torch.zeros(3, 6, dtype=F64), torch.tensor([[0], [3]]), "among 3 nodes"),
        (torch.zeros(3, 6, dtype=F64), torch.zeros(3, 1, dtype=torch.int64), "among 3 nodes"),
    ],
)
def test_what_makes_no_sense_is_refused(unchecked, x, edges, message):
    with pytest.raises(EnergyError, match=message):
        block().over(x, edges)
