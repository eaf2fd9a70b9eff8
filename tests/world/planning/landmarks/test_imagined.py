"""Ways that are imagined: through doors, never through walls, nearly as short as can be."""

import math

import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.model import FunctionDynamics
from unfrozen.world.planning.landmarks import ImagineSettings, imagine

SIDE, WALL, DOOR = 10.0, 5.0, (8.0, 9.5)
SMALL = ImagineSettings(directions=16, steps=1, speed=1.0)


def landmarks(spacing=0.9):
    along = torch.arange(0.0, SIDE + 1e-6, spacing)
    # Some of them lie inside of the wall.
    return torch.cat([torch.cartesian_prod(along, along), torch.tensor([[WALL, 2.0], [WALL, 5.0]])])


def rooms(door=DOOR, solid=True):
    """A dot in a square with a thin wall from bottom to top, and a door in it."""

    def step(state, action):
        moved = (state + action).clamp(0, SIDE)
        crosses = (state[:, 0] < WALL) != (moved[:, 0] < WALL)
        at = ((WALL - state[:, 0]) / (moved[:, 0] - state[:, 0])).nan_to_num()
        height = state[:, 1] + at * (moved[:, 1] - state[:, 1])
        stopped = crosses & ((height < door[0]) | (height > door[1])) & solid
        before = torch.where(state[:, 0] < WALL, WALL - 0.05, WALL + 0.05)
        return torch.stack([torch.where(stopped, before, moved[:, 0]), moved[:, 1]], 1)

    return FunctionDynamics(step)


def shortest(start, goal):
    """Through the middle of the door or round its edge: the shorter of all bends."""
    bends = torch.linspace(*DOOR, 200)
    first = torch.hypot(WALL - start[0], bends - start[1])
    return float((first + torch.hypot(goal[0] - WALL, bends - goal[1])).min())


def test_ways_go_through_the_door_and_are_nearly_the_shortest():
    start = torch.tensor([[1.0, 1.0], [4.0, 4.0], [9.0, 2.0]])
    goal = torch.tensor([[9.0, 1.0], [6.0, 4.0], [2.0, 3.0]])
    found = imagine(rooms(), landmarks(), start, goal, SMALL)
    assert found.arrived.all()
    for row in range(3):
        way = found.way(row)
        states = found.states[row, way]
        torch.testing.assert_close(states[0], start[row])
        # One push, and half a step.
        left = float((states[-1] - goal[row]).norm())
        assert left < 1.5
        crossed = (states[1:, 0] < WALL) != (states[:-1, 0] < WALL)
        assert crossed.sum() == 1
        (k,) = crossed.nonzero()[0].tolist()
        assert DOOR[0] - 0.5 < float(states[k : k + 2, 1].mean()) < DOOR[1] + 0.5
        length = float((states[1:] - states[:-1]).norm(dim=1).sum()) + left
        best = shortest(start[row], goal[row])
        assert best - 1e-4 <= length <= 1.25 * best + 1


def test_each_node_is_one_push_from_its_parent():
    start, goal = torch.tensor([[1.0, 1.0]]), torch.tensor([[9.0, 9.0]])
    found = imagine(rooms(), landmarks(), start, goal, SMALL)
    nodes = (found.parents[0] >= 0).nonzero()[:, 0]
    for node in nodes.tolist():
        parent = int(found.parents[0, node])
        if parent == node:
            assert found.depths[0, node] == 0
            continue
        assert found.depths[0, node] == found.depths[0, parent] + 1
        begin = found.states[0, parent].expand(16, -1)
        ends = rooms().step(begin, SMALL.pushes()[:, 0])
        assert float((ends - found.states[0, node]).norm(dim=1).min()) < 1e-5


def test_behind_a_wall_without_a_door_nothing_is_reached():
    closed = rooms(door=(20.0, 21.0))
    start, goal = torch.tensor([[1.0, 1.0]]), torch.tensor([[9.0, 1.0]])
    found = imagine(closed, landmarks(), start, goal, SMALL)
    assert not found.arrived.any()
    reached = found.states[0, found.parents[0] >= 0]
    assert (reached[:, 0] < WALL).all()
    # It goes as near as it can get, not to the goal behind the wall.
    assert float(found.ahead(goal, 100)[0, 0]) == pytest.approx(WALL - 0.05, abs=1.0)
    assert len(reached) > 40


def test_a_goal_just_behind_the_wall_is_gone_to_round_it():
    # The two are in the cell of one landmark, which lies in the wall.
    start, goal = torch.tensor([[WALL - 0.6, 2.0]]), torch.tensor([[WALL + 0.6, 2.0]])
    found = imagine(rooms(), landmarks(), start, goal, SMALL)
    assert found.arrived.all()
    way = found.states[0, found.way(0)]
    assert len(way) > 12
    assert way[:, 1].max() > DOOR[0] - 0.5
    behind = imagine(rooms(door=(20.0, 21.0)), landmarks(), start, goal, SMALL)
    assert not behind.arrived.any()


def test_the_sub_goal_lies_so_many_nodes_ahead_or_is_the_goal():
    start, goal = torch.tensor([[1.0, 1.0], [1.0, 1.0]]), torch.tensor([[9.0, 1.0], [1.5, 1.2]])
    found = imagine(rooms(), landmarks(), start, goal, SMALL)
    way = found.way(0)
    for nodes in (1, 3):
        ahead = found.ahead(goal, nodes)
        torch.testing.assert_close(ahead[0], found.states[0, way[nodes]])
        torch.testing.assert_close(ahead[1], goal[1])
    torch.testing.assert_close(found.ahead(goal, len(way))[0], goal[0])


def test_rows_do_not_know_of_one_another():
    generator = torch.Generator().manual_seed(0)
    start, goal = (SIDE * torch.rand(5, 2, generator=generator) for _ in range(2))
    together = imagine(rooms(), landmarks(), start, goal, SMALL)
    for row in range(5):
        alone = imagine(rooms(), landmarks(), start[row : row + 1], goal[row : row + 1], SMALL)
        assert alone.way(0) == together.way(row)


def test_what_does_not_fit_is_refused():
    with pytest.raises(WorldError, match="one goal a start"):
        imagine(rooms(), torch.zeros(0, 2), torch.zeros(2, 2), torch.zeros(2, 2))
    with pytest.raises(WorldError, match="above zero"):
        ImagineSettings(speed=math.inf)
