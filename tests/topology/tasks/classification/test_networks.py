"""Networks against PyTorch Geometric and dense algebra, what they tell apart, and invariance."""

import pytest
import torch
from tests.topology.tasks.graphs import with_rings, with_triangles
from torch_geometric.nn import GINConv

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.complex.batching import batch
from unfrozen.topology.tasks.classification.networks import (
    BLOCKS,
    CellClassifier,
    CellNorm,
    ComplexClassifier,
    NetworkSettings,
    cin,
    gin,
    relations_of,
)
from unfrozen.topology.tasks.labelled import with_ones
from unfrozen.topology.tasks.strongly_regular import strongly_regular


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def _square():
    """Two triangles at an edge, and a tail."""
    edges = [[0, 1], [1, 2], [2, 0], [2, 3], [3, 1], [3, 4]]
    x = torch.randn(5, 3, generator=seeded(1))
    return Complex({1: edges, 2: [[0, 1, 2], [1, 2, 3]]}, features={0: x})


def test_gin_is_that_of_pytorch_geometric():
    square, layer = _square(), gin(4, generator=seeded()).eval()
    x = torch.randn(5, 4, generator=seeded(2))
    near = square.adjacency(0)
    theirs = GINConv(layer.beta["0"])(x, torch.stack([near.columns, near.rows]))
    torch.testing.assert_close(layer({0: x}, square)[0], theirs)


def test_cells_hear_of_all_their_neighbourhoods():
    square, layer = _square(), cin(4, generator=seeded()).eval()
    h = {r: torch.randn(square.n_cells(r), 4, generator=seeded(r)) for r in (0, 1, 2)}
    found = layer(h, square)
    for rank in (0, 1, 2):
        total = torch.zeros_like(h[rank])
        for part in layer.branches:
            if part.relation.target == rank:
                dense = torch.from_numpy(square.neighbourhood(part.relation).scipy().toarray())
                total = total + dense @ h[part.relation.source] @ part.weight
        torch.testing.assert_close(found[rank], layer.beta[str(rank)](total))
    names = {str(part.relation) for part in layer.branches}
    assert names == {
        "I(0)", "A(0 by 1)", "B(0,1)", "I(1)", "B(0,1)ᵀ", "A(1 by 2)", "B(1,2)", "I(2)", "B(1,2)ᵀ",
    }  # fmt: skip


def test_normalisation_takes_any_number_of_cells():
    ours, theirs = CellNorm(3), torch.nn.BatchNorm1d(3)
    x = torch.randn(5, 3, generator=seeded())
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    before = ours.running_var.clone()
    for n in (0, 1):
        expected = (x[:n] - ours.running_mean) / (ours.running_var + ours.eps).sqrt()
        torch.testing.assert_close(ours(x[:n]), expected)
    torch.testing.assert_close(ours.running_var, before)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def _decided(network, seed=3):
    """With heads that say something."""
    draw = seeded(seed)
    for name, parameter in network.named_parameters():
        if "head" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=draw)
    return network.eval()


@pytest.mark.parametrize("block", BLOCKS)
def test_numbering_does_not_matter(block):
    one = _square()
    nodes, order = torch.tensor([3, 0, 4, 1, 2]), [4, 2, 0, 5, 3, 1]
    edges = [[int(nodes[v]) for v in one.cells(1)[i]][::-1] for i in order]
    faces = [[int(nodes[v]) for v in one.cells(2)[i]] for i in (1, 0)]
    x = torch.empty(5, 3)
    x[nodes] = one.features[0]
    other = Complex({1: edges, 2: faces}, features={0: x})
    settings = NetworkSettings(block, width=8, layers=2)
    network = _decided(ComplexClassifier(settings, {0: 3}, 2, generator=seeded()))
    rows = network(batch([one, other]))
    assert float(rows.detach().std(1).min()) > 1e-3
    torch.testing.assert_close(rows[0], rows[1], rtol=1e-4, atol=1e-5)
    # Nor does what stands beside it.
    torch.testing.assert_close(network(batch([one]))[0], rows[0], rtol=1e-4, atol=1e-5)
    cells = _decided(CellClassifier(settings, {0: 3}, 2, rank=1, generator=seeded()))
    first, second = cells(batch([one, other])).split(6)
    torch.testing.assert_close(first[order], second, rtol=1e-4, atol=1e-5)


def test_rings_tell_apart_what_edges_and_triangles_do_not():
    """Whatever the weights, as colour refinement says."""
    pair = [with_ones(each) for each in strongly_regular("sr16622")]
    lifts = {
        "edges": lambda x: x, "triangles": with_triangles, "rings": with_rings(4),
    }  # fmt: skip
    apart = {}
    for name, lift in lifts.items():
        block = "gin" if name == "edges" else "cin"
        settings = NetworkSettings(block, width=8, layers=3, readout="mean")
        network = _decided(ComplexClassifier(settings, {0: 1}, 4, generator=seeded()).double())
        lifted = [lift(each).with_features(0, each.features[0].double()) for each in pair]
        one, other = network(batch(lifted))
        apart[name] = float((one - other).detach().norm() / one.detach().norm())
    assert max(apart["edges"], apart["triangles"]) < 1e-10
    assert apart["rings"] > 1e-3


@pytest.mark.parametrize("block", BLOCKS)
def test_complexes_without_cells_of_a_rank(block):
    path = Complex({1: [[0, 1], [1, 2]]}, features={0: torch.ones(3, 2)})
    network = ComplexClassifier(NetworkSettings(block, 8, 2), {0: 2}, 3, generator=seeded())
    rows = network.train()(batch([path, path]))
    assert rows.shape == (2, 3)
    rows.sum().backward()
    assert network.eval()(batch([path])).isfinite().all()


def test_features_of_higher_ranks_are_read():
    square = _square().with_features(1, torch.randn(6, 2, generator=seeded(5)))
    network = _decided(
        ComplexClassifier(NetworkSettings("cin", 8, 1), {0: 3, 1: 2}, 2, generator=seeded())
    )
    changed = square.with_features(1, square.features[1] + 1)
    rows = network(batch([square, changed]))
    assert float((rows[0] - rows[1]).detach().abs().max()) > 1e-3


def test_no_global_generator_is_touched():
    before = torch.get_rng_state()
    settings = NetworkSettings("cell attention", 8, 2)
    one, same = (ComplexClassifier(settings, {0: 3}, 2, generator=seeded(7)) for _ in range(2))
    CellClassifier(settings, {0: 3}, 2, rank=2, generator=seeded())
    torch.testing.assert_close(torch.get_rng_state(), before)
    for a, b in zip(one.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_relations_that_are_read():
    network = ComplexClassifier(NetworkSettings("incidences", 8, 2), {0: 3}, 2, generator=seeded())
    assert {str(each) for each in relations_of(network)} == {"I(0)", "I(2)", "B(0,2)", "B(0,2)ᵀ"}


def test_what_is_no_network_is_refused(unchecked):
    with pytest.raises(TopologyError, match="no layer 'mlp': there are gin, gcn"):
        NetworkSettings("mlp")
    with pytest.raises(TopologyError, match="one layer or more"):
        NetworkSettings(layers=0)
    with pytest.raises(TopologyError, match="read out by sum, mean, max"):
        NetworkSettings(readout="median")
    with pytest.raises(TopologyError, match="nodes have features"):
        ComplexClassifier(NetworkSettings(), {1: 3}, 2, generator=seeded())
