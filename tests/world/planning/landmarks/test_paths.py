"""Ways over maps, against networkx."""

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world.planning.landmarks.places import edge_id, grid, mapped, random_graph

from unfrozen.errors import WorldError
from unfrozen.world.planning.landmarks import Belief, block_edges, empty_graph, route, ways


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_distances_and_routes_are_those_of_networkx(seed):
    graph, places = random_graph(seed)
    if not graph.edges:
        return
    made = mapped(graph, places)
    found = ways(made, torch.arange(30), now=0.0)
    truth = dict(nx.all_pairs_dijkstra_path_length(graph))
    for goal in range(30):
        for start in range(30):
            expected = truth[start].get(goal, float("inf"))
            assert float(found.distance[goal, start]) == pytest.approx(expected)
            way = route(made, found, goal, start)
            if expected < float("inf"):
                assert way[-1] == goal
                assert nx.path_weight(graph, way, "weight") == pytest.approx(expected)
            else:
                assert way == (start,)
    hops = ways(made, torch.arange(30), now=0.0, belief=Belief(unit="hops"))
    for start, lengths in nx.all_pairs_shortest_path_length(graph):
        for goal, expected in lengths.items():
            assert float(hops.distance[goal, start]) == expected


def test_edges_that_are_not_trusted_are_not_used():
    graph, places = random_graph(1)
    made = mapped(graph, places)
    found = ways(made, torch.tensor([0]), now=0.0, belief=Belief(least_count=2))
    assert bool(found.distance[0, 1:].isinf().all())
    assert bool((found.edge == -1).all())


def test_a_locked_edge_is_avoided_and_comes_back():
    graph, places, number = grid(4, 3)
    made = mapped(graph, places, time=0.0)
    start, goal = number[1, 1], number[2, 1]
    locked = torch.tensor([edge_id(made, start, goal)])
    belief = Belief(half_life=100.0)
    shut = block_edges(made, locked, time=50.0, belief=belief, strength=3.0)

    def way(now, map_=shut):
        found = ways(map_, torch.tensor([goal]), now=now, belief=belief)
        return route(map_, found, 0, start), float(found.distance[0, start])

    assert way(50.0, made) == ((start, goal), 1.0)
    # Closed for 100 log2(3) = 158.5: round it, as networkx goes without the edge.
    without = graph.copy()
    without.remove_edge(start, goal)
    for now in (50.0, 208.0):
        assert way(now)[1] == nx.shortest_path_length(without, start, goal) == 3
    # Then it is tried again, though it counts as longer for a while.
    assert way(209.0)[0] == (start, goal)
    assert way(209.0)[1] == pytest.approx(1 + 3 * 2 ** (-159 / 100))
    assert way(5000.0)[1] == pytest.approx(1.0)


def test_where_every_way_is_closed_the_oldest_evidence_is_tested_first():
    """Two doors in a wall; one was found locked long ago, the other just now."""
    wall = [((1, y), (2, y)) for y in (1, 2, 3)]
    graph, places, number = grid(4, 5, closed=wall)
    made = mapped(graph, places)
    low = (number[1, 0], number[2, 0])
    high = (number[1, 4], number[2, 4])
    goal, near_low = number[3, 0], number[0, 0]
    belief = Belief(half_life=1e6)
    both = [[edge_id(made, *door), edge_id(made, *door[::-1])] for door in (low, high)]

    def shut(map_, door, time, times=1):
        for _ in range(times):
            map_ = block_edges(map_, torch.tensor(both[door]), time=time, belief=belief)
        return map_

    # Much evidence against the high door, but old; a little against the low one, but new.
    map_ = shut(shut(made, 1, 10.0, times=5), 0, 900.0)
    found = ways(map_, torch.tensor([goal]), now=1000.0, belief=belief)
    assert bool(found.retest[0, near_low])
    assert high[1] in route(map_, found, 0, near_low)
    # Beyond the doors nothing has to be tested.
    assert not bool(found.retest[0, number[3, 4]])
    # The other way about.
    map_ = shut(shut(made, 0, 10.0, times=5), 1, 900.0)
    found = ways(map_, torch.tensor([goal]), now=1000.0, belief=belief)
    assert low[1] in route(map_, found, 0, near_low)
    # Who is not optimistic knows no way.
    found = ways(map_, torch.tensor([goal]), now=1000.0, belief=belief, optimistic=False)
    assert bool(found.distance[0, near_low].isinf())


def test_maps_without_edges_and_goals_that_are_none(unchecked):
    _, places, _ = grid(2, 2)
    found = ways(empty_graph(places), torch.tensor([1]), now=0.0)
    assert found.distance[0].tolist() == [float("inf"), 0.0, float("inf"), float("inf")]
    assert ways(empty_graph(places), torch.zeros(0, dtype=torch.long), now=0.0).edge.shape == (0, 4)
    with pytest.raises(WorldError, match="from 0 to 3"):
        ways(empty_graph(places), torch.tensor([4]), now=0.0)
