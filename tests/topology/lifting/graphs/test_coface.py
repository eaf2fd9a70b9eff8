"""Unions of neighbouring cells against Python's sets."""

import networkx as nx
from hypothesis import given
from tests.topology.lifting.drawn import complex_of, featured, random_graphs, rows, sets

from unfrozen.topology.lifting import cliques, cofaces, rings


def _by_force(lifted, rank):
    faces = [set(row) for row in rows(lifted.cells(rank))]
    edges = [set(row) for row in rows(lifted.cells(rank - 1))]
    unions = {
        frozenset().union(
            face, *(other for other in faces if any(e < face and e < other for e in edges))
        )
        for face in faces
    }
    return unions - {frozenset(face) for face in faces}


@given(drawn=random_graphs())
def test_unions_of_rings_are_those_of_brute_force(drawn):
    lifted = rings(complex_of(drawn), 5)
    assert sets(cofaces(lifted).cells(3)) == _by_force(lifted, 2)


def test_cells_of_other_ranks_are_united_too():
    lifted = cliques(complex_of(nx.gnp_random_graph(12, 0.7, seed=0)), 3)
    assert sets(cofaces(lifted, 3).cells(4)) == _by_force(lifted, 3)


def test_a_cell_with_none_beside_it_is_not_there_twice():
    alone = rings(featured(nx.cycle_graph(5)), features="sum")
    assert cofaces(alone).ranks == (0, 1, 2)
    assert cofaces(complex_of(nx.path_graph(3))).ranks == (0, 1)
    strip = nx.path_graph(4)
    strip.add_edges_from([(0, 2), (1, 3)])
    found = cofaces(cliques(featured(strip)), features="sum")
    assert found.features[3].tolist() == [[12, 16]]
