"""Cliques against networkx, binomials and the homology of known shapes."""

import itertools
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from tests.topology.lifting.drawn import (
    adjacency_of,
    complex_of,
    featured,
    random_graphs,
    rows,
    sets,
)

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import cliques, simplices
from unfrozen.topology.lifting.graphs import clique as module


def _all(graph_):
    found = {}
    for clique in nx.enumerate_all_cliques(graph_):
        found.setdefault(len(clique) - 1, set()).add(frozenset(clique))
    return found


@pytest.mark.parametrize(("table", "at_once"), [(4096, 2_000_000), (0, 3)])
@given(drawn=random_graphs())
def test_cliques_are_those_of_networkx(table, at_once, drawn):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TABLE", table)
        patch.setattr(module, "_AT_ONCE", at_once)
        lifted = cliques(complex_of(drawn), 8)
    there = _all(drawn)
    assert {rank: sets(lifted.cells(rank)) for rank in lifted.ranks} == there


def test_cliques_of_a_larger_graph_are_those_of_networkx():
    drawn = nx.gnp_random_graph(70, 0.3, seed=1)
    lifted = cliques(complex_of(drawn), 3)
    there = _all(drawn)
    for rank in (2, 3):
        assert sets(lifted.cells(rank)) == there[rank]


def test_simplices_ascend_and_all_their_faces_are_there():
    lifted = cliques(complex_of(nx.complete_graph(7)), 6)
    for rank in range(2, 7):
        assert rows(lifted.cells(rank)) == [
            list(nodes) for nodes in itertools.combinations(range(7), rank + 1)
        ]
        assert lifted.n_cells(rank) == math.comb(7, rank + 1)
        below = lifted.incidence(rank - 2, rank - 1, signed=True).scipy()
        boundary = lifted.incidence(rank - 1, rank, signed=True).scipy()
        assert not (below @ boundary).toarray().any()


def test_the_octahedron_is_a_sphere():
    lifted = cliques(complex_of(nx.octahedral_graph()), 3)
    assert [lifted.n_cells(rank) for rank in range(4)] == [6, 12, 8, 0]


def test_a_node_with_very_many_neighbours_is_no_trouble():
    star = nx.star_graph(3000)
    star.add_edge(1, 2)
    found = simplices(adjacency_of(star), 3)
    assert found[0].tolist() == [[0, 1, 2]]
    assert found[1].shape == (0, 4)


def test_simplices_get_features_and_those_there_are_skipped():
    lifted = cliques(featured(nx.complete_graph(4)), 3, features="sum")
    assert lifted.features[2][0].tolist() == [0 + 2 + 4, 1 + 3 + 5]
    assert lifted.features[3].tolist() == [[12, 16]]
    assert cliques(lifted, 3).n_cells(3) == 1


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="rank 2"):
        cliques(complex_of(nx.complete_graph(4)), 1)
    with pytest.raises(TopologyError, match="more than 9 cliques of 3"):
        cliques(complex_of(nx.complete_graph(5)), most=9)
    assert np.shape(simplices(adjacency_of(nx.complete_graph(5)), 2, most=10)[0]) == (10, 3)
