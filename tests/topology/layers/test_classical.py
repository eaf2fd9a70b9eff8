"""Networks of the literature against PyTorch Geometric, and against their dense formulas."""

import pytest
import torch
from hypothesis import given, settings
from tests.topology.complexes import SURFACES, complexes
from tests.topology.layers.cochains import alike, cochains, dense, seeded
from tests.topology.layers.geometric import nn as pyg

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import (
    Complex,
    adjacency,
    coadjacency,
    identity,
    incidence,
    laplacian,
)
from unfrozen.topology.layers import check_equivariance
from unfrozen.topology.layers.classical import cwn, gat, gcn, hgnn, hmc, scn

TORUS = SURFACES["torus"][0]
LAYERS = {
    "gcn": gcn(4, 4, generator=seeded()),
    "gat": gat(4, 4, heads=2, generator=seeded()),
    "hgnn": hgnn(4, 4, generator=seeded()),
    "scn": scn(4, 4, generator=seeded()),
    "cwn": cwn(4, 4, generator=seeded()),
    "hmc": hmc((4, 4, 4), (5, 6, 7), (4, 4, 4), generator=seeded()),
}


def edges(complex_):
    pairs = torch.from_numpy(complex_.cells(1).members.reshape(-1, 2).T.copy())
    return torch.cat([pairs, pairs.flip(0)], 1)


def test_gcn_is_that_of_pyg():
    h = alike(TORUS)
    ours, theirs = gcn(4, 3, generator=seeded()), pyg.GCNConv(4, 3)
    torch.nn.init.normal_(ours.bias, generator=seeded(1))
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.weight.T)
        theirs.bias.copy_(ours.bias)
    torch.testing.assert_close(ours(h, TORUS)[0], theirs(h[0], edges(TORUS)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("heads", "concat"), [(1, True), (3, True), (3, False)])
def test_gat_is_that_of_pyg(heads, concat):
    h = alike(TORUS)
    ours = gat(4, 6, heads=heads, concat=concat, generator=seeded())
    theirs = pyg.GATConv(4, 6 // heads if concat else 6, heads=heads, concat=concat)
    torch.nn.init.normal_(ours.bias, generator=seeded(1))
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.weight.T)
        theirs.att_src.copy_(ours.a_source[None])
        theirs.att_dst.copy_(ours.a_target[None])
        theirs.bias.copy_(ours.bias)
    x, y = h[0].clone().requires_grad_(), h[0].clone().requires_grad_()
    found, expected = ours({0: x}, TORUS)[0], theirs(y, edges(TORUS))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.weight.grad, theirs.lin.weight.grad.T, rtol=1e-4, atol=1e-5)


def test_hgnn_is_that_of_pyg():
    # Hyperedges of 2 to 4 nodes, and a node in none.
    hyper = Complex({1: [[0, 1, 2], [2, 3], [0, 3, 4, 5], [1, 4]]}, n_nodes=7)
    h = alike(hyper)
    ours, theirs = hgnn(4, 3, generator=seeded()), pyg.HypergraphConv(4, 3)
    last = ours.steps[1]
    torch.nn.init.normal_(last.bias, generator=seeded(1))
    with torch.no_grad():
        theirs.lin.weight.copy_(last.weight.T)
        theirs.bias.copy_(last.bias)
    members = dense(hyper, incidence(0, 1)).nonzero().T
    torch.testing.assert_close(ours(h, hyper)[0], theirs(h[0], members), rtol=1e-5, atol=1e-6)


def test_scn_is_a_filter_of_both_laplacians():
    h = alike(TORUS)
    layer = scn(4, 3, generator=seeded())
    found = layer(h, TORUS)
    by = {branch.relation: branch.weight for branch in layer.branches}
    assert len(by) == 7
    low, high = (dense(TORUS, incidence(r, r + 1, signed=True)) for r in (0, 1))
    down, up = low.T @ low, high @ high.T
    for rank, terms in {
        0: [(laplacian(0, via=1), low @ low.T)],
        1: [(laplacian(1, via=0), down), (laplacian(1, via=2), up)],
        2: [(laplacian(2, via=1), high.T @ high)],
    }.items():
        total = h[rank] @ by[identity(rank)]
        total = total + sum(matrix @ h[rank] @ by[relation] for relation, matrix in terms)
        torch.testing.assert_close(found[rank], torch.tanh(total))


