"""Rooms seen by a JEPA: a policy distilled from plans, and doors that lock unseen."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unfrozen.agent.latent import (
    DistillSettings,
    Locks,
    LockSettings,
    Surprise,
    Thinker,
    ThinkerSettings,
    distill,
)
from unfrozen.agent.latent.distilling import Quick
from unfrozen.agent.latent.thinking import OVER_MAP
from unfrozen.world.environments import evaluate, make
from unfrozen.world.environments.batched import Batched
from unfrozen.world.jepa import Jepa
from unfrozen.world.planning.landmarks import LandmarkGraph, build
from unfrozen.world.schooling import Schooled, latents_of, school, train_model, walk

Progress = Callable[[str, int, int], None]
ARMS = ("plastic", "amnesic", "frozen")


@dataclass(frozen=True)
class RoomsBudget:
    """How much is done in rooms.

    Attributes:
        steps: of training of each model.
        episodes: that policies are judged on.
        asked: episodes at once in which the planner is asked, in each round.
        distill: how Mode 1 learns.
        lives: between locks, a model.
        landmarks: of the map.
    """

    steps: int
    episodes: int
    asked: int
    distill: DistillSettings
    lives: int
    landmarks: int = 200


def trained_on(
    name: str, size: RoomsBudget, seed: int, path: Path | None, progress: Progress
) -> Schooled:
    """A model of an environment."""
    of = school(name)
    of = replace(of, training=replace(of.training, steps=size.steps))
    return train_model(
        of, seed, path=path,
        progress=lambda update: progress(f"{name}, seed {seed}", update.number, size.steps),
    )  # fmt: skip


def modes(model: Jepa, size: RoomsBudget, seed: int, progress: Progress) -> dict[str, Any]:
    """Mode 2, and what Mode 1 makes of it.

    Args:
        model: of two rooms.
        size: how much is done.
        seed: of what policies are judged on; what they learn from has another.
        progress: told as it goes.

    Returns:
        Success at the end of episodes and milliseconds a decision, image and all, of each mode;
        success of Mode 2 that also tries what Mode 1 would do; and floors.
    """
    thinker = Thinker(model, ThinkerSettings(seed=seed))
    judged = seed + 50_000
    env = _rooms("two-rooms", size.episodes)
    second = evaluate(env, thinker, size.episodes, judged)
    teacher = Thinker(model, ThinkerSettings(seed=seed + 1))
    learnt = distill(
        teacher, _rooms("two-rooms", size.asked), replace(size.distill, seed=seed), progress
    )  # fmt: skip
    quick = Quick(model, learnt.policy)
    seeded = Thinker(model, ThinkerSettings(seed=seed), policy=learnt.policy)
    first = evaluate(_rooms("two-rooms", size.episodes), quick, size.episodes, judged)
    return {
        "seed": seed,
        "mode_2": second.success_end.mean,
        "mode_1": first.success_end.mean,
        "mode_1_ever": first.success_ever.mean,
        "seeded": evaluate(
            _rooms("two-rooms", size.episodes), seeded, size.episodes, judged
        ).success_end.mean,
        "ms_2": 1000 * _latency(Thinker(model, ThinkerSettings(seed=seed))),
        "ms_1": 1000 * _latency(quick),
        "pairs": learnt.pairs,
        "greedy": evaluate(env, "greedy", size.episodes, judged).success_end.mean,
        "persistent": evaluate(env, "persistent", size.episodes, judged).success_end.mean,
    }


def locked(
    schooled: Schooled, size: RoomsBudget, seed: int, progress: Progress
) -> dict[str, list[list[bool]]]:
    """Lives between two doors whose lock swaps: success of each episode, by arm and life.

    Args:
        schooled: a model of two doors that has never seen a lock.
        size: how much is done.
        seed: of what is walked for the map, and of lives.
        progress: told as it goes.
    """
    model = schooled.model
    walked = walk(school("two-doors"), seed + 20_000, 600)
    latents = latents_of(model, walked)
    graph: LandmarkGraph = build(latents, size.landmarks)
    surprise = Surprise.calibrated(
        model, latents[:, :-1].flatten(0, 1), walked.actions.flatten(0, 1),
        latents[:, 1:].flatten(0, 1),
    )  # fmt: skip
    found: dict[str, list[list[bool]]] = {}
    for arm in ARMS:
        settings = LockSettings(
            OVER_MAP, plastic=arm != "frozen", amnesic=arm == "amnesic"
        )  # fmt: skip
        lives = found[arm] = []
        for life in range(size.lives):
            locks = Locks(model, graph, surprise, settings)
            env = _rooms("two-doors", 1)
            lives.append([one.success for one in locks.live(env, seed * 100 + life)])
            progress(f"Locks, {arm}", life + 1, size.lives)
    return found


def after_swap(lives: list[list[bool]], swap: int) -> tuple[float, int]:
    """Success from the second episode after the swap on, and the most episodes lost in a life."""
    later = [success for life in lives for success in life[swap + 1 :]]
    lost = max(sum(not success for success in life[swap:]) for life in lives)
    return statistics.fmean(later), lost


def _rooms(name: str, n: int) -> Batched:
    env = make(name, n)
    assert isinstance(env, Batched)
    return env


def _latency(policy: Callable[..., Any], decisions: int = 60) -> float:
    """Mean seconds of a decision for one, from its image on."""
    env = _rooms("two-rooms", 1)
    observed, _ = env.reset(seed=0)
    begun, taken = np.ones(1, np.bool_), list[float]()
    for _ in range(decisions):
        began = time.perf_counter()
        action = policy(observed, begun)
        taken.append(time.perf_counter() - began)
        observed, *_ = env.step(action)
        begun = np.zeros(1, np.bool_)
    # The first one warms up.
    return statistics.fmean(taken[1:])
