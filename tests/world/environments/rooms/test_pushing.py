"""Pushing: contact, kerb, and an object that is never stuck."""

import numpy as np
import pytest

from unfrozen.errors import WorldError
from unfrozen.world.environments.registry import make
from unfrozen.world.environments.rooms.layouts import snake
from unfrozen.world.environments.rooms.pushing import CONTACT, KERB, VectorPush


def begun(start, thing, **more):
    env = make("push", 1, observe="position")
    env.reset(seed=0, options={"start": [start], "object": [thing], **more})
    return env


def test_an_object_is_pushed_as_far_as_the_dot_comes_too_near():
    env = begun([10.0, 16], [13.0, 16])
    env.step(np.array([[1.5, 0.0]]))
    assert np.allclose(env.truth.positions, [[11.5, 16]], atol=1e-3)
    assert np.allclose(env.truth.objects, [[11.5 + CONTACT, 16]], atol=1e-3)
    # From aslant it gives way along the line of the middles.
    env = begun([10.0, 15.0], [12.0, 17.0])
    env.step(np.array([[1.0, 0.0]]))
    way = (env.truth.objects - [[12, 17]])[0]
    line = np.array([12, 17]) - [11, 15]
    assert np.allclose(way / np.linalg.norm(way), line / np.linalg.norm(line), atol=1e-3)


def test_what_is_not_touched_stays():
    env = begun([5.0, 5], [20.0, 20])
    env.step(np.array([[1.5, 0.0]]))
    assert np.allclose(env.truth.objects, [[20, 20]], atol=1e-3)


def test_they_never_overlap_and_the_object_stays_off_the_walls():
    env = make("push", 100, observe="position")
    env.reset(seed=1)
    rng = np.random.default_rng(0)
    moved = np.zeros(100)
    for _ in range(100):
        truth = env.truth
        chase = truth.objects - truth.positions + rng.normal(size=(100, 2))
        env.step(chase)
        gap = np.linalg.norm(env.truth.objects - env.truth.positions, axis=1)
        assert gap.min() > CONTACT - 0.01
        assert env.truth.objects.min() >= KERB + 0.5 - 1e-3
        assert env.truth.objects.max() <= 32 - KERB - 0.5 + 1e-3
        moved += np.linalg.norm(env.truth.objects - truth.objects, axis=1)
    assert (moved > 1).mean() > 0.8


def test_images_show_dot_walls_and_object_and_the_goal_no_dot():
    env = make("push", 2)
    observed, _ = env.reset(seed=0)
    for channel, points in ((0, env.truth.positions), (2, env.truth.objects)):
        peak = observed["image"][:, channel].reshape(2, -1).argmax(1)
        nearest = np.round(points).astype(int)
        assert np.array_equal(peak, nearest[:, 0] + 33 * nearest[:, 1])
    assert not observed["goal"][:, 0].any()
    peak = observed["goal"][:, 2].reshape(2, -1).argmax(1)
    nearest = np.round(env.truth.goals).astype(int)
    assert np.array_equal(peak, nearest[:, 0] + 33 * nearest[:, 1])


def test_bad_input_is_refused():
    with pytest.raises(WorldError, match="no object fits"):
        VectorPush(snake(), 1)
    with pytest.raises(WorldError, match="start"):
        begun([0.0, 0], [13.0, 16])
    with pytest.raises(WorldError, match="object"):
        begun([5.0, 5], [2.0, 16])
