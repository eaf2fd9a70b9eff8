"""Floors against the figures of the prototypes and against what is known of shortest ways."""

import numpy as np
import pytest

from unfrozen.errors import WorldError
from unfrozen.world.environments.evaluation import evaluate
from unfrozen.world.environments.floors import FLOORS, floor, persistent
from unfrozen.world.environments.registry import ENVIRONMENTS, make
from unfrozen.world.environments.rooms.shortest import ways


def made(name, n, **settings):
    """Without images; four towns."""
    settings |= {"lives": 4} if name == "town" else {"observe": "position"}
    return make(name, n, **settings)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_oracle_always_succeeds_and_chance_hardly_ever(name):
    env = made(name, 100)
    best = evaluate(env, "oracle", 200)
    assert best.success_end.mean == best.success_ever.mean == 1
    chance = evaluate(env, "random", 100)
    assert chance.success_ever.mean < 0.2
    assert evaluate(env, "greedy", 100).success_end.mean < 0.7
    assert evaluate(env, "persistent", 100).success_end.mean < 0.2


@pytest.mark.parametrize(
    ("name", "policy", "end", "ever"),
    [
        ("two-rooms", "random", 0.00, 0.01),
        ("two-rooms", "persistent", 0.02, 0.07),
        ("two-rooms", "greedy", 0.40, 0.40),
        ("two-rooms-random", "greedy", 0.47, 0.47),
    ],
)
def test_floors_are_those_of_the_prototypes(name, policy, end, ever):
    # Theirs are of about 100 episodes: three standard errors of that, and a share for none.
    score = evaluate(made(name, 500), policy, 500)
    for found, wanted in ((score.success_end.mean, end), (score.success_ever.mean, ever)):
        spread = np.sqrt(max(wanted, 0.01) * (1 - wanted) * (1 / 100 + 1 / 500))
        assert abs(found - wanted) < 3 * spread


@pytest.mark.parametrize("name", ["two-rooms-random", "snake", "maze"])
def test_the_oracle_goes_the_shortest_way(name):
    n = 60
    env = made(name, n)
    env.reset(seed=1)
    truth = env.truth
    length = ways(truth.layouts, truth.which, truth.positions, truth.goals).length
    act = floor("oracle", env)
    gone, done = np.zeros(n), np.zeros(n, bool)
    observed, begun = {}, np.ones(n, bool)
    for _ in range(env.horizon):
        before = env.truth.positions
        observed, _, _, _, info = env.step(act(observed, begun))
        begun = np.zeros(n, bool)
        gone += np.linalg.norm(env.truth.positions - before, axis=1) * ~done
        done |= info["success"]
    assert done.all()
    # It stops counting within reach of the goal, by a step less or more.
    assert (gone <= length + 0.01).all()
    assert (gone >= length - 2.3 - 0.01).all()


def test_what_is_pushed_against_walls_is_a_choice():
    env = made("two-rooms", 300)
    shares = []
    for again in (1.0, 0.2):
        env.reset(seed=0)
        act = persistent(env, 0, again=again)
        bumped = 0
        for t in range(60):
            begun = np.full(300, t == 0)
            bumped += env.step(act({}, begun))[4]["bumped"].mean()
        shares.append(bumped)
    assert shares[1] > 1.5 * shares[0]


def test_floors_are_the_same_by_seed_and_leave_the_space_alone():
    env = made("town", 5)
    env.action_space.seed(1)
    first = env.action_space.sample()
    env.action_space.seed(1)
    drawn = [floor("random", env, seed=s)({}, np.ones(5, bool)) for s in (0, 0)]
    assert np.array_equal(*drawn)
    assert np.array_equal(env.action_space.sample(), first)


def test_unknown_floors_are_refused():
    with pytest.raises(WorldError, match="choose from random"):
        floor("best", made("town", 1))
    cart = make("CartPole-v1", 2)
    assert set(FLOORS) == {"random", "persistent", "greedy", "oracle"}
    with pytest.raises(WorldError, match="others have 'random'"):
        floor("oracle", cart)
