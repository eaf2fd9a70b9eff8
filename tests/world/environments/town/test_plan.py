"""Towns: streets, rooms and doors, by networkx."""

import networkx as nx
import numpy as np
import pytest

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.plan import (
    STEPS,
    TownSettings,
    connected,
    distances,
    leads,
    make_town,
)


def graph_of(openings, side):
    """Built from coordinates, not from tables."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(side * side))
    for cell, action in np.argwhere(openings).tolist():
        x, y = cell % side + STEPS[action][0], cell // side + STEPS[action][1]
        assert 0 <= x < side
        assert 0 <= y < side
        graph.add_edge(cell, x + side * y)
    return graph


@pytest.mark.parametrize("seed", range(5))
def test_a_town_hangs_together_and_every_room_has_two_doors(seed):
    town = make_town(TownSettings(), seed)
    graph = graph_of(town.openings, town.side)
    assert all(graph.has_edge(b, a) for a, b in graph.edges)
    assert nx.is_strongly_connected(graph.subgraph(town.cells.tolist()))
    assert connected(town.openings, town.cells)
    assert graph.number_of_nodes() - len(town.cells) == len(list(nx.isolates(graph)))
    assert not town.street[town.rooms].any()
    assert (town.doors[town.rooms].sum(1) >= 2).all()
    # Doors join a room to something; streets among themselves have none.
    for cell, action in np.argwhere(town.doors).tolist():
        other = cell + STEPS[action][0] + town.side * STEPS[action][1]
        assert {cell, other} & set(town.rooms.tolist())
    # Streets of a lattice of four by four, nine pieces each; a twentieth of them is closed.
    assert (town.openings & ~town.doors).sum() == 2 * (8 * 9 - 4)


def test_sights_of_rooms_are_their_own_and_those_of_streets_are_shared():
    town = make_town(TownSettings(sights=5), 1)
    assert len(set(town.sights[town.rooms].tolist())) == len(town.rooms)
    assert town.sights[town.rooms].min() == 5
    assert set(town.sights[town.street].tolist()) == set(range(5))
    assert town.n_sights == 5 + len(town.rooms)


def test_distances_are_those_of_networkx():
    town = make_town(TownSettings(blocks=2, rooms=6), 3)
    found = distances(leads(town.openings))
    ways = dict(nx.all_pairs_shortest_path_length(graph_of(town.openings, town.side)))
    n = town.side**2
    for a in range(n):
        for b in range(n):
            assert found[a, b] == ways[a].get(b, n * n)


def test_towns_are_the_same_by_seed():
    one, same, other = (make_town(seed=s) for s in (0, 0, 1))
    assert np.array_equal(one.openings, same.openings)
    assert np.array_equal(one.sights, same.sights)
    assert not np.array_equal(one.openings, other.openings)


def test_impossible_towns_are_refused():
    with pytest.raises(WorldError, match="blocks"):
        TownSettings(blocks=0)
    with pytest.raises(WorldError, match="2 to 4 rooms"):
        TownSettings(blocks=1, rooms=5)
