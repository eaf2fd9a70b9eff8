"""Families of graphs against their definitions, networkx's isomorphism and known constructions."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from networkx.algorithms.isomorphism import vf2pp_is_isomorphic
from tests.topology.tasks.graphs import network

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.strongly_regular import (
    FAMILIES,
    SKIPS,
    circular_skip_links,
    skip_links,
    strongly_regular,
)


def _matrix(complex_):
    return nx.to_numpy_array(network(complex_), dtype=int)


def _cycles_at(matrix):
    """For each node, closed walks among its neighbours and among the others, sorted."""
    found = []
    for node in range(len(matrix)):
        for part in (matrix[node] == 1, (matrix[node] == 0) & (np.arange(len(matrix)) != node)):
            inside = matrix[np.ix_(part, part)]
            walks = [np.diag(np.linalg.matrix_power(inside, k)) for k in (3, 4, 5)]
            found.append(tuple(map(tuple, np.sort(walks, axis=1))))
    return sorted(found)


def _same(a, b):
    """Isomorphic, by an invariant first, as searching takes long where graphs are regular."""
    if _cycles_at(_matrix(a)) != _cycles_at(_matrix(b)):
        return False
    return vf2pp_is_isomorphic(network(a), network(b))


@pytest.mark.parametrize("name", FAMILIES)
def test_graphs_have_the_parameters_of_their_family(name):
    family = FAMILIES[name]
    found = strongly_regular(name)
    assert len(found) == family.graphs
    one = np.eye(family.nodes, dtype=int)
    for graph in found:
        a = _matrix(graph)
        square = family.degree * one + family.adjacent * a + family.others * (1 - one - a)
        np.testing.assert_array_equal(a @ a, square)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_two_graphs_of_a_family_are_the_same(name):
    invariants = [_cycles_at(_matrix(graph)) for graph in strongly_regular(name)]
    assert all(a != b for a, b in combinations(invariants, 2))


def test_pairs_are_as_many_as_published():
    assert sum(family.pairs for family in FAMILIES.values()) == 157


def _rook():
    return nx.line_graph(nx.complete_bipartite_graph(4, 4))


def _shrikhande():
    graph = nx.Graph()
    for i in range(4):
        for j in range(4):
            for a, b in ((0, 1), (1, 0), (1, 1)):
                graph.add_edge((i, j), ((i + a) % 4, (j + b) % 4))
    return graph


def _triangular():
    return nx.line_graph(nx.complete_graph(8))


def _paley():
    """Squares of the field of 25, as pairs over those of 5 with a root of 2."""
    elements = [(a, b) for a in range(5) for b in range(5)]
    squares = {((a * a + 2 * b * b) % 5, 2 * a * b % 5) for a, b in elements} - {(0, 0)}
    graph = nx.Graph()
    for x, y in combinations(elements, 2):
        if ((x[0] - y[0]) % 5, (x[1] - y[1]) % 5) in squares:
            graph.add_edge(x, y)
    return graph


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("sr16622", _rook),
        ("sr16622", _shrikhande),
        ("sr281264", _triangular),
        ("sr251256", _paley),
    ],
)
def test_known_graphs_are_in_their_family(name, known):
    graphs = [network(graph) for graph in strongly_regular(name)]
    target = nx.convert_node_labels_to_integers(known())
    invariant = _cycles_at(nx.to_numpy_array(target, dtype=int))
    alike = [g for g in graphs if _cycles_at(nx.to_numpy_array(g, dtype=int)) == invariant]
    assert len(alike) == 1
    assert vf2pp_is_isomorphic(alike[0], target)


def test_graphs_are_those_that_switching_makes_of_one_another():
    """Isolating a node of one of 26 by Seidel switching leaves one of 25, and reaches all."""
    small = {str(_cycles_at(_matrix(graph))) for graph in strongly_regular("sr251256")}
    reached = set()
    for graph in strongly_regular("sr261034"):
        a = _matrix(graph)
        for node in range(26):
            side = a[node]
            switched = a ^ (side[:, None] ^ side[None, :])
            left = np.delete(np.delete(switched, node, 0), node, 1)
            reached.add(str(_cycles_at(left)))
    assert reached == small


def test_a_family_that_is_not_there_is_refused():
    with pytest.raises(TopologyError, match="no family 'sr9421' of graphs: there are sr16622"):
        strongly_regular("sr9421")


def test_skip_links_are_circulants():
    found = circular_skip_links(11, 3)
    assert nx.is_isomorphic(network(found), nx.circulant_graph(11, [1, 3]))
    for skip in (1, 6):
        with pytest.raises(TopologyError, match="links skip from 2 to less than half"):
            circular_skip_links(11, skip)


def test_the_benchmark_of_skip_links():
    found = skip_links(copies=2, seed=3)
    assert len(found) == 20
    assert found.n_classes == len(SKIPS)
    for i, graph in enumerate(found.complexes):
        skip = SKIPS[int(found.classes[i])]
        assert vf2pp_is_isomorphic(network(graph), nx.circulant_graph(41, [1, skip]))
    again, other = skip_links(copies=2, seed=3), skip_links(copies=2, seed=4)
    edges = [c.complexes[0].cells(1).members.tolist() for c in (found, again, other)]
    assert edges[0] == edges[1] != edges[2]
