"""Graphs of NetworkX, there and back."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch
from tests.topology.complexes import CUBE

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.exchange import Column, Foreign, from_networkx, to_networkx


def random_graph(seed):
    graph = nx.gnm_random_graph(9, 14, seed=seed)
    graph = nx.relabel_nodes(graph, {i: f"node {i}" for i in graph})
    random = np.random.default_rng(seed)
    for node in graph:
        # Multiples of a half are kept in any precision.
        graph.nodes[node]["charge"] = float(random.integers(-9, 9)) / 2
        graph.nodes[node]["place"] = (random.integers(-9, 9, 3) / 2).tolist()
    for edge in graph.edges:
        graph.edges[edge]["weight"] = float(random.integers(1, 9))
    graph.graph["name"] = f"graph {seed}"
    return graph


@pytest.mark.parametrize("seed", range(4))
def test_a_graph_comes_back_with_all_that_it_has(seed):
    graph = random_graph(seed)
    there = from_networkx(graph)
    back = to_networkx(there)
    assert list(back.nodes(data=True)) == list(graph.nodes(data=True))
    assert list(back.edges(data=True)) == list(graph.edges(data=True))
    assert back.graph == graph.graph
    assert there.columns == {0: (Column("charge"), Column("place", 3)), 1: (Column("weight"),)}


@pytest.mark.parametrize("seed", range(4))
def test_matrices_are_those_of_networkx(seed):
    graph = random_graph(seed)
    own = from_networkx(graph).complex
    np.testing.assert_array_equal(
        own.adjacency(0).scipy().toarray(), nx.to_numpy_array(graph, weight=None)
    )
    np.testing.assert_array_equal(
        own.incidence(0, 1, signed=True).scipy().toarray(),
        nx.incidence_matrix(graph, oriented=True).toarray(),
    )


def test_what_a_network_made_of_features_goes_back_under_names():
    there = from_networkx(nx.path_graph(["a", "b"]))
    learnt = replace(there, complex=there.complex.with_features(0, torch.tensor([[1.0], [2.0]])))
    assert to_networkx(learnt).nodes["b"] == {"features": [2.0]}
    named = replace(learnt, columns={0: (Column("score"),)})
    assert to_networkx(named).nodes["b"] == {"score": 2.0}


def test_a_complex_by_itself_goes_by_its_ids():
    graph = to_networkx(CUBE.skeleton(1))
    assert nx.is_isomorphic(graph, nx.hypercube_graph(3))
    alone = to_networkx(Complex({}, n_nodes=2))
    assert list(alone.nodes) == [0, 1]


def test_names_and_words_are_left_out_when_asked():
    club = nx.karate_club_graph()
    with pytest.raises(TopologyError, match=r"'club' of 0 of rank 0, 'Mr. Hi', is no number"):
        from_networkx(club)
    there = from_networkx(club, leave_out=["club"])
    assert (there.complex.n_nodes, there.complex.n_cells(1)) == (34, 78)
    weights = [w for *_, w in club.edges(data="weight")]
    assert there.complex.features[1].flatten().tolist() == weights
    assert there.rest == {"name": "Zachary's Karate Club"}


def loop():
    graph = nx.path_graph(3)
    graph.add_edge(1, 1)
    return graph


def with_attribute(values, on=0):
    graph = nx.path_graph(3)
    nx.set_node_attributes(graph, dict(enumerate(values)), "x")
    return graph


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (nx.DiGraph([(0, 1)]), "have no direction"),
        (nx.MultiGraph([(0, 1), (0, 1)]), "parallel ones are the same"),
        (loop(), r"1 are loops, as \(1, 1\)"),
        (nx.Graph(), "at least one node"),
        (with_attribute([1.0, 2.0]), "'x' is not there at 2 of rank 0, and is at others"),
        (with_attribute([1.0, None, 2.0]), "'x' of 1 of rank 0, None, is no number"),
        (with_attribute([[1.0], [2.0, 3.0], [1.0]]), "'x' of cells of rank 0 has rows of several"),
        (with_attribute([[[1.0]]] * 3), "is no number or row"),
        (with_attribute([[]] * 3), "is no number or row"),
        (with_attribute([1j] * 3), "is no number or row"),
        (with_attribute([2**24 + 1] * 3), "does not fit torch.float32: pass a wider"),
        (with_attribute([1e300] * 3), "does not fit torch.float32"),
    ],
)
def test_what_cannot_be_kept_is_refused(graph, said):
    with pytest.raises(TopologyError, match=said):
        from_networkx(graph)


def test_wider_numbers_are_kept_in_a_wider_precision():
    there = from_networkx(with_attribute([2**24 + 1, 0.1, 1e300]), dtype=torch.float64)
    assert there.complex.features[0].flatten().tolist() == [2**24 + 1, 0.1, 1e300]


def test_numbers_of_any_kind_are_numbers():
    values = [np.float32(1.5), torch.tensor(2.0), True]
    assert from_networkx(with_attribute(values)).complex.features[0].flatten().tolist() == [
        1.5, 2.0, 1.0,
    ]  # fmt: skip


@pytest.mark.parametrize("cells", [CUBE, Complex({1: [[0, 1, 2]]})])
def test_a_complex_that_is_no_graph_is_refused(cells):
    with pytest.raises(TopologyError, match="is no graph"):
        to_networkx(cells)


@pytest.mark.parametrize(
    ("labels", "columns", "said"),
    [
        ({0: "aab"}, {}, "2 different labels do not name 3 cells"),
        ({0: "abcd"}, {}, "4 different labels do not name 3 cells"),
        ({}, {0: (Column("x", 2), Column("y"))}, r"2 features of rank 0 are not those of its col"),
    ],
)
def test_names_that_do_not_fit_are_refused(labels, columns, said):
    path = Complex({1: [[0, 1], [1, 2]]}, features={0: torch.ones(3, 2)})
    with pytest.raises(TopologyError, match=said):
        to_networkx(Foreign(path, labels, columns))
