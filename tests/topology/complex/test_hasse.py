"""Graphs of cells against sets, networkx and TopoNetX."""

import networkx as nx
import pytest
import torch
from hypothesis import given
from tests.draws import normal32
from tests.topology.complex.matrices.test_matrices import all_relations
from tests.topology.complexes import CUBE, PROJECTIVE, by_definition, complexes, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, adjacency, coadjacency, incidence, laplacian
from unfrozen.topology.complex.hasse import augmented_hasse_graph, hasse_graph


def vertices(complex_):
    return [(rank, cell) for rank in complex_.ranks for cell in sets(complex_, rank)]


@given(complexes(n_nodes=5, most=6))
def test_edges_are_those_of_the_definition(drawn):
    graph = hasse_graph(drawn)
    own = vertices(drawn)
    assert len(graph) == len(own)
    assert graph.ranks.tolist() == [rank for rank, _ in own]
    expected = {
        (i, j)
        for i, (low, x) in enumerate(own)
        for j, (high, y) in enumerate(own)
        if high == low + 1 and x < y
    }
    edges = [tuple(edge) for edge in graph.edges.T.tolist()]
    assert len(edges) == len(expected)
    assert set(edges) == expected


@given(complexes(n_nodes=5, most=6))
def test_every_relation_has_its_edges_under_its_number(drawn):
    relations = all_relations(drawn.ranks)
    graph = augmented_hasse_graph(drawn, relations, plain=False)
    assert graph.relations == tuple(relations)
    for number, relation in enumerate(relations):
        dense = torch.zeros(drawn.n_cells(relation.target), drawn.n_cells(relation.source))
        source, target = graph.edges[:, graph.kinds == number]
        source, target = (
            source - graph.offsets[relation.source], target - graph.offsets[relation.target],
        )  # fmt: skip
        dense[target, source] += 1
        assert torch.equal(dense, torch.from_numpy(by_definition(drawn, relation)))


def test_the_graph_of_a_simplicial_complex_is_that_of_toponetx():
    import toponetx

    reference = toponetx.SimplicialComplex(
        [sorted(PROJECTIVE.cells(2)[i].tolist()) for i in range(10)]
    ).to_hasse_graph()
    graph, own = hasse_graph(PROJECTIVE), vertices(PROJECTIVE)
    ours = {(own[i][1], own[j][1]) for i, j in graph.edges.T.tolist()}
    assert ours == {(frozenset(a), frozenset(b)) for a, b in reference.edges}
    assert len(graph) == reference.number_of_nodes()


def test_the_graph_of_a_complex_without_gaps_is_the_reduced_order_of_its_cells():
    order = nx.DiGraph()
    own = [cell for _, cell in vertices(CUBE)]
    order.add_nodes_from(own)
    order.add_edges_from((x, y) for x in own for y in own if x < y)
    reduced = nx.transitive_reduction(order)
    graph = hasse_graph(CUBE)
    assert {(own[i], own[j]) for i, j in graph.edges.T.tolist()} == set(reduced.edges)


def test_chosen_relations_come_after_the_plain_ones():
    graph = augmented_hasse_graph(CUBE, [adjacency(0), coadjacency(2, via=0)])
    assert [str(r) for r in graph.relations] == ["B(0,1)ᵀ", "B(1,2)ᵀ", "A(0 by 1)", "coA(2 by 0)"]
    assert torch.bincount(graph.kinds).tolist() == [24, 24, 24, 24]


def test_sums_on_the_graph_are_those_of_the_complex():
    relations = [adjacency(0), incidence(0, 2), incidence(0, 2).T, coadjacency(2, via=0)]
    graph = augmented_hasse_graph(CUBE, relations, plain=False)
    cochains = {rank: normal32(rank, CUBE.n_cells(rank), 3) for rank in CUBE.ranks}
    rows = graph.join(cochains)
    source, target = graph.edges
    heard = graph.split(torch.zeros_like(rows).index_add_(0, target, rows[source]))
    expected = {rank: torch.zeros_like(x) for rank, x in cochains.items()}
    for relation in relations:
        expected[relation.target] += CUBE.neighbourhood(relation) @ cochains[relation.source]
    for rank in CUBE.ranks:
        torch.testing.assert_close(heard[rank], expected[rank])


def test_nodes_alone_have_a_graph_without_edges():
    graph = hasse_graph(Complex({}, n_nodes=3))
    assert graph.edges.shape == (2, 0)
    assert graph.relations == ()
    assert len(graph) == 3


def test_ranks_with_gaps_have_no_edges_across():
    assert hasse_graph(Complex({2: [[0, 1]]})).edges.shape == (2, 0)


@pytest.mark.parametrize("relations", [[adjacency(0), adjacency(0)], [incidence(0, 1).T]])
def test_a_relation_given_twice_is_refused(relations):
    with pytest.raises(TopologyError, match="there twice"):
        augmented_hasse_graph(CUBE, relations)


@pytest.mark.parametrize("relation", [laplacian(1), incidence(0, 1, signed=True)])
def test_signs_that_would_be_lost_are_refused(relation):
    with pytest.raises(TopologyError, match="have no signs"):
        augmented_hasse_graph(CUBE, [relation])


def test_cochains_that_do_not_fit_are_refused():
    graph = hasse_graph(CUBE)
    rows = {0: torch.ones(8, 2), 1: torch.ones(12, 2), 2: torch.ones(6, 2)}
    with pytest.raises(TopologyError, match="rank 1 has 12 rows, not 3"):
        graph.join({**rows, 1: torch.ones(3, 2)})
    with pytest.raises(TopologyError, match="rank 2 has 6 rows, not 0"):
        graph.join({0: rows[0], 1: rows[1]})
    with pytest.raises(TopologyError, match=r"one width to be joined, not \[2, 3, 2\]"):
        graph.join({**rows, 1: torch.ones(12, 3)})
    with pytest.raises(TopologyError, match="9 rows are not one for each of 26"):
        graph.split(torch.ones(9, 2))
