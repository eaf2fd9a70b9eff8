"""Environments by name, ours and others through one door."""

import sys

import gymnasium
import pytest

from unfrozen.errors import WorldError
from unfrozen.world.environments.registry import ENVIRONMENTS, make


def test_settings_reach_what_they_are_of():
    env = make("maze", 2, cells=3, corridor=4, horizon=7, step=2.0)
    assert env.layouts.shape == (16, 16)
    assert env.horizon == 7
    assert float(env.single_action_space.high[0]) == 2
    town = make("town", 2, seed=3, lives=2, rooms=9, changes=4, horizon=30)
    assert len(town.tables.lives) == 2
    assert len(town.tables.lives[0].schedule.changes) == 4
    assert len(town.tables.lives[0].town.rooms) == 9
    assert town.horizon == 30
    # What is computed of layouts is shared by environments of the same settings.
    assert make("snake", 2).layouts is make("snake", 3).layouts
    assert make("two-rooms", 1, door=20).layouts.solid[0, 20, 16].item() is False


def test_others_come_from_gymnasium():
    env = make("CartPole-v1")
    assert env.spec is not None
    assert env.spec.id == "CartPole-v1"
    many = make("CartPole-v1", 3)
    assert many.num_envs == 3
    assert many.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.DISABLED


def test_minigrid_comes_through_the_same_door():
    env = make("MiniGrid-Empty-5x5-v0")
    observed, _ = env.reset(seed=0)
    assert env.observation_space.contains(observed)
    assert make("MiniGrid-Empty-5x5-v0", 2).num_envs == 2


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "minigrid", None)
    with pytest.raises(WorldError, match=r"pip install 'unfrozen\[minigrid\]'"):
        make("MiniGrid-Empty-5x5-v0")
    with pytest.raises(WorldError, match="ours are two-rooms"):
        make("three-rooms")
    with pytest.raises(WorldError, match="no setting 'colour': choose from size"):
        make("two-rooms", colour="red")
    with pytest.raises(WorldError, match="cannot be made"):
        make("CartPole-v1", colour="red")
    assert all(family.told for family in ENVIRONMENTS.values())
