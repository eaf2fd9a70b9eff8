"""Messages put together, against loops over pairs of cells."""

import pytest
import torch
from hypothesis import given, settings
from tests.topology.complexes import SURFACES, complexes
from tests.topology.layers.cochains import alike, cochains, dense, seeded
from torch import nn
from torch.autograd import gradcheck

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import adjacency, identity, incidence
from unfrozen.topology.layers import Messages, PairMessages, check_equivariance, skip

TORUS = SURFACES["torus"][0]
HOW = {
    "sum": lambda m: m.sum(0), "mean": lambda m: m.mean(0),
    "max": lambda m: m.amax(0), "min": lambda m: m.amin(0),
}  # fmt: skip


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "relation", [incidence(0, 2), adjacency(1), incidence(0, 1, signed=True).T], ids=str
)
def test_what_arrives_is_put_together_cell_by_cell(how, relation):
    h = alike(TORUS)
    g = dense(TORUS, relation)
    for layer, message in (
        (Messages(relation, torch.tanh, aggregate=how), lambda x, y: y.tanh()),
        (PairMessages(relation, lambda x, y: x * y, aggregate=how), lambda x, y: x * y),
    ):
        found = layer(h, TORUS)[relation.target]
        for cell, row in enumerate(g):
            heard = row.nonzero()[:, 0]
            own = h[relation.target][cell].expand(len(heard), -1)
            sent = message(own, h[relation.source][heard]) * row[heard, None]
            torch.testing.assert_close(found[cell], HOW[how](sent))


def test_messages_are_modules_with_gradients():
    network = nn.Linear(4, 3).double()
    layer = Messages(incidence(0, 1).T, network, aggregate="max", width=4)
    assert layer.writes == {1: 3}
    assert dict(layer.named_parameters()).keys() == {"message.weight", "message.bias"}
    h = alike(TORUS, dtype=torch.float64)
    pairs = PairMessages(incidence(0, 1).T, lambda x, y: torch.tanh(x + 2 * y))
    for one in (layer, pairs):
        given_ = (h[0].clone().requires_grad_(), h[1].clone().requires_grad_())
        assert gradcheck(lambda x, y, one=one: one({0: x, 1: y}, TORUS)[1], given_)


def test_a_cochain_is_skipped_as_it_is():
    h = alike(TORUS)
    assert skip(1)(h, TORUS)[1] is h[1]
    assert Messages(identity(0), torch.relu)(h, TORUS)[0].tolist() == h[0].relu().tolist()


@settings(max_examples=8)
@given(complexes())
def test_the_order_of_cells_does_not_matter(complex_):
    h = cochains(complex_, 2)
    for rank in complex_.ranks[1:]:
        for how in HOW:
            layer = Messages(incidence(0, rank).T, aggregate=how)
            assert check_equivariance(layer, complex_, h, seeded()) < 1e-5
        pairs = PairMessages(incidence(0, rank), lambda x, y: x[:, :1] * y)
        assert check_equivariance(pairs, complex_, h, seeded()) < 1e-5


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda h: Messages(adjacency(0), nn.Linear(3, 2), width=4), "does not take 4 features"),
        (lambda h: Messages(adjacency(0), lambda x: x.sum(1), width=4), "makes no .cell, feature."),
        (
            lambda h: PairMessages(adjacency(0), lambda x, y: x.sum(1))(h, TORUS),
            "messages along .* are .72.",
        ),
        (
            lambda h: PairMessages(adjacency(0), lambda x, y: x, width_out=3)(h, TORUS),
            "have 4 features, not 3",
        ),
        (lambda h: PairMessages(adjacency(0), torch.add, widths=(3, 4)), "stays in its rank"),
        (lambda h: skip(1, 3)(h, TORUS), "reads 3 features"),
        (lambda h: Messages(adjacency(0), aggregate="median"), "choose from sum, mean, max, min"),
        (lambda h: PairMessages(adjacency(0), torch.add, aggregate="all"), "choose from sum"),
    ],
)
def test_what_does_not_fit_is_refused(use, told, unchecked):
    with pytest.raises(TopologyError, match=told):
        use(alike(TORUS))
