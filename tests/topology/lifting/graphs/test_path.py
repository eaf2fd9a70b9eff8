"""Paths against all orders of all nodes."""

import itertools
import math

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.lifting.drawn import (
    adjacency_of,
    complex_of,
    featured,
    random_graphs,
    rows,
    sets,
)

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import paths, simple_paths
from unfrozen.topology.lifting.graphs.path import _numbers


def _by_force(graph_, length):
    return [
        list(nodes)
        for nodes in itertools.permutations(range(len(graph_)), length + 1)
        if nodes[0] < nodes[-1] and all(graph_.has_edge(a, b) for a, b in itertools.pairwise(nodes))
    ]


@given(drawn=random_graphs(most=6), length=st.integers(2, 4))
def test_paths_are_those_of_brute_force(drawn, length):
    found = simple_paths(adjacency_of(drawn), length)
    assert found.tolist() == _by_force(drawn, length)
    lifted = paths(complex_of(drawn), length)
    assert sets(lifted.cells(2)) == {frozenset(path) for path in _by_force(drawn, length)}


def test_paths_of_the_same_nodes_are_the_first_of_them():
    lifted = paths(featured(nx.cycle_graph(4)), 3, features="sum")
    assert rows(lifted.cells(2)) == [[0, 1, 2, 3]]
    assert lifted.features[2].tolist() == [[12, 16]]
    assert paths(complex_of(nx.complete_graph(6)), 3).n_cells(2) == math.comb(6, 4)


def test_rows_too_long_for_one_number_are_told_apart_too():
    ends = simple_paths(adjacency_of(nx.path_graph(40)), 14)
    assert _numbers(ends, 40).ndim == 2
    assert paths(complex_of(nx.path_graph(40)), 14).n_cells(2) == 26


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="two edges or more"):
        paths(complex_of(nx.path_graph(4)), 1)
    with pytest.raises(TopologyError, match="more than 50 paths"):
        paths(complex_of(nx.complete_graph(9)), most=50)
