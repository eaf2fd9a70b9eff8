"""Copies and single environments are one; Gymnasium finds nothing wrong with them."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from unfrozen.errors import WorldError
from unfrozen.world.environments.batched import Single
from unfrozen.world.environments.registry import ENVIRONMENTS, make


# It would rather have actions from -1 to 1: ours are in pixels.
@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space.*")
@pytest.mark.filterwarnings("ignore:.*alternative render modes.*")
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_gymnasium_finds_nothing_wrong(name):
    check_env(make(name, render_mode="rgb_array"))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_copies_are_equal_to_single_environments_to_the_bit(name):
    n, steps = 3, 30
    many = make(name, n, horizon=12)
    ones = [make(name, horizon=12) for _ in range(n)]
    space = many.action_space
    space.seed(0)
    assert_same(many.reset(seed=7), [one.reset(seed=7 + i) for i, one in enumerate(ones)])
    for _ in range(steps):
        actions = space.sample()
        found = many.step(actions)
        alone = [one.step(actions[i]) for i, one in enumerate(ones)]
        assert_same((found[0], found[4]), [(step[0], step[4]) for step in alone])
        for column in (1, 2, 3):
            assert found[column].tolist() == [step[column] for step in alone]
        over = found[2] | found[3]
        if over.any():
            observed = many.reset(options={"reset_mask": over})
            for i in np.flatnonzero(over):
                alone_now = ones[i].reset()
                assert_same([pick(part, [i]) for part in observed], [alone_now])
    assert many.observation_space.contains(found[0])


def pick(batch, rows):
    return {name: [value[i] for i in rows] for name, value in batch.items()}


def assert_same(many, alone):
    for part, parts in zip(many, zip(*alone, strict=True), strict=True):
        for name in part:
            for i, one in enumerate(parts):
                assert np.array_equal(part[name][i], one[name]), name


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_life_is_the_same_by_seed_and_other_copies_stay_as_they_are(name):
    env = make(name, 3)
    first, _ = env.reset(seed=3)
    env.action_space.seed(0)
    env.step(env.action_space.sample())
    again, _ = env.reset(seed=[3, 4, 5])
    for key in first:
        assert np.array_equal(first[key], again[key])
    before, *_ = env.step(env.action_space.sample())
    after, _ = env.reset(seed=9, options={"reset_mask": np.array([False, True, False])})
    for key in first:
        if key != "told":
            assert np.array_equal(before[key][0], after[key][0])
            assert np.array_equal(before[key][2], after[key][2])


def test_copies_without_a_seed_differ_and_global_generators_are_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    env = make("two-rooms", 2, observe="position")
    starts = [env.reset()[0]["position"] for _ in range(2)]
    assert not np.array_equal(*starts)
    assert not np.array_equal(*starts[0])
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    two = [make("two-rooms", observe="position").reset()[0]["position"] for _ in range(2)]
    assert not np.array_equal(*two)


def test_pictures_show_the_dot_where_it_is():
    env = make("two-rooms", render_mode="rgb_array")
    env.reset(seed=0, options={"start": [5.0, 20.0]})
    drawn = env.render()
    assert drawn.shape == (264, 264, 3)
    assert drawn[20 * 8 + 4, 5 * 8 + 4].tolist() == [0, 114, 178]
    assert make("two-rooms").render() is None
    assert isinstance(env, Single)
    assert env.truth.positions.tolist() == [[5, 20]]


def test_bad_input_is_refused():
    env = make("two-rooms", 3)
    with pytest.raises(WorldError, match="takes no mask"):
        env.reset(options={"reset_mask": np.array([True, False, True])})
    env.reset(seed=0)
    with pytest.raises(WorldError, match="boolean"):
        env.reset(options={"reset_mask": np.array([1, 0, 1])})
    with pytest.raises(WorldError, match="one each"):
        env.reset(seed=[1, 2])
    with pytest.raises(WorldError, match="no option 'place'"):
        env.reset(options={"place": [1, 2, 3]})
    with pytest.raises(WorldError, match="shape"):
        env.reset(options={"start": [1, 2, 3]})
    with pytest.raises(WorldError, match="rgb_array"):
        make("two-rooms", render_mode="human")
    assert isinstance(env, gymnasium.vector.VectorEnv)
