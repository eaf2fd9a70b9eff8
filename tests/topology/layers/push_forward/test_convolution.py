"""Convolutions against products of dense matrices."""

import pytest
import torch
from hypothesis import given, settings
from tests.topology.complexes import SURFACES, complexes
from tests.topology.layers.cochains import alike, dense, seeded
from torch.autograd import gradcheck

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import adjacency, identity, incidence, laplacian
from unfrozen.topology.layers import Convolution, check_equivariance

TORUS = SURFACES["torus"][0]


def conv(relation, **more):
    return Convolution(relation, 4, 3, generator=seeded(), **more)


@pytest.mark.parametrize(
    "relation",
    [
        incidence(0, 1), incidence(0, 2).T, incidence(1, 2, signed=True), adjacency(1),
        laplacian(1), identity(2),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("widths", [(4, 3), (4, 9)])
def test_it_is_the_product_with_a_dense_matrix(relation, widths):
    h = alike(TORUS, dtype=torch.float64)
    layer = Convolution(relation, *widths, bias=True, generator=seeded(), dtype=torch.float64)
    torch.nn.init.normal_(layer.bias, generator=seeded(1))
    expected = dense(TORUS, relation, torch.float64) @ h[relation.source] @ layer.weight
    found = layer(h, TORUS)
    assert found.keys() == {relation.target}
    torch.testing.assert_close(found[relation.target], expected + layer.bias)


def test_norms_are_those_of_the_degrees():
    h = alike(TORUS, dtype=torch.float64)
    g = dense(TORUS, adjacency(0), torch.float64)
    loops = g + torch.eye(len(g))
    for norm, reflexive, expected in (
        ("mean", False, g / g.sum(1, keepdim=True)),
        ("symmetric", True, loops / (loops.sum(1, keepdim=True) * loops.sum(0)).sqrt()),
    ):
        layer = Convolution(
            adjacency(0), 4, 4, norm=norm, reflexive=reflexive, generator=seeded(),
            dtype=torch.float64,
        )  # fmt: skip
        torch.testing.assert_close(layer(h, TORUS)[0], expected @ h[0] @ layer.weight)


def test_gradients():
    layer = Convolution(incidence(0, 1).T, 4, 2, generator=seeded(), dtype=torch.float64)
    h = alike(TORUS, dtype=torch.float64)[0].requires_grad_()

    def run(x, weight):
        return torch.func.functional_call(layer, {"weight": weight}, ({0: x}, TORUS))[1]

    assert gradcheck(run, (h, layer.weight.detach().clone().requires_grad_()))


@settings(max_examples=10)
@given(complexes())
def test_the_order_of_cells_does_not_matter(complex_):
    h = alike(complex_)
    for rank in complex_.ranks[1:]:
        for relation in (incidence(0, rank), incidence(0, rank).T):
            layer = Convolution(relation, 4, 3, norm="symmetric", bias=True, generator=seeded())
            assert check_equivariance(layer, complex_, h, seeded(1)) < 1e-5


@pytest.mark.parametrize("name", SURFACES)
def test_signed_ones_turn_with_their_cells(name):
    surface = SURFACES[name][0]
    h = alike(surface)
    for relation in (
        incidence(0, 1, signed=True), incidence(0, 1, signed=True).T,
        incidence(1, 2, signed=True), laplacian(1), laplacian(2), laplacian(1, via=2),
    ):  # fmt: skip
        layer = Convolution(relation, 4, 3, norm="symmetric", generator=seeded())
        assert check_equivariance(layer, surface, h, seeded(1), orientation=True) < 1e-5
    unsigned = Convolution(incidence(1, 2), 4, 3, generator=seeded())
    with pytest.raises(TopologyError, match="turned round"):
        check_equivariance(unsigned, surface, h, seeded(1), orientation=True)


def test_weights_are_drawn_by_the_generator_alone():
    state = torch.get_rng_state()
    one, other = (Convolution(adjacency(0), 3, 3, generator=seeded(5)) for _ in range(2))
    assert torch.equal(one.weight, other.weight)
    assert not torch.equal(one.weight, Convolution(adjacency(0), 3, 3, generator=seeded(6)).weight)
    assert torch.equal(state, torch.get_rng_state())


def test_shapes_without_numbers():
    layer = Convolution(adjacency(0), 4, 3, norm="mean", generator=seeded(), device="meta")
    found = layer({0: torch.zeros(12, 4, device="meta")}, TORUS.to("meta"))
    assert found[0].shape == (12, 3)


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda: Convolution(adjacency(0), 0, 3, generator=seeded()), "at least one"),
        (lambda: conv(adjacency(0), norm="rows"), "a norm is 'rows': choose from none, mean, sym"),
        (
            lambda: conv(incidence(0, 1))({0: torch.ones(12, 4)}, TORUS),
            "reads a cochain of rank 1, and those given are of ranks 0",
        ),
        (
            lambda: conv(adjacency(0))({0: torch.ones(12, 5)}, TORUS),
            "reads 4 features",
        ),
        (
            lambda: conv(adjacency(0))({0: torch.ones(11, 4)}, TORUS),
            "does not fit a neighbourhood of 12 cells",
        ),
        (
            lambda: conv(incidence(0, 1), reflexive=True),
            "no cell hears of itself",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(use, told, unchecked):
    with pytest.raises(TopologyError, match=told):
        use()
