"""Worlds as Gymnasium sees them, and paths of simulated rats."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds import rectangle
from unfrozen.hippocampus.worlds.continuous import between_bins, box_path
from unfrozen.hippocampus.worlds.environment import WorldEnv, register


@pytest.mark.parametrize("name", ["grid", "hexagonal", "line", "family", "laps", "objects"])
def test_gymnasium_finds_nothing_wrong_with_a_family(name):
    check_env(WorldEnv(name), skip_render_check=True)


def test_every_family_can_be_made_by_its_id():
    ids = register()
    assert register() == ids
    for identity in ids:
        env = gymnasium.make(identity)
        symbol, info = env.reset(seed=1)
        assert env.observation_space.contains(symbol)
        assert info["possible"].any()


def test_what_cannot_be_done_leaves_the_walk_where_it_is():
    env = WorldEnv(rectangle(3))
    _, info = env.reset(seed=0, options={"place": 0})
    assert info["possible"].tolist() == [1, 1, 0, 0]
    assert env.step(np.int64(2))[4]["place"] == 0
    assert env.step(np.int64(0))[4]["place"] == 1


def test_a_goal_ends_the_walk_with_a_reward():
    env = WorldEnv(rectangle(3), goal=1)
    env.reset(seed=0, options={"place": 0})
    _, reward, ended, cut, _ = env.step(np.int64(0))
    assert (reward, ended, cut) == (1.0, True, False)


def test_symbols_stay_until_new_ones_are_asked_for():
    env = WorldEnv(rectangle(5))
    env.reset(seed=0)
    first = list(env.symbols)
    env.reset()
    assert env.symbols == first
    env.reset(options={"symbols": "new"})
    assert env.symbols != first
    family = WorldEnv("grid")
    family.reset(seed=0)
    first = list(family.symbols)
    family.reset()
    assert family.symbols != first


def test_copies_without_a_seed_differ_and_with_one_do_not():
    drawn = []
    for seed in (None, None, 3, 3):
        env = WorldEnv(rectangle(5))
        env.reset(seed=seed)
        drawn.append(env.symbols)
    assert drawn[0] != drawn[1]
    assert drawn[2] == drawn[3]


def test_bad_input_is_refused():
    with pytest.raises(MapError, match="choose from"):
        WorldEnv("sphere")
    with pytest.raises(MapError, match="goal"):
        WorldEnv(rectangle(3), goal=9)
    # The smallest square has 64 places, whichever is drawn first.
    with pytest.raises(MapError, match="one of 64 places"):
        WorldEnv("grid", goal=64)
    assert WorldEnv("grid", goal=63).goal == 63
    env = WorldEnv(rectangle(3))
    with pytest.raises(MapError, match="reset"):
        env.step(np.int64(0))
    with pytest.raises(MapError, match="begins at"):
        env.reset(options={"place": 9})
    env.reset(seed=0)
    with pytest.raises(MapError, match="below 4"):
        env.step(np.int64(4))


def test_a_path_becomes_a_walk_through_every_bin_on_the_way():
    world = rectangle(4, diagonal=True)
    path = torch.tensor([[0.1, 0.1], [0.15, 0.1], [0.9, 0.6], [0.9, 0.9]])
    steps, at = between_bins(path, world, 4)
    assert steps.places.tolist() == [[0, 5, 10, 11, 15]]
    assert at.tolist() == [0, 2, 2, 2, 3]
    for before, action, after in zip(
        steps.places[0, :-1], steps.actions[0, 1:], steps.places[0, 1:], strict=True
    ):
        assert world.neighbours[before, action] == after
    with pytest.raises(MapError, match="one bin"):
        between_bins(path[:2], world, 4)


def test_a_rat_runs_in_its_box_the_same_way_for_the_same_seed():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, same, other = (box_path(0.5, bins=5, seed=s) for s in (1, 1, 2))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert torch.equal(one.positions, same.positions)
    assert not torch.equal(one.positions, other.positions)
    assert len(one.positions) == 600
    assert float(one.positions.min()) >= 0
    assert float(one.positions.max()) <= 1
    # Each step is made where the path has come to its bin.
    cells = (one.positions[one.steps] * 5).long().clamp(0, 4)
    last = torch.ones(len(one.steps), dtype=torch.bool)
    last[:-1] = one.steps[1:] != one.steps[:-1]
    assert torch.equal((cells[:, 0] + 5 * cells[:, 1])[last], one.walk.places[0][last])
