"""Layouts: doors, connectedness and long detours, by flood fill and networkx."""

import networkx as nx
import numpy as np
import pytest
from scipy.ndimage import label

from unfrozen.errors import WorldError
from unfrozen.world.environments.rooms.layouts import (
    Layouts,
    mazes,
    open_room,
    snake,
    two_rooms,
)


@pytest.mark.parametrize(
    "layouts",
    [two_rooms(), snake(), snake(65, 5), mazes(3, 4), mazes(7, 3, number=3), open_room()],
    ids=["two", "snake", "long", "maze", "large", "open"],
)
def test_every_free_pixel_can_be_reached_and_zones_are_free(layouts):
    for solid, zones in zip(layouts.solid, layouts.zones, strict=True):
        assert label(~solid)[1] == 1
        assert not zones[solid].any()
    for which in range(len(layouts)):
        for zone in (1, 2):
            count = layouts.counts[which, zone]
            wanted = np.flatnonzero(layouts.zones[which] == zone)
            assert np.array_equal(layouts.pixels[which, zone, :count], wanted)


def test_random_rooms_are_every_wall_and_door_once():
    layouts = two_rooms(33, width=5)
    seen = set()
    for solid in layouts.solid:
        column = int(np.flatnonzero(solid[1:-1, 1:-1].sum(0))[0]) + 1
        open_ = np.flatnonzero(~solid[:, column])
        assert len(open_) == 5
        assert (np.diff(open_) == 1).all()
        seen.add((column, int(open_.mean())))
    assert len(seen) == len(layouts) == 11 * 27


def test_doors_of_a_snake_are_at_alternate_ends():
    solid = snake(33, 3, 5).solid[0]
    for column, rows in ((8, range(1, 6)), (16, range(27, 32)), (24, range(1, 6))):
        assert np.flatnonzero(~solid[:, column]).tolist() == list(rows)


def test_a_maze_without_openings_is_a_tree_and_its_episodes_are_long():
    cells, corridor = 6, 3
    for solid, zones in zip(*_parts(mazes(cells, corridor, number=4, seed=1)), strict=True):
        graph = nx.grid_2d_graph(cells, cells)
        pitch = corridor + 1
        for (y, x), (v, u) in list(graph.edges):
            middle = ((y + v) * pitch // 2 + 1 + corridor // 2,
                      (x + u) * pitch // 2 + 1 + corridor // 2)  # fmt: skip
            if solid[middle]:
                graph.remove_edge((y, x), (v, u))
        assert nx.is_tree(graph)
        kind = {(y, x): zones[1 + y * pitch, 1 + x * pitch] for y, x in graph}
        first = [cell for cell in kind if kind[cell] == 1]
        last = [cell for cell in kind if kind[cell] == 2]
        assert len(first) == len(last) == cells * cells // 4
        ways = dict(nx.all_pairs_shortest_path_length(graph))
        across = min(ways[a][b] for a in first for b in last)
        assert across > nx.diameter(graph) / 4
    with_ways_round = mazes(cells, corridor, openings=1.0, number=1)
    # Without inner walls only the posts between cells remain.
    assert with_ways_round.solid[0, 1:-1, 1:-1].sum() == (cells - 1) ** 2


def _parts(layouts):
    return layouts.solid, layouts.zones


def test_mazes_are_the_same_by_seed():
    one, same, other = (mazes(4, seed=s).solid for s in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_bad_layouts_are_refused():
    with pytest.raises(WorldError, match="odd"):
        two_rooms(width=4)
    with pytest.raises(WorldError, match="both sides"):
        two_rooms(wall=1)
    with pytest.raises(WorldError, match="middle"):
        two_rooms(door=1)
    with pytest.raises(WorldError, match="fit"):
        snake(9, 5)
    with pytest.raises(WorldError, match="maze"):
        mazes(1)
    with pytest.raises(WorldError, match="open"):
        open_room(3)
    good = open_room(5)
    with pytest.raises(WorldError, match="outermost"):
        Layouts(np.zeros((1, 5, 5), np.bool_), good.zones)
    with pytest.raises(WorldError, match="zones"):
        Layouts(np.ones((1, 5, 5), np.bool_), good.zones)
    with pytest.raises(WorldError, match="begin and"):
        Layouts(good.solid, np.zeros_like(good.zones))
