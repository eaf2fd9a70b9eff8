"""Plans in latents: straight at goals in the open, over a map where walls are in between."""

import numpy as np
import pytest
import torch
from tests.agent.latent.points import Points

from unfrozen.agent.latent import Thinker, ThinkerSettings, look
from unfrozen.agent.latent.thinking import IMAGINED, OVER_MAP
from unfrozen.errors import AgentError
from unfrozen.world.environments import make
from unfrozen.world.environments.batched import Batched
from unfrozen.world.environments.rooms.layouts import snake, two_doors
from unfrozen.world.planning import MppiSettings
from unfrozen.world.planning.landmarks import LandmarkGraph, build
from unfrozen.world.schooling import latents_of, places_of, school, walk

DOORS = Points(two_doors(locks=False))


@pytest.fixture(scope="module")
def graph() -> LandmarkGraph:
    walked = walk(school("two-doors"), 3, 300)
    return build(latents_of(DOORS, walked), 150)


def rooms(name: str, n: int) -> Batched:
    env = make(name, n)
    assert isinstance(env, Batched)
    return env


def success(thinker: Thinker, env: Batched, seed: int) -> float:
    observed, _ = env.reset(seed=seed, options={"layout": np.zeros(env.num_envs, np.int64)})
    begun, info = np.ones(env.num_envs, np.bool_), {}
    for _ in range(env.horizon):
        observed, _, _, _, info = env.step(thinker(observed, begun))
        begun = np.zeros(env.num_envs, np.bool_)
    return float(info["success"].mean())


def test_latents_are_what_the_model_makes_of_both_images() -> None:
    env = rooms("two-rooms", 4)
    observed, _ = env.reset(seed=0)
    looked = look(Points(), observed)
    truth = env.truth
    assert np.abs(looked.state.numpy() - truth.positions).max() < 0.02
    assert np.abs(looked.goal.numpy() - truth.goals).max() < 0.02


def test_a_map_leads_through_doors_that_straight_plans_do_not_find(graph: LandmarkGraph) -> None:
    env = rooms("two-doors", 12)
    straight = success(Thinker(Points()), env, 5)  # It believes in no walls.
    assert success(Thinker(DOORS, OVER_MAP, graph), env, 5) > max(0.9, straight)


def test_where_nothing_is_gained_the_very_next_landmark_is_gone_to(graph: LandmarkGraph) -> None:
    thinker = Thinker(Points(), OVER_MAP, graph)
    observed, _ = rooms("two-doors", 3).reset(seed=1)
    looked, begun = look(Points(), observed), torch.ones(3, dtype=torch.bool)
    thinker.think(looked, begun)
    for _ in range(OVER_MAP.patience):
        thinker.think(looked, ~begun)
        assert thinker.impasses == 0
    thinker.think(looked, ~begun)
    assert thinker.impasses > 0


def test_plans_are_counted_and_the_same_by_the_same_seed() -> None:
    observed, _ = rooms("two-rooms", 5).reset(seed=2)
    begun = np.ones(5, np.bool_)
    one, other = (Thinker(Points(), ThinkerSettings(seed=4)) for _ in range(2))
    assert np.array_equal(one(observed, begun), other(observed, begun))
    assert one.plans == 5
    assert one.seconds > 0


def test_there_is_no_next_action_without_a_plan() -> None:
    with pytest.raises(AgentError, match="no plan yet"):
        Thinker(Points()).next()


def test_what_a_policy_would_do_is_tried() -> None:
    observed, _ = rooms("two-rooms", 3).reset(seed=2)
    looked, begun = look(Points(), observed), torch.ones(3, dtype=torch.bool)
    none = MppiSettings(
        horizon=30, width=2, low=-1.5, high=1.5, samples=2, elites=1, iterations=1, deviation=1e-6,
        least_deviation=0.0,
    )  # fmt: skip
    thinker = Thinker(Points(), ThinkerSettings(planner=none))
    still = thinker.think(looked, begun)
    guided = Thinker(Points(), ThinkerSettings(planner=none), policy=lambda s, g: (g - s) / 4)
    led = guided.think(looked, begun)
    # Nothing is drawn, so that all that leads to the goal is the policy.
    assert bool((led.cost < still.cost).all())
    assert bool(((led.states[:, -1] - looked.goal).norm(dim=1)
                 < (looked.state - looked.goal).norm(dim=1)).all())  # fmt: skip


def test_ways_that_were_never_walked_are_imagined_round_the_wall() -> None:
    model = Points(snake())
    places = places_of(model, walk(school("snake"), 3, 100))
    # Straight plans reach nothing there, see the paper; the map was never walked by anybody.
    assert success(Thinker(model, IMAGINED, places=places), rooms("snake", 6), 7) == 1
