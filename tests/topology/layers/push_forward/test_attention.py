"""Attention against the dense formulas, and between two ranks against the same graph of PyG."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.topology.complexes import SURFACES, complexes
from tests.topology.layers.cochains import alike, cochains, dense, seeded
from torch.autograd import gradcheck

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, adjacency, coadjacency, incidence
from unfrozen.topology.layers import Attention, MutualAttention, check_equivariance

TORUS = SURFACES["torus"][0]


def by_definition(g, h_source, h_target, w_source, w_target, a_source, a_target, slope=0.2):
    """att_ij = softmax over the entries of row i of LeakyReLU(a · [W_s h_j || W_t h_i])."""
    out = []
    for head in range(len(a_source)):
        s = h_source @ w_source.unflatten(1, a_source.shape)[:, head]
        t = h_target @ w_target.unflatten(1, a_target.shape)[:, head]
        a = torch.cat([a_source[head], a_target[head]])
        pairs = torch.cat([s.expand(len(t), *s.shape), t[:, None].expand(len(t), len(s), -1)], 2)
        scores = torch.nn.functional.leaky_relu(pairs @ a, slope)
        weights = scores.masked_fill(g == 0, -torch.inf).softmax(1).nan_to_num(0)
        out.append((g * weights) @ s)
    return torch.cat(out, 1)


@pytest.mark.parametrize("relation", [adjacency(0), coadjacency(2, via=0), adjacency(1)], ids=str)
@pytest.mark.parametrize("heads", [1, 2])
def test_within_a_rank(relation, heads):
    h = alike(TORUS, dtype=torch.float64)
    layer = Attention(relation, 4, 6, heads=heads, generator=seeded(), dtype=torch.float64)
    own, w = h[relation.source], layer.weight
    expected = by_definition(
        dense(TORUS, relation, torch.float64), own, own, w, w, layer.a_source, layer.a_target
    )
    torch.testing.assert_close(layer(h, TORUS)[relation.target], expected)
    mean = Attention(relation, 4, 6, heads=2, concat=False, generator=seeded(), dtype=torch.float64)
    parts = by_definition(
        dense(TORUS, relation, torch.float64), own, own, mean.weight, mean.weight, mean.a_source,
        mean.a_target,
    ).unflatten(1, (2, 6))  # fmt: skip
    torch.testing.assert_close(mean(h, TORUS)[relation.target], parts.mean(1))


@pytest.mark.parametrize(
    "relation", [incidence(0, 1), incidence(0, 2).T, incidence(1, 2, signed=True)], ids=str
)
@pytest.mark.parametrize("heads", [1, 3])
def test_between_ranks_one_way(relation, heads):
    h = cochains(TORUS, dtype=torch.float64)
    s, t = h[relation.source], h[relation.target]
    layer = Attention(
        relation, (s.shape[1], t.shape[1]), 6, heads=heads, generator=seeded(), dtype=torch.float64
    )
    expected = by_definition(
        dense(TORUS, relation, torch.float64), s, t, layer.weight, layer.weight_of_target,
        layer.a_source, layer.a_target,
    )  # fmt: skip
    torch.testing.assert_close(layer(h, TORUS)[relation.target], expected)


@pytest.mark.parametrize("heads", [1, 2])
def test_between_ranks_both_ways_with_one_vector(heads):
    relation, dtype = incidence(1, 2), torch.float64
    h = cochains(TORUS, dtype=dtype)
    layer = MutualAttention(relation, (6, 5), (8, 4), heads=heads, generator=seeded(), dtype=dtype)
    g = dense(TORUS, relation, dtype)
    w_s, w_t, a_s, a_t = (
        layer.weight_of_source, layer.weight_of_target, layer.a_source, layer.a_target,
    )  # fmt: skip
    found = layer(h, TORUS)
    assert {rank: own.shape[1] for rank, own in found.items()} == layer.writes == {1: 8, 2: 4}
    torch.testing.assert_close(found[1], by_definition(g, h[2], h[1], w_s, w_t, a_s, a_t))
    # The other way round what was last is first, and each map keeps its own part of a.
    torch.testing.assert_close(found[2], by_definition(g.T, h[1], h[2], w_t, w_s, a_t, a_s))


def test_both_ways_are_two_attentions_that_share():
    relation = incidence(0, 2)
    h = cochains(TORUS)
    both = MutualAttention(relation, (6, 4), 6, generator=seeded())
    up = Attention(relation.T, (4, 6), 6, generator=seeded())
    down = Attention(relation, (6, 4), 6, generator=seeded())
    for layer, pairs in (
        (down, (both.weight_of_source, both.weight_of_target, both.a_source, both.a_target)),
        (up, (both.weight_of_target, both.weight_of_source, both.a_target, both.a_source)),
    ):
        layer.weight, layer.weight_of_target, layer.a_source, layer.a_target = pairs
    torch.testing.assert_close(both(h, TORUS), {**down(h, TORUS), **up(h, TORUS)})


def test_weights_sum_to_one_over_every_row():
    h = cochains(TORUS)
    near = TORUS.neighbourhood(incidence(1, 2))
    one = Attention(incidence(1, 2), (6, 5), 4, heads=2, generator=seeded())
    torch.testing.assert_close(near.collect(one.weights(h, TORUS)), torch.ones(36, 2))
    both = MutualAttention(incidence(1, 2), (6, 5), 4, heads=2, generator=seeded())
    to_target, to_source = both.weights(h, TORUS)
    torch.testing.assert_close(near.collect(to_target), torch.ones(36, 2))
    torch.testing.assert_close(near.collect(to_source, by="column"), torch.ones(24, 2))
    # And they are those by which neighbours are summed.
    sent = h[2] @ both.weight_of_source
    torch.testing.assert_close(near.sum(sent, to_target), both(h, TORUS)[1])


def test_large_scores_do_not_overflow():
    h = {rank: 1e4 * own for rank, own in cochains(TORUS).items()}
    layer = MutualAttention(incidence(1, 2), (6, 5), 4, generator=seeded())
    found = layer(h, TORUS)
    sum(own.sum() for own in found.values()).backward()
    assert all(bool(own.isfinite().all()) for own in found.values())
    assert all(bool(own.grad.isfinite().all()) for own in layer.parameters())


def test_gradients():
    h = cochains(SURFACES["sphere"][0], dtype=torch.float64)
    more = {"heads": 2, "generator": seeded(), "dtype": torch.float64}
    both = MutualAttention(incidence(1, 2), (6, 5), 4, **more)
    one = Attention(adjacency(1), 5, 4, reflexive=True, **more)
    for layer in (both, one):
        own = {name: p.detach().clone().requires_grad_() for name, p in layer.named_parameters()}
        given = [h[rank].clone().requires_grad_() for rank in (1, 2)]

        def run(x, y, *weights, layer=layer, own=own):
            called = (dict(zip(own, weights, strict=True)), ({1: x, 2: y}, SURFACES["sphere"][0]))
            return tuple(torch.func.functional_call(layer, *called).values())

        assert gradcheck(run, (*given, *own.values()))


@settings(max_examples=8)
@given(complexes(), st.integers(1, 2))
def test_the_order_of_cells_does_not_matter(complex_, heads):
    h = alike(complex_)
    more = {"heads": heads, "generator": seeded()}
    for rank in complex_.ranks[1:]:
        for layer in (
            Attention(coadjacency(rank, via=0), 4, 4, reflexive=True, bias=True, **more),
            Attention(incidence(0, rank).T, 4, 4, **more),
            MutualAttention(incidence(0, rank), 4, 4, **more),
        ):
            assert check_equivariance(layer, complex_, h, seeded(1)) < 1e-5


def test_cells_without_neighbours_hear_nothing():
    lonely = Complex({1: [[0, 1]], 2: [[2, 3, 4]]})
    found = MutualAttention(incidence(1, 2), 3, 3, generator=seeded())(
        {1: torch.ones(1, 3), 2: torch.ones(1, 3)}, lonely
    )
    assert not found[1].any()
    assert not found[2].any()
    nothing = Attention(incidence(0, 5).T, 3, 3, generator=seeded())(
        {0: torch.ones(5, 3), 5: torch.ones(0, 3)}, lonely
    )
    assert nothing[5].shape == (0, 3)


def test_precision_and_meta():
    h = {rank: own.bfloat16() for rank, own in cochains(TORUS).items()}
    layer = MutualAttention(incidence(1, 2), (6, 5), 4, generator=seeded(), dtype=torch.bfloat16)
    exact = MutualAttention(incidence(1, 2), (6, 5), 4, generator=seeded())
    found, expected = layer(h, TORUS), exact({r: own.float() for r, own in h.items()}, TORUS)
    for rank, own in found.items():
        assert own.dtype == torch.bfloat16
        torch.testing.assert_close(own.float(), expected[rank], rtol=0, atol=0.05)
    moved = MutualAttention(incidence(1, 2), (6, 5), 4, heads=2, generator=seeded(), device="meta")
    told = moved({rank: own.float().to("meta") for rank, own in h.items()}, TORUS.to("meta"))
    assert {rank: tuple(own.shape) for rank, own in told.items()} == {1: (36, 4), 2: (24, 4)}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda g: Attention(adjacency(0), (3, 4), 4, generator=g), "stays in its rank"),
        (lambda g: Attention(adjacency(0), 4, 5, heads=2, generator=g), "not shared by 2 heads"),
        (lambda g: Attention(adjacency(0), 4, 4, heads=0, generator=g), "not shared by 0 heads"),
        (
            lambda g: Attention(incidence(0, 1), 4, 4, reflexive=True, generator=g),
            "no cell hears of itself",
        ),
        (lambda g: MutualAttention(adjacency(0), 4, 4, generator=g), "stays in its rank"),
        (lambda g: MutualAttention(incidence(0, 1), 4, 0, generator=g), "one feature or more"),
        (lambda g: MutualAttention(incidence(0, 1), 4, (4, 3), heads=2, generator=g), "not shared"),
    ],
)
def test_what_does_not_fit_is_refused(make, told):
    with pytest.raises(TopologyError, match=told):
        make(seeded())
