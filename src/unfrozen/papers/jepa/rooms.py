"""Models of rooms: trained, looked through, and planned with."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unfrozen.agent.latent import Thinker, ThinkerSettings
from unfrozen.world.costs import Effort, Goal, TotalCost
from unfrozen.world.environments import RoomTrajectories, evaluate, images, make
from unfrozen.world.environments.batched import Batched
from unfrozen.world.environments.rooms.walking import RoomsTruth
from unfrozen.world.jepa import (
    Diagnosis,
    Jepa,
    JepaTraining,
    Push,
    Tunnelling,
    diagnose,
    tunnelling,
)
from unfrozen.world.model import rollout
from unfrozen.world.planning import MppiSettings
from unfrozen.world.planning.landmarks import Belief, LandmarkSettings, build
from unfrozen.world.schooling import School, Schooled, latents_of, train_model, walk, windows_of

Progress = Callable[[str, int, int], None]
FLOORS = ("random", "persistent", "greedy", "oracle")
_PUSHES, _STEPS, _BEFORE = 400, 6, 3.0
_HELD_OUT = 30_000


@dataclass(frozen=True)
class Looked:
    """What a model is, apart from plans.

    Attributes:
        diagnosis: on walks that it was not trained on.
        tunnelling: pushes against walls and through doors.
    """

    diagnosis: Diagnosis
    tunnelling: Tunnelling | None

    def told(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {k: v for k, v in vars(self.diagnosis).items() if k != "probe"}
        # A collapse has no order.
        found["order"] = None if np.isnan(found["order"]) else found["order"]
        found["verdict"] = self.diagnosis.verdict
        if self.tunnelling is not None:
            found |= {"through_walls": self.tunnelling.wall, "through_doors": self.tunnelling.door}
        return found


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


def looked_at(of: School, model: Jepa, seed: int, walls: bool) -> Looked:
    """Diagnose a model, and push it against walls.

    Args:
        of: where.
        model: trained.
        seed: it was trained with; what it is asked has another.
        walls: whether there are two rooms with one door, to push in.
    """
    walked = walk(of, seed + _HELD_OUT, 240)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(len(walked))
    starts = torch.randint(of.steps - of.length + 1, (len(rows),), generator=generator)
    drawn = walked.windows(rows, starts, of.length)
    at = starts[:, None] + torch.arange(of.length)
    positions = walked.positions[rows[:, None], at]
    held_out = windows_of(replace(of, batch=1), walked)(generator)
    if of.apart:
        windows = held_out._replace(
            observations=drawn.images[:, :, :1], actions=drawn.actions,
            structure=drawn.images[:, 0, 1:2],
        )  # fmt: skip
    else:
        windows = held_out._replace(observations=drawn.images, actions=drawn.actions)
    found = diagnose(model, windows, positions, generator)
    pushes = _tunnelling(walked, model, found, generator) if walls else None
    return Looked(found, pushes)


@torch.no_grad()
def _tunnelling(
    walked: RoomTrajectories, model: Jepa, found: Diagnosis, generator: torch.Generator
) -> Tunnelling:
    """Six steps at full speed, from three pixels before a wall or a door."""
    which = torch.randint(len(walked.solid), (_PUSHES,), generator=generator)
    solid = walked.solid[which]
    column = solid[:, 1:-1].float().mean(1)[:, 1:-1].argmax(1) + 1
    gap = ~solid[torch.arange(_PUSHES), :, column]
    middle = (gap * torch.arange(gap.shape[1])).sum(1) / gap.sum(1)
    half = gap.sum(1) / 2
    side = torch.where(torch.rand(_PUSHES, generator=generator) < 0.5, -1.0, 1.0)
    x = column + side * _BEFORE
    # Rows from two pixels off the door to the picture's edge.
    height = solid.shape[1]
    free = torch.rand(_PUSHES, generator=generator)
    below, above = middle - half - 3, height - 4 - (middle + half + 1)
    lower = (above < 1) | ((torch.rand(_PUSHES, generator=generator) < 0.5) & (below > 1))
    y = torch.where(lower, 2 + free * (below - 1).clamp(min=0), middle + half + 2 + free * above)
    y = y.clamp(2, height - 3)
    action = torch.stack([-side * 1.5, torch.zeros(_PUSHES)], 1)[:, None].expand(-1, _STEPS, -1)

    def push(rows: Tensor) -> tuple[Any, Push]:
        seen = images(torch.stack([x, rows], 1), solid, walked.sigma)
        if model.settings.structure is None:
            dynamics: Any = model
            latents = model.encode(seen)
        else:
            dynamics, latents = model.within(seen[:, 1:2]), model.encode(seen[:, :1])
        return dynamics, Push(latents, action, lambda p: (p[:, 0] - column) * side < 0)

    wall, door = push(y), push(middle)
    return tunnelling(wall[0], found.probe, wall[1], door[1], through=door[0])


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


def floors(
    name: str, episodes: int, seed: int, names: tuple[str, ...] = FLOORS
) -> dict[str, float]:
    """What needs no model."""
    return {
        which: evaluate(_rooms(name, episodes), which, episodes, seed).success_end.mean
        for which in FLOORS
    }


FLAT = ThinkerSettings()
FAR = ThinkerSettings(
    planner=MppiSettings(
        horizon=40, width=2, low=-1.5, high=1.5, samples=128, iterations=4, elites=16,
        correlation=0.9,
    )
)  # fmt: skip
_LOWER = MppiSettings(horizon=10, width=2, low=-1.5, high=1.5, samples=64, iterations=3, elites=12)
OVER_MAP = ThinkerSettings(
    planner=_LOWER,
    landmarks=LandmarkSettings(lower=_LOWER, hops=2, belief=Belief(least_count=3)),
)


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
