"""Models of rooms: trained, looked through, and planned with."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from unfrozen.agent.latent import Thinker, ThinkerSettings
from unfrozen.world.costs import Effort, Goal, TotalCost
from unfrozen.world.environments import FLOORS, evaluate, make
from unfrozen.world.environments.batched import Batched
from unfrozen.world.environments.rooms.walking import RoomsTruth
from unfrozen.world.jepa import (
    Jepa,
    JepaTraining,
)
from unfrozen.world.model import rollout
from unfrozen.world.planning.landmarks import build
from unfrozen.world.schooling import School, Schooled, latents_of, places_of, train_model

Progress = Callable[[str, int, int], None]


def trained(
    of: School, training: JepaTraining, seed: int, path: Path | None, told: str, progress: Progress
) -> Schooled:
    """A model of rooms.

    Args:
        of: where and on what.
        training: for how long and for what.
        seed: of walks and weights.
        path: of a file to go on from.
        told: what it is, beside the bar.
        progress: told as it goes.
    """
    return train_model(
        replace(of, training=training), seed, path=path,
        progress=lambda update: progress(told, update.number, training.steps),
    )  # fmt: skip


def planned(
    name: str, model: Jepa, episodes: int, seed: int, settings: ThinkerSettings, **rooms: Any
) -> dict[str, float]:
    """How often goals are reached by plans.

    Args:
        name: of rooms.
        model: foresees.
        episodes: all at once.
        seed: of episodes and of noise.
        settings: how to plan.
        rooms: settings of the environment.
    """
    env = _rooms(name, episodes, **rooms)
    score = evaluate(env, Thinker(model, replace(settings, seed=seed)), episodes, seed)
    return {"end": score.success_end.mean, "ever": score.success_ever.mean}


def over_map(
    name: str, schooled: Schooled, episodes: int, seed: int, settings: ThinkerSettings
) -> dict[str, float]:
    """The same over a map of landmarks that was walked."""
    graph = build(latents_of(schooled.model, schooled.walked, slice(0, 1000)), 200)
    env = _rooms(name, episodes)
    thinker = Thinker(schooled.model, replace(settings, seed=seed), graph)
    score = evaluate(env, thinker, episodes, seed)
    return {"end": score.success_end.mean, "ever": score.success_ever.mean}


def imagined(
    name: str, schooled: Schooled, episodes: int, seed: int, settings: ThinkerSettings
) -> dict[str, float]:
    """The same over landmarks of places, by ways that the model foresees between walls it is shown.

    Places are latents of dots wherever they were, whatever walls stood there.
    """
    places = places_of(schooled.model, schooled.walked)
    thinker = Thinker(schooled.model, replace(settings, seed=seed), places=places)
    score = evaluate(_rooms(name, episodes), thinker, episodes, seed)
    return {"end": score.success_end.mean, "ever": score.success_ever.mean}


def floors(name: str, episodes: int, seed: int) -> dict[str, float]:
    """What needs no model."""
    return {
        which: evaluate(_rooms(name, episodes), which, episodes, seed).success_end.mean
        for which in FLOORS
    }


@torch.no_grad()
def rollouts(model: Jepa, rows: int = 128, horizon: int = 30, times: int = 20) -> float:
    """Latent steps a second on one core, with the cost of each as a planner takes it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        state = torch.zeros(rows, model.settings.width)
        actions = torch.zeros(rows, horizon, model.settings.actions)
        cost = TotalCost((Goal(torch.zeros(model.settings.width)), Effort(weight=0.1)))
        taken = list[float]()
        for _ in range(times):
            began = time.perf_counter()
            cost(rollout(model, state, actions), actions)
            taken.append(time.perf_counter() - began)
        return rows * horizon / sorted(taken)[times // 2]
    finally:
        torch.set_num_threads(threads)


def _rooms(name: str, n: int, **rooms: Any) -> Batched:
    env = make(name, n, **rooms)
    assert isinstance(env, Batched)
    assert isinstance(env.truth, RoomsTruth)
    return env
