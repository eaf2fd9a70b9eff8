"""Shortest ways against Dijkstra on a fine grid."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from unfrozen.world.environments.rooms.layouts import Layouts, mazes, snake, two_rooms
from unfrozen.world.environments.rooms.shortest import ways

FINE = 4
# 32 directions: no way on such a grid is more than 1.4 % longer than a straight one.
OFFSETS = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2), (3, 1), (1, 3),
           (3, -1), (1, -3), (3, 2), (2, 3), (3, -2), (2, -3)]  # fmt: skip


def grid_distances(solid, start, goals):
    """From the grid point next to `start` to those next to `goals`, by scipy's Dijkstra."""
    fine = np.kron(solid, np.ones((FINE, FINE), bool))
    height, width = fine.shape
    index = np.arange(height * width).reshape(height, width)
    edges = []
    for dx, dy in OFFSETS:
        y, x = np.mgrid[0:height, 0:width]
        inside = (x + dx < width) & (y + dy >= 0) & (y + dy < height)
        y, x = y[inside], x[inside]
        free = np.ones(len(y), bool)
        for t in np.linspace(0, 1, 9):
            free &= ~fine[np.round(y + t * dy).astype(int), np.round(x + t * dx).astype(int)]
        y, x = y[free], x[free]
        length = np.full(len(y), np.hypot(dx, dy) / FINE)
        edges.append((index[y, x], index[y + dy, x + dx], length))
    a, b, length = (np.concatenate(part) for part in zip(*edges, strict=True))
    graph = coo_array((length, (a, b)), shape=(index.size, index.size)).tocsr()
    nodes = [
        index[tuple(np.floor((point[::-1] + 0.5) * FINE).astype(int))] for point in (start, *goals)
    ]
    return dijkstra(graph, directed=False, indices=nodes[0])[nodes[1:]]


@pytest.mark.parametrize(
    "layouts",
    [two_rooms(wall=16, door=8), snake(), mazes(4, 5, number=1), mazes(4, 5, 0.4, 1, 3)],
    ids=["two", "snake", "tree", "loops"],
)
def test_ways_are_as_long_as_those_of_a_fine_grid(layouts):
    rng = np.random.default_rng(0)
    pixels = layouts.pixels[0, 0, rng.integers(layouts.counts[0, 0], size=41)]
    width = layouts.shape[1]
    # At points of the fine grid, so that both measure the same.
    points = np.stack([pixels % width, pixels // width], 1) + rng.choice([-0.125, 0.375], (41, 2))
    starts = np.repeat(points[:1], 40, 0)
    found = ways(layouts, np.zeros(40, np.int64), starts, points[1:])
    grid = grid_distances(layouts.solid[0], points[0], points[1:])
    assert (found.length <= grid + 0.15).all()
    assert (grid <= found.length * 1.02 + 0.5).all()
    # Both directions are one way.
    back = ways(layouts, np.zeros(40, np.int64), points[1:], starts)
    assert np.allclose(back.length, found.length, atol=1e-2)


def test_a_goal_in_sight_is_next_and_one_walled_in_is_infinitely_far():
    solid = np.ones((1, 7, 7), bool)
    solid[0, 1:6, 1:3] = solid[0, 1:6, 4:6] = False
    zones = np.where(solid, 0, 1)
    zones[:, :, 4:] *= 2
    layouts = Layouts(solid, zones)
    starts = np.array([[1.0, 1.0], [1.0, 1.0]])
    goals = np.array([[2.0, 5.0], [5.0, 5.0]])
    found = ways(layouts, np.zeros(2, np.int64), starts, goals)
    assert np.allclose(found.length, [np.sqrt(17), np.inf])
    assert np.allclose(found.next, [[2, 5], [1, 1]])