@pytest.mark.parametrize("name", SURFACES)
def test_scn_turns_with_its_cells(name):
    surface = SURFACES[name][0]
    layer = scn(4, 4, generator=seeded()) >> scn(4, 3, norm="symmetric", generator=seeded(1))
    assert check_equivariance(layer, surface, alike(surface), seeded(), orientation=True) < 1e-5
    broken = scn(4, 4, beta=torch.relu, generator=seeded())
    with pytest.raises(TopologyError, match="turned round"):
        check_equivariance(broken, surface, alike(surface), seeded(), orientation=True)


def test_cwn_hears_of_boundary_neighbours_cofaces_and_itself():
    h = alike(TORUS)
    layer = cwn(4, 3, generator=seeded())
    by = {branch.relation: branch.weight for branch in layer.branches}
    heard = [identity(1), incidence(0, 1).T, adjacency(1), incidence(1, 2)]
    expected = sum(dense(TORUS, g) @ h[g.source] @ by[g] for g in heard)
    torch.testing.assert_close(layer(h, TORUS)[1], torch.relu(expected))
    assert {g for g in by if g.target == 0} == {identity(0), adjacency(0), incidence(0, 1)}
    assert {g for g in by if g.target == 2} == {identity(2), incidence(1, 2).T}


def test_hmc_is_two_levels_of_attention():
    h = cochains(TORUS, 3)
    layer = hmc((3, 4, 5), (6, 6, 6), (2, 3, 4), generator=seeded())
    assert layer.height == 2
    assert layer.reads == {0: 3, 1: 4, 2: 5}
    found = layer(h, TORUS)
    assert {rank: tuple(own.shape) for rank, own in found.items()} == {
        0: (12, 2), 1: (36, 3), 2: (24, 4),
    }  # fmt: skip
    near, low, high = layer.steps[0].branches
    zero = torch.relu(near(h, TORUS)[0] + low(h, TORUS)[0])
    one = torch.relu(low(h, TORUS)[1] + high(h, TORUS)[1])
    two = torch.relu(high(h, TORUS)[2])
    of_zero, of_one, of_two, to_one, to_two = layer.steps[1].branches
    assert [own.relation for own in layer.steps[1].branches] == [
        adjacency(0), adjacency(1), coadjacency(2), incidence(0, 1).T, incidence(1, 2).T,
    ]  # fmt: skip
    between = {0: zero, 1: one, 2: two}
    torch.testing.assert_close(found[0], torch.relu(of_zero(between, TORUS)[0]))
    expected = torch.relu(of_one(between, TORUS)[1] + to_one(between, TORUS)[1])
    torch.testing.assert_close(found[1], expected)
    expected = torch.relu(of_two(between, TORUS)[2] + to_two(between, TORUS)[2])
    torch.testing.assert_close(found[2], expected)
    with pytest.raises(TopologyError, match="three widths"):
        hmc((3, 4), (3, 4, 5), (3, 4, 5), generator=seeded())


@pytest.mark.parametrize("name", LAYERS)
def test_the_order_of_cells_does_not_matter(name):
    layer = LAYERS[name]
    for surface in ("cube", "Möbius strip"):
        complex_ = SURFACES[surface][0]
        assert check_equivariance(layer, complex_, alike(complex_), seeded()) < 1e-5
        assert check_equivariance(layer >> layer, complex_, alike(complex_), seeded()) < 1e-5


@settings(max_examples=8)
@given(complexes())
def test_any_complex_will_do(complex_):
    h = {**alike(complex_), **{r: torch.zeros(0, 4) for r in (1, 2) if r not in complex_.ranks}}
    for name in ("hgnn", "cwn", "hmc", "gat"):
        found = LAYERS[name](h, complex_)
        for rank, own in found.items():
            assert own.shape == (complex_.n_cells(rank), 4)
            assert bool(own.isfinite().all())
