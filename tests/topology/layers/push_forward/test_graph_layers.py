"""Layers of PyTorch Geometric along neighbourhoods, against their own call and our layers."""

import sys

import pytest
import torch
from tests.topology.complexes import SURFACES
from tests.topology.layers.cochains import alike, cochains, dense, seeded
from tests.topology.layers.geometric import nn as pyg

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import adjacency, incidence
from unfrozen.topology.layers import Attention, GraphLayer, check_equivariance

TORUS = SURFACES["torus"][0]


def test_within_a_rank_it_is_the_layer_on_the_graph():
    h = alike(TORUS)
    layer = pyg.GCNConv(4, 3)
    g = dense(TORUS, adjacency(0))
    found = GraphLayer(adjacency(0), layer)(h, TORUS)[0]
    torch.testing.assert_close(found, layer(h[0], g.T.nonzero().T))


def test_between_ranks_it_is_bipartite_attention():
    h = cochains(TORUS)
    relation = incidence(1, 2).T
    theirs = pyg.GATConv((5, 6), 3, heads=2, add_self_loops=False, bias=False)
    ours = Attention(relation, (5, 6), 6, heads=2, generator=seeded())
    with torch.no_grad():
        ours.weight.copy_(theirs.lin_src.weight.T)
        ours.weight_of_target.copy_(theirs.lin_dst.weight.T)
        ours.a_source.copy_(theirs.att_src[0])
        ours.a_target.copy_(theirs.att_dst[0])
    found = GraphLayer(relation, theirs, width_in=(5, 6))(h, TORUS)
    torch.testing.assert_close(found, ours(h, TORUS), rtol=1e-5, atol=1e-6)


def test_signs_are_weights_of_edges():
    h = alike(TORUS)
    relation = incidence(0, 1, signed=True)
    layer = pyg.GraphConv(4, 3, bias=False)
    found = GraphLayer(relation, layer)(h, TORUS)[0]
    expected = layer.lin_rel(dense(TORUS, relation) @ h[1]) + layer.lin_root(h[0])
    torch.testing.assert_close(found, expected)


def test_a_layer_without_bipartite_graphs_sees_the_augmented_one():
    h = alike(TORUS)
    relation = incidence(0, 2)
    layer = pyg.GCNConv(4, 3)
    g = dense(TORUS, relation)
    both = torch.zeros(36, 36)
    both[:12, 12:] = g
    both += torch.eye(36)
    norm = both / (both.sum(1, keepdim=True) * both.sum(1)).sqrt()
    expected = norm @ torch.cat([h[0], h[2]]) @ layer.lin.weight.T
    torch.testing.assert_close(GraphLayer(relation, layer)(h, TORUS)[0], expected[:12])


@pytest.mark.parametrize(
    "layer",
    [
        lambda: pyg.SAGEConv((4, 4), 3, aggr="max"),
        lambda: pyg.GATv2Conv((4, 4), 3, add_self_loops=False),
        lambda: pyg.GCNConv(4, 3),
    ],
)
@pytest.mark.parametrize("relation", [adjacency(0), incidence(0, 1), incidence(1, 2).T], ids=str)
def test_the_order_of_cells_does_not_matter(layer, relation):
    own = GraphLayer(relation, layer())
    assert check_equivariance(own, TORUS, alike(TORUS), seeded()) < 1e-5


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: GraphLayer(adjacency(0), torch.nn.Linear(4, 3)), "no MessagePassing layer"),
        (lambda: GraphLayer(incidence(0, 1), pyg.GATConv(4, 3)), "add_self_loops=False"),
        (lambda: GraphLayer(incidence(0, 1, signed=True), pyg.SAGEConv(4, 3)), "takes no weights"),
        (lambda: GraphLayer(adjacency(0), pyg.GCNConv(4, 3, cached=True)), "cached=False"),
        (lambda: GraphLayer(adjacency(0), pyg.HypergraphConv(4, 3)), "does not take edges"),
        (
            lambda: GraphLayer(incidence(0, 1), pyg.GCNConv(4, 3))(cochains(TORUS), TORUS),
            "takes no bipartite graphs",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, told):
    with pytest.raises(TopologyError, match=told):
        make()


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_geometric.nn", None)
    with pytest.raises(TopologyError, match=r"unfrozen\[topology\]"):
        GraphLayer(adjacency(0), torch.nn.Linear(4, 3))
