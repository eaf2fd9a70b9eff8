"""Rings against networkx, brute force, counts in closed form, and homology."""

import itertools
import math

import networkx as nx
import numpy as np
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

from unfrozen.data.graphs import graphs
from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import Adjacency, graph, induced_cycles, lift_all, rings
from unfrozen.topology.lifting.graphs import ring as module
from unfrozen.topology.tasks.strongly_regular import strongly_regular


def _chordless(graph_, longest):
    return {frozenset(cycle) for cycle in nx.chordless_cycles(graph_, length_bound=longest)}


def _by_force(graph_, longest):
    """Sets of nodes whose induced graph is connected and has two neighbours for each."""
    found = set()
    for size in range(3, longest + 1):
        for nodes in itertools.combinations(graph_, size):
            part = graph_.subgraph(nodes)
            if all(d == 2 for _, d in part.degree) and nx.is_connected(part):
                found.add(frozenset(nodes))
    return found


@pytest.mark.parametrize("few", [0, 256])
@given(drawn=random_graphs(), longest=st.integers(3, 9))
def test_rings_are_those_of_brute_force(few, drawn, longest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", few)
        found = induced_cycles(adjacency_of(drawn), longest)
    assert sets(found) == _by_force(drawn, longest)


@pytest.mark.parametrize("few", [0, 256])
@pytest.mark.parametrize("longest", [3, 4, 5, 6, 7, 8, 11, 30])
def test_rings_of_larger_graphs_are_those_of_networkx(few, longest, monkeypatch):
    monkeypatch.setattr(module, "_FEW", few)
    for drawn in (
        nx.gnp_random_graph(30, 0.15, seed=longest),
        nx.barabasi_albert_graph(24, 2, seed=longest),
        nx.random_regular_graph(3, 24, seed=longest),
    ):
        assert sets(induced_cycles(adjacency_of(drawn), longest)) == _chordless(drawn, longest)


def test_rings_of_every_graph_of_up_to_six_nodes_are_those_of_networkx():
    every = [drawn for drawn in nx.graph_atlas_g() if 0 < len(drawn) <= 6]
    assert len(every) == 1 + 2 + 4 + 11 + 34 + 156
    for drawn in every:
        assert sets(induced_cycles(adjacency_of(drawn), 6)) == _chordless(drawn, 6)


def test_trees_and_what_hangs_on_rings_are_no_trouble():
    far = np.arange(1, 20_000)
    for others in (np.zeros_like(far), far - 1):
        long = Adjacency.from_edges(np.stack([others, far], 1), 20_000)
        assert len(induced_cycles(long, 6)) == 0
    # A pan, with a tree on its handle.
    hung = nx.compose(nx.cycle_graph(5), nx.path_graph(range(4, 9)))
    hung.add_edges_from([(8, 9), (8, 10), (20, 21)])
    hung = nx.convert_node_labels_to_integers(hung)
    assert rows(induced_cycles(adjacency_of(hung), 6)) == [[0, 1, 2, 3, 4]]


@given(drawn=random_graphs(most=8, least=3))
def test_a_ring_goes_round_from_its_lowest_node_to_the_lower_beside_it(drawn):
    found = rows(induced_cycles(adjacency_of(drawn), 8))
    assert found == sorted(found, key=lambda ring: (len(ring), ring))
    for ring in found:
        assert all(drawn.has_edge(a, b) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))
        assert ring[0] == min(ring)
        assert ring[1] < ring[-1]


@given(drawn=random_graphs(), seed=st.integers(0, 99))
def test_rings_do_not_depend_on_how_nodes_are_numbered(drawn, seed):
    place = np.random.default_rng(seed).permutation(len(drawn))
    other = nx.empty_graph(len(drawn))
    other.add_edges_from((int(place[a]), int(place[b])) for a, b in drawn.edges)
    there = {
        frozenset(int(place[v]) for v in c) for c in sets(induced_cycles(adjacency_of(drawn), 9))
    }
    assert sets(induced_cycles(adjacency_of(other), 9)) == there


