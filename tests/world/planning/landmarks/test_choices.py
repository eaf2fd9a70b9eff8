"""Tree search over a map finds the ways of Dijkstra's algorithm."""

import networkx as nx
import pytest
import torch
from tests.world.planning.landmarks.places import edge_id, grid, mapped

from unfrozen.world.planning.landmarks import Belief, block_edges, choices
from unfrozen.world.planning.trees import PuctSettings, puct


def test_the_shortest_way_is_found():
    graph, places, number = grid(3, 3, closed=[((0, 1), (1, 1))])
    made = mapped(graph, places)
    belief = Belief(half_life=100.0)
    shut = (number[1, 0], number[2, 0])
    made = block_edges(made, torch.tensor([edge_id(made, *shut)]), time=0.0, belief=belief)
    graph.remove_edge(*shut)
    starts, goals = torch.tensor([0, 1, 6, 3]), torch.tensor([8, 4, 0, 7])
    root, recurrent, leads = choices(made, starts, goals, now=0.0, belief=belief)
    found = puct(root, recurrent, PuctSettings(simulations=250, depth=6, backup="max"))
    for row, (start, goal) in enumerate(zip(starts.tolist(), goals.tolist(), strict=True)):
        expected = nx.shortest_path_length(graph, start, goal)
        assert float(found.value[row]) == pytest.approx(-expected)
        first = int(leads[start, found.action[row]])
        assert nx.shortest_path_length(graph, first, goal) == expected - 1
