"""Mean geodesic distances against networkx and closed forms, and the error of landmarks."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from tests.draws import normal
from tests.topology.lifting.drawn import complex_of, featured, random_graphs

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import average_geodesic
from unfrozen.topology.lifting.graphs import geodesics


def _by_networkx(graph_, weight=None):
    ways = dict(nx.all_pairs_dijkstra_path_length(graph_, weight=weight))
    return [sum(ways[v].values()) / len(ways[v]) for v in range(len(graph_))]


@given(drawn=random_graphs())
def test_means_are_those_of_networkx(drawn):
    found = average_geodesic(complex_of(drawn))
    np.testing.assert_allclose(found.numpy(), _by_networkx(drawn, weight="none"), rtol=1e-6)


def test_edges_may_have_lengths():
    drawn = nx.gnp_random_graph(30, 0.2, seed=3)
    lengths = normal(0, drawn.number_of_edges()).abs() + 0.1
    nx.set_edge_attributes(drawn, dict(zip(drawn.edges, lengths.tolist(), strict=True)), "long")
    found = average_geodesic(complex_of(drawn), lengths)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), _by_networkx(drawn, weight="long"), rtol=1e-12)


def test_a_cycle_is_alike_everywhere(monkeypatch):
    monkeypatch.setattr(geodesics, "_AT_ONCE", 50)
    found = average_geodesic(featured(nx.cycle_graph(20), dtype=torch.float64))
    assert found.dtype == torch.float64
    assert found.tolist() == [5.0] * 20


def test_landmarks_come_near_and_are_drawn_by_a_seed():
    # Two parts; one of them so small that its share would be less than a node.
    drawn = nx.disjoint_union(nx.grid_2d_graph(20, 20), nx.path_graph(3))
    given_ = complex_of(nx.convert_node_labels_to_integers(drawn))
    exact = average_geodesic(given_)
    near = average_geodesic(given_, landmarks=100, seed=1)
    # Distances on the grid spread by 5 to 9 about their mean, and a tenth of that is the error.
    assert ((near - exact)[:400].abs() < 3).all()
    assert (near - exact)[:400].abs().mean() < 1
    assert torch.isfinite(near).all()
    assert near.equal(average_geodesic(given_, landmarks=100, seed=1))
    assert not near.equal(average_geodesic(given_, landmarks=100, seed=2))
    assert exact.equal(average_geodesic(given_, landmarks=1000))


def test_large_graphs_take_landmarks(monkeypatch):
    monkeypatch.setattr(geodesics, "_EXACT", 99)
    monkeypatch.setattr(geodesics, "_LANDMARKS", 25)
    given_ = complex_of(nx.path_graph(100))
    assert average_geodesic(given_).equal(average_geodesic(given_, landmarks=25))


def test_what_cannot_be_is_refused():
    path = complex_of(nx.path_graph(3))
    for lengths in (torch.ones(3), torch.tensor([1.0, 0.0]), torch.tensor([1.0, torch.inf])):
        with pytest.raises(TopologyError, match="positive length"):
            average_geodesic(path, lengths)
    with pytest.raises(TopologyError, match="one landmark or more"):
        average_geodesic(path, landmarks=0)
