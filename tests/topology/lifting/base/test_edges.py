"""Graphs as complexes: edges once, whatever they are made from, and their features."""

import networkx as nx
import pytest
import torch
from tests.draws import normal32
from tests.topology.lifting.drawn import rows

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import from_networkx, graph

BOTH_WAYS = torch.tensor([[2, 0, 1, 0, 1], [1, 1, 2, 2, 0]])


def test_an_edge_is_there_once_in_its_first_direction():
    made = graph(BOTH_WAYS, nodes=torch.eye(4))
    assert rows(made.cells(1)) == [[2, 1], [0, 1], [0, 2]]
    assert made.n_nodes == 4
    assert made.features[0].equal(torch.eye(4))
    assert graph(torch.zeros(2, 0, dtype=torch.int64), 3).ranks == (0,)
    assert graph(BOTH_WAYS.int()).n_nodes == 3


def test_features_given_both_ways_are_those_of_the_edge():
    alike = torch.tensor([[1.0], [2.0], [1.0], [3.0], [2.0]])
    for same_edge in ("refuse", "first", "sum", "mean"):
        made = graph(BOTH_WAYS, features=alike, same_edge=same_edge)
        assert made.features[1].tolist() == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("same_edge", "there"), [("first", [1, 2, 3]), ("sum", [1 + 5, 2 + 4, 3]), ("mean", [3, 3, 3])]
)
def test_features_that_differ_are_made_one_as_asked(same_edge, there):
    differ = torch.tensor([[1.0], [2.0], [5.0], [3.0], [4.0]])
    made = graph(BOTH_WAYS, features=differ, same_edge=same_edge)
    assert made.features[1].flatten().tolist() == there
    with pytest.raises(TopologyError, match=r"\[1, 2\] is given several times"):
        graph(BOTH_WAYS, features=differ)


def test_gradients_reach_features_of_edges():
    given = normal32(0, 5, 2).requires_grad_()
    graph(BOTH_WAYS, features=given, same_edge="sum").features[1].sum().backward()
    assert given.grad.equal(torch.ones(5, 2))


def test_graphs_of_networkx_keep_their_order_and_attributes():
    given = nx.Graph()
    given.add_node("b", x=1.0)
    given.add_node("a", x=2.0)
    given.add_node("c", x=3.0)
    given.add_edge("c", "b", w=[1, 2])
    made = from_networkx(given, nodes="x", features="w")
    assert rows(made.cells(1)) == [[0, 2]]
    assert made.features[0].tolist() == [[1.0], [2.0], [3.0]]
    assert made.features[1].tolist() == [[1.0, 2.0]]
    assert from_networkx(nx.DiGraph([(1, 2), (2, 1)])).n_cells(1) == 1
    parallel = nx.MultiGraph([(0, 1, {"w": 1.0}), (0, 1, {"w": 3.0})])
    assert from_networkx(parallel, features="w", same_edge="mean").features[1].tolist() == [[2.0]]


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="edge 1 goes from node 2 to itself"):
        graph(torch.tensor([[0, 2], [1, 2]]))
    with pytest.raises(TopologyError, match="4 rows of features for 5 edges"):
        graph(BOTH_WAYS, features=torch.ones(4, 1))
    with pytest.raises(TopologyError, match="nodes are 0 to 1"):
        graph(BOTH_WAYS, 2)
    lacking = nx.path_graph(3)
    lacking.nodes[0]["x"] = 1.0
    with pytest.raises(TopologyError, match="node 1 has no 'x'"):
        from_networkx(lacking, nodes="x")
    with pytest.raises(TopologyError, match="are not numbers"):
        from_networkx(nx.Graph([(0, 1, {"w": "heavy"})]), features="w")
