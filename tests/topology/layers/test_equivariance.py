"""The check itself: what it lets pass, and what it does not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import CUBE, SURFACES, complexes
from tests.topology.layers.cochains import alike, dense, seeded

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import (
    Complex,
    adjacency,
    coadjacency,
    incidence,
    laplacian,
)
from unfrozen.topology.layers import check_equivariance, permuted, reoriented

TORUS = SURFACES["torus"][0]


@given(complexes(), st.integers(0, 99))
def test_matrices_change_by_the_order_of_rows_and_columns(complex_, seed):
    other, order = permuted(complex_, seeded(seed))
    top = complex_.dim
    relations = [coadjacency(top, via=0)] if top else []
    relations += [incidence(0, rank) for rank in complex_.ranks[1:]]
    for relation in relations:
        g = dense(complex_, relation)
        expected = g[order[relation.target]][:, order[relation.source]]
        assert torch.equal(dense(other, relation), expected)


@pytest.mark.parametrize("name", SURFACES)
def test_signed_matrices_change_by_signs(name):
    surface = SURFACES[name][0]
    other, signs = reoriented(surface, seeded())
    assert bool((signs[0] == 1).all())
    assert all(float(signs[rank].min()) == -1 for rank in (1, 2))
    assert float(signs[1].max()) == 1
    for relation in (incidence(0, 1, signed=True), incidence(1, 2, signed=True), laplacian(1)):
        g = dense(surface, relation)
        expected = signs[relation.target] * g * signs[relation.source].T
        assert torch.equal(dense(other, relation), expected)
    assert torch.equal(dense(other, adjacency(0)), dense(surface, adjacency(0)))


def test_tetrahedra_are_turned_round_too():
    solid = Complex({2: [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]], 3: [[0, 1, 2, 3]]})
    relation = incidence(2, 3, signed=True)
    for seed in range(4):
        other, signs = reoriented(solid, seeded(seed))
        expected = signs[2] * dense(solid, relation) * signs[3].T
        assert float(signs[3]) == -1
        assert torch.equal(dense(other, relation), expected)


def test_sets_of_nodes_and_counts_stay():
    other, order = permuted(CUBE, seeded(3))
    number = np.argsort(order[0].numpy())
    for rank in (1, 2):
        for new, old in enumerate(order[rank].tolist()):
            assert other.cells(rank)[new].tolist() == number[CUBE.cells(rank)[old]].tolist()


@pytest.mark.parametrize(
    "layer",
    [
        lambda h, c: {0: h[0].flip(0)},
        lambda h, c: {0: h[0] * torch.arange(len(h[0]))[:, None]},
        lambda h, c: {0: h[0] / 0},
        lambda h, c: {0: torch.tensor(c.cells(1).members[:12]).float()[:, None]},
    ],
)
def test_what_hangs_on_the_order_is_found(layer):
    with pytest.raises(TopologyError, match="in another order"):
        check_equivariance(layer, TORUS, alike(TORUS), seeded())


def test_the_transpose_on_one_side_only_is_another_formula():
    # P f(P G Pᵀ, P H) is not f(G, H), as the printed formula has it; Pᵀ f(P G Pᵀ, P H) is.
    other, order = permuted(TORUS, seeded(1))
    h = alike(TORUS)
    p = torch.eye(12)[order[0]]
    g, moved = dense(TORUS, adjacency(0)), dense(other, adjacency(0))
    assert torch.equal(moved, p @ g @ p.T)
    assert torch.allclose(p.T @ (moved @ (p @ h[0])), g @ h[0], atol=1e-5)
    assert not torch.allclose(p @ (moved @ (p @ h[0])), g @ h[0], atol=1e-1)


def test_an_even_nonlinearity_does_not_turn_with_cells():
    def layer(beta):
        signed = incidence(1, 2, signed=True)
        return lambda h, c: {2: beta(c.neighbourhood(signed.T) @ h[1])}

    h = alike(TORUS)
    assert check_equivariance(layer(torch.tanh), TORUS, h, seeded(), orientation=True) < 1e-6
    with pytest.raises(TopologyError, match="turned round"):
        check_equivariance(layer(torch.relu), TORUS, h, seeded(), orientation=True)
    with pytest.raises(TopologyError, match="turned round"):
        check_equivariance(layer(lambda x: x + 1), TORUS, h, seeded(), orientation=True)


def test_shape_tolerance_and_draws():
    h = alike(TORUS)
    with pytest.raises(TopologyError, match="a row for each of 36"):
        check_equivariance(lambda own, c: {1: own[0]}, TORUS, h, seeded())
    with pytest.raises(TopologyError, match="a row for each"):
        check_equivariance(lambda own, c: {7: own[0]}, TORUS, h, seeded())

    def noisy(own, c):
        return {0: own[0] + 1e-3 * torch.arange(12)[:, None]}

    assert 0 < check_equivariance(noisy, TORUS, h, seeded(), tolerance=0.1) < 0.1
    with pytest.raises(TopologyError, match="off by"):
        check_equivariance(noisy, TORUS, h, seeded())
    state = torch.get_rng_state()
    one, other = (permuted(TORUS, seeded(4)).order[1] for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(state, torch.get_rng_state())
