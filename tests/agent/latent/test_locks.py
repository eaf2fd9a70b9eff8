"""Doors that lock unseen: found out once, remembered, and unlearnt when they open."""

import numpy as np
import pytest
import torch
from tests.agent.latent.points import Points

from unfrozen.agent.latent import Locks, LockSettings, Surprise, ThinkerSettings, look
from unfrozen.agent.latent.thinking import OVER_MAP
from unfrozen.errors import AgentError
from unfrozen.world.environments import make
from unfrozen.world.environments.batched import Batched
from unfrozen.world.environments.rooms.layouts import two_doors
from unfrozen.world.planning.landmarks import LandmarkGraph, build
from unfrozen.world.schooling import latents_of, school, walk

SURPRISE, DOORS = Surprise(0.2), Points(two_doors(locks=False))


@pytest.fixture(scope="module")
def graph() -> LandmarkGraph:
    walked = walk(school("two-doors"), 3, 300)
    return build(latents_of(DOORS, walked), 150)


def doors() -> Batched:
    env = make("two-doors", 1)
    assert isinstance(env, Batched)
    return env


def pushed(graph: LandmarkGraph, layout: int, plastic: bool = True) -> LandmarkGraph:
    """The map after a push against the lower door."""
    locks = Locks(DOORS, graph, SURPRISE, LockSettings(OVER_MAP, plastic=plastic))
    env = doors()
    start = {"layout": np.array([layout]), "start": np.array([[14.8, 6.0]], np.float32)}
    observed, _ = env.reset(seed=0, options=start)
    for time in range(3):
        before = look(DOORS, observed).state
        action = np.array([[1.4, 0.0]], np.float32)
        observed, *_ = env.step(action)
        graph = locks.learn(graph, before, action, observed, time)
    return graph


def test_a_lock_closes_the_ways_through_its_door_and_no_others(graph: LandmarkGraph) -> None:
    strengths = pushed(graph, layout=1).strengths
    source, target = graph.landmarks[graph.source], graph.landmarks[graph.target]
    across = (source[:, 0] - 16) * (target[:, 0] - 16) < 0
    upper = (source[:, 1] + target[:, 1]) / 2 > 16
    assert int((strengths[across & ~upper] >= 1).sum()) >= 2
    assert float(strengths[across & upper].max()) < 0.01
    far = ((source[:, 0] - 16).abs() > 6) & ((target[:, 0] - 16).abs() > 6)
    assert float(strengths[far].max()) < 0.01


def test_an_open_door_surprises_nobody_and_what_was_closed_is_open_again(
    graph: LandmarkGraph,
) -> None:
    assert pushed(graph, layout=0) is graph
    closed = pushed(graph, layout=1)
    opened = pushed(closed, layout=0)
    assert float(opened.strengths.sum()) < 0.5 * float(closed.strengths.sum())


def test_the_frozen_agent_writes_nothing(graph: LandmarkGraph) -> None:
    assert pushed(graph, layout=1, plastic=False) is graph


def test_surprise_is_what_few_steps_of_the_known_world_exceed() -> None:
    generator = torch.Generator().manual_seed(0)
    before = 10 + 10 * torch.rand(2000, 2, generator=generator)
    actions = torch.randn(2000, 2, generator=generator)
    noise = torch.randn(2000, 2, generator=generator)
    found = Surprise.calibrated(Points(), before, actions, before + actions + noise, 0.99)
    # The norm of two normal numbers exceeds sqrt(2 ln 100) once in a hundred.
    assert found.threshold == pytest.approx((2 * np.log(100)) ** 0.5, rel=0.1)


def test_the_same_life_is_lived_again_by_the_same_seed(graph: LandmarkGraph) -> None:
    settings = LockSettings(OVER_MAP, episodes=2, swap=1)
    one, other = (list(Locks(DOORS, graph, SURPRISE, settings).live(doors(), 5)) for _ in "12")
    assert one == other


def test_bad_input_is_refused(graph: LandmarkGraph) -> None:
    with pytest.raises(AgentError, match="plan over landmarks"):
        Locks(DOORS, graph, SURPRISE, LockSettings(ThinkerSettings()))
    none = torch.zeros(0, 2)
    with pytest.raises(AgentError, match="calibrated on steps"):
        Surprise.calibrated(Points(), none, none, none)
