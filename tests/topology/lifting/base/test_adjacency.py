"""Neighbours against networkx."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from tests.topology.lifting.drawn import adjacency_of, complex_of, random_graphs

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import Adjacency


@given(drawn=random_graphs())
def test_neighbours_and_edges_are_those_of_networkx(drawn):
    found = adjacency_of(drawn)
    assert len(found) == len(drawn)
    assert found.degrees.tolist() == [drawn.degree[v] for v in drawn]
    assert found.edges.tolist() == sorted(sorted(edge) for edge in drawn.edges)
    asked = np.array([0, 0, len(drawn) - 1])
    owners, nodes = found.around(asked)
    there = [(i, w) for i, v in enumerate(asked.tolist()) for w in sorted(drawn[v])]
    assert list(zip(owners.tolist(), nodes.tolist(), strict=True)) == there


def test_an_edge_of_more_nodes_is_refused():
    with pytest.raises(TopologyError, match="cell 2 of rank 1 has 3"):
        Adjacency.of(complex_of(nx.path_graph(3)).with_cells(1, [[0, 1, 2]]))
