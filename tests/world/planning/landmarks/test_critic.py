"""The critic of a map, against networkx, and what it rests on."""

import networkx as nx
import pytest
import torch
from tests.world.planning.landmarks.places import F64, grid, mapped, random_graph

from unfrozen.errors import WorldError
from unfrozen.world.costs import Critic, Explains, TotalCost
from unfrozen.world.planning.landmarks import empty_graph, graph_critic


def test_far_away_it_is_the_way_and_near_the_distance():
    # A wall with a way round it at the top.
    graph, places, number = grid(5, 5, closed=[((1, y), (2, y)) for y in range(4)])
    goal = torch.tensor([[2.2, 0.1]], dtype=F64)
    critic = graph_critic(mapped(graph, places), goal, now=0.0, neighbours=1)
    states = torch.randn(1, 60, 2, generator=torch.Generator().manual_seed(0), dtype=F64) * 2 + 2
    found = critic(states)[0]
    last = float((places[number[2, 0]] - goal[0]).norm())
    for t in range(60):
        far = (places - states[0, t]).norm(dim=1)
        at = int(far.argmin())
        hops = nx.shortest_path_length(graph, at, number[2, 0])
        direct = float((states[0, t] - goal[0]).norm())
        expected = direct if hops <= 1 else float(far[at]) + hops + last
        assert float(found[t]) == pytest.approx(expected)
    # Just behind the wall it is near, and far to go.
    behind = critic(torch.tensor([[[1.0, 0.0]]], dtype=F64))
    assert float(behind) > 8


def test_with_several_landmarks_it_slopes_within_a_cell():
    graph, places, _ = grid(9, 1)
    critic = graph_critic(mapped(graph, places), places[:1], now=0.0, neighbours=3)
    states = torch.linspace(2, 8, 50, dtype=F64)[None, :, None] * torch.tensor([1.0, 0], dtype=F64)
    assert bool((critic(states)[0].diff() > 0).all())


def test_plans_are_explained_by_edges_and_change_without_them():
    graph, places = random_graph(4, n=40)
    made = mapped(graph, places)
    goals = places[[3, 8]]
    g = torch.Generator().manual_seed(0)
    states = places[torch.randint(0, 40, (6, 5), generator=g)]
    actions = torch.zeros(6, 5, 1, dtype=F64)

    def cost(map_):
        critic = graph_critic(map_, goals, now=0.0, neighbours=1, lost=1e3)
        assert isinstance(critic, Explains)
        return TotalCost((Critic(critic, weight=2.0),))

    total = cost(made)(states, actions)
    told = cost(made).attribute(states, actions, most=1000)
    for row in range(6):
        (attribution,) = told[row]
        assert attribution.amount == pytest.approx(float(total[row]))
        edges = [s for s in attribution.sources if s.kind == "edge"]
        assert edges
        gone = edges[0].id
        e = int((made.ids == gone).nonzero())
        less = graph.copy()
        less.remove_edge(int(made.source[e]), int(made.target[e]))
        after = float(cost(made.without(gone))(states, actions)[row])
        # By networkx, without the edge.
        goal = (3, 8)[row // 3]
        lengths = nx.single_source_dijkstra_path_length(less.reverse(), goal)
        beside = {goal} | {
            a for a in less.predecessors(goal)
            if nx.dijkstra_path(less, a, goal) == [a, goal]
        }  # fmt: skip
        expected = 0.0
        for t in range(5):
            at = int((places - states[row, t]).norm(dim=1).argmin())
            direct = float((places[at] - places[goal]).norm())
            expected += direct if at in beside else lengths.get(at, 1e3)
        assert after == pytest.approx(2 * expected)
        assert after > float(total[row])


def test_a_map_without_edges_knows_only_its_cell():
    _, places, _ = grid(3, 1)
    critic = graph_critic(empty_graph(places), places[:1], now=0.0, lost=50.0)
    found = critic(places[None])[0].tolist()
    assert found == pytest.approx([0.0, 50.0, 50.0], abs=1e-6)
    assert critic.shares(places[None])[0].kind == "landmark"
    with pytest.raises(WorldError, match="at least one landmark"):
        graph_critic(empty_graph(places), places[:1], now=0.0, neighbours=0)
