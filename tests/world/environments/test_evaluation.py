"""Scores against episodes counted by hand."""

import gymnasium
import numpy as np
import pytest

from unfrozen.errors import WorldError
from unfrozen.world.environments.evaluation import evaluate
from unfrozen.world.environments.floors import floor
from unfrozen.world.environments.registry import make


def test_success_at_the_end_and_ever_differ_for_what_does_not_stay():
    env = make("two-rooms", 4, observe="position")
    oracle = floor("oracle", env)

    def comes_and_goes(observed, begun):
        actions = oracle(observed, begun)
        leaving = env.clock > 60
        return np.where(leaving[:, None], env.truth.positions - env.truth.goals + 1e-3, actions)

    score = evaluate(env, comes_and_goes, 8)
    assert score.success_ever.mean == 1
    assert score.success_end.mean == 0
    assert score.mean_steps.mean < 40
    stays = evaluate(env, "oracle", 8)
    assert stays.success_end.mean == 1
    assert np.array_equal(stays.steps, score.steps)
    assert np.array_equal(stays.rewards, 80 - stays.steps + 1)


def test_episodes_are_those_of_single_environments():
    env = make("town", 3, horizon=25)
    score = evaluate(env, "oracle", 7, seed=11)
    counted = []
    for i, episodes in enumerate((3, 2, 2)):
        one = make("town", horizon=25)
        one.reset(seed=11 + i)
        for k in range(episodes):
            if k:
                one.reset()
            over, steps, total = False, 0, 0.0
            while not over:
                action = int(one.truth.remaining[0, :4].argmin())
                _, reward, ended, cut, info = one.step(action)
                over, steps, total = ended or cut, steps + 1, total + reward
            counted.append((bool(info["success"]), steps, total))
    assert [
        tuple(row) for row in zip(score.end, score.steps, score.rewards, strict=True)
    ] == counted
    assert score.success_end.mean == np.mean([row[0] for row in counted])
    assert np.isclose(score.mean_steps.deviation, np.std([row[1] for row in counted], ddof=1))
    assert np.isclose(score.mean_steps.error, score.mean_steps.deviation / np.sqrt(7))


def test_other_environments_are_evaluated_as_well():
    score = evaluate(make("CartPole-v1", 4), "random", 30)
    # Random play of CartPole lasts 22.2 steps, with a deviation of about 12.
    assert abs(score.mean_reward.mean - 22.2) < 3 * 12 / np.sqrt(30)
    assert np.array_equal(score.rewards[~score.ever], score.steps[~score.ever])


def test_bad_input_is_refused():
    env = make("two-rooms", 2)
    with pytest.raises(WorldError, match="1 episode"):
        evaluate(env, "random", 0)
    by_themselves = gymnasium.make_vec("CartPole-v1", 2)
    with pytest.raises(WorldError, match="by themselves"):
        evaluate(by_themselves, "random", 1)
