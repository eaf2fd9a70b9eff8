"""Rooms: starts, goals, rewards and what is seen."""

import numpy as np
import pytest

from unfrozen.errors import WorldError
from unfrozen.world.environments.registry import make
from unfrozen.world.environments.rooms.layouts import two_rooms
from unfrozen.world.environments.rooms.walking import RoomSettings, VectorRooms


def test_starts_and_goals_are_in_opposite_rooms_both_ways():
    env = make("two-rooms", 2000, observe="position")
    env.reset(seed=0)
    sides = np.stack([env.truth.positions[:, 0] < 16, env.truth.goals[:, 0] < 16])
    assert (sides[0] != sides[1]).all()
    assert 0.45 < sides[0].mean() < 0.55
    left = env.truth.positions[sides[0]]
    # Uniform over a room of 15 x 31 pixels.
    assert np.allclose(left.mean(0), [8, 16], atol=0.6)
    assert np.allclose(left.std(0), np.array([15, 31]) / np.sqrt(12), atol=0.4)


def test_an_action_is_a_step_of_at_most_its_length():
    env = make("two-rooms", 2, observe="position")
    start = np.tile([5.0, 20.0], (2, 1))
    goals = np.tile([25.0, 20.0], (2, 1))
    env.reset(seed=0, options={"start": start, "goal": goals})
    env.step(np.array([[0.3, -0.4], [30.0, 40.0]]))
    assert np.allclose(env.truth.positions - start, [[0.3, -0.4], [0.9, 1.2]], atol=1e-5)


def test_a_goal_is_rewarded_within_its_reach_and_ends_nothing():
    env = make("two-rooms", 2, observe="position", horizon=3)
    env.reset(seed=0, options={"start": [[5, 5.0], [5, 5]], "goal": [[7.2, 5], [7.4, 5]]})
    still = np.zeros((2, 2))
    _, rewards, ended, cut, info = env.step(still)
    assert rewards.tolist() == [1, 0]
    assert info["success"].tolist() == [True, False]
    assert not (ended | cut).any()
    env.step(still)
    assert env.step(still)[3].all()


def test_a_goal_behind_a_wall_is_not_reached():
    env = make("two-rooms", 3, observe="position")
    # The wall is at 16, its door at 5 to 11: the same distance apart, through wall and door.
    start = [[15.2, 20.0], [15.2, 8.0], [15.2, 20.0]]
    env.reset(seed=0, options={"start": start, "goal": [[17.0, 20], [17, 8], [14, 21]]})
    info = env.step(np.zeros((3, 2)))[4]
    assert info["success"].tolist() == [False, True, True]


def test_what_was_seen_stays_as_it_was():
    env = make("two-rooms-random", 4, observe="position")
    observed, _ = env.reset(seed=0)
    kept = {name: value.copy() for name, value in observed.items()}
    env.step(np.ones((4, 2)))
    env.reset(seed=9, options={"reset_mask": np.array([True, False, True, False])})
    assert all(np.array_equal(observed[name], kept[name]) for name in kept)


def test_images_show_the_truth_and_only_those_of_the_asked_layout():
    env = make("two-rooms-random", 3)
    layout = np.array([0, 100, 200])
    observed, _ = env.reset(seed=0, options={"layout": layout})
    assert np.array_equal(observed["image"][:, 1], env.truth.layouts.solid[layout])
    peak = observed["image"][:, 0].reshape(3, -1).argmax(1)
    nearest = np.round(env.truth.positions).astype(int)
    assert np.array_equal(peak, nearest[:, 0] + 33 * nearest[:, 1])
    peak = observed["goal"][:, 0].reshape(3, -1).argmax(1)
    nearest = np.round(env.truth.goals).astype(int)
    assert np.array_equal(peak, nearest[:, 0] + 33 * nearest[:, 1])


def test_bad_input_is_refused(unchecked):
    layouts = two_rooms(wall=16, door=8)
    with pytest.raises(WorldError, match="above 0"):
        RoomSettings(step=0)
    with pytest.raises(WorldError, match="observed by"):
        RoomSettings(observe="smell")
    with pytest.raises(WorldError, match="copies"):
        VectorRooms(layouts, 0)
    env = VectorRooms(layouts, 2)
    with pytest.raises(WorldError, match="reset"):
        env.step(np.zeros((2, 2)))
    with pytest.raises(WorldError, match="free of walls"):
        env.reset(seed=0, options={"start": [[16, 20.0], [5, 5]]})
    with pytest.raises(WorldError, match="free of walls"):
        env.reset(seed=0, options={"goal": [[50, 20.0], [5, 5]]})
    with pytest.raises(WorldError, match="below 1"):
        env.reset(seed=0, options={"layout": [0, 1]})
    env.reset(seed=0)
    for bad in (np.zeros((3, 2)), np.full((2, 2), np.nan)):
        with pytest.raises(WorldError, match="finite"):
            env.step(bad)