@pytest.mark.parametrize("family", ["sr16622", "sr251256", "sr261034", "sr281264"])
def test_rings_of_strongly_regular_graphs_are_those_of_networkx(family):
    given_ = strongly_regular(family)
    for one in (given_[0], given_[-1]):
        drawn = nx.Graph(one.cells(1).members.reshape(-1, 2).tolist())
        assert sets(rings(one, 6).cells(2)) == _chordless(drawn, 6)


def test_counts_in_closed_form():
    petersen = induced_cycles(adjacency_of(nx.petersen_graph()), 6)
    assert np.bincount(petersen.sizes).tolist() == [0, 0, 0, 0, 0, 12, 10]
    # Of a rook's graph: two rows by two columns, and three nodes of a row or column.
    rook = nx.convert_node_labels_to_integers(nx.line_graph(nx.complete_bipartite_graph(4, 5)))
    found = np.bincount(induced_cycles(adjacency_of(rook), 4).sizes)
    assert found[4] == math.comb(4, 2) * math.comb(5, 2)
    assert found[3] == 4 * math.comb(5, 3) + 5 * math.comb(4, 3)
    lattice = nx.convert_node_labels_to_integers(nx.hexagonal_lattice_graph(12, 12))
    assert len(induced_cycles(adjacency_of(lattice), 6)) == 144
    for size in (9, 10):
        assert len(induced_cycles(adjacency_of(nx.cycle_graph(10)), size)) == (size == 10)


@pytest.mark.parametrize("longest", [6, 18])
def test_rings_of_molecules_are_those_of_networkx_one_by_one_and_together(longest):
    given_ = graphs("MUTAG")
    molecules = [
        graph(edges, nodes=nodes)
        for nodes, edges in zip(given_.nodes[:40], given_.edges[:40], strict=True)
    ]
    together = lift_all("rings", molecules, longest=longest, features="sum")
    for one, lifted in zip(molecules, together, strict=True):
        drawn = nx.Graph(one.cells(1).members.reshape(-1, 2).tolist())
        assert sets(lifted.cells(2)) == _chordless(drawn, longest)
        alone = rings(one, longest, features="sum")
        assert rows(lifted.cells(2)) == rows(alone.cells(2))
        assert lifted.features[2].equal(alone.features[2])


def test_rings_bound_faces_and_close_holes():
    # A grid of squares: the disc that they fill has no hole.
    lifted = rings(complex_of(nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 5))), 4)
    edges, faces = (lifted.incidence(low, low + 1, signed=True).scipy().toarray() for low in (0, 1))
    assert faces.shape == (31, 12)
    assert (edges @ faces == 0).all()
    assert 31 - np.linalg.matrix_rank(edges) - np.linalg.matrix_rank(faces) == 0


def test_features_and_what_there_was_stay():
    square = featured(nx.cycle_graph(4))
    lifted = rings(square, features="mean")
    assert lifted.features[2].tolist() == [[3.0, 4.0]]
    assert lifted.features[0] is square.features[0]
    assert rows(lifted.cells(1)) == rows(square.cells(1))
    # What is a cell already is not added again.
    assert rings(lifted).n_cells(2) == 1
    assert rings(complex_of(nx.path_graph(3))).ranks == (0, 1)
    assert rings(complex_of(nx.empty_graph(3))).ranks == (0,)


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="3 nodes or more"):
        rings(complex_of(nx.cycle_graph(4)), 2)
    # One node is in all of these rings: they are not all found before they are counted.
    with pytest.raises(TopologyError, match="more than 100 rings"):
        rings(complex_of(nx.complete_bipartite_graph(2, 200)), 4, most=100)
    assert rings(complex_of(nx.complete_bipartite_graph(2, 5)), 4, most=10).n_cells(2) == 10
    hyperedge = complex_of(nx.cycle_graph(4)).with_cells(1, [[0, 1, 2]])
    with pytest.raises(TopologyError, match="cell 4 of rank 1 has 3"):
        rings(hyperedge)
    with pytest.raises(TopologyError, match="have none"):
        rings(complex_of(nx.cycle_graph(4)), features="sum")
