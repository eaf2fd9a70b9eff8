"""Doors that lock unseen: what did not happen as foreseen is believed of the map, until it does.

Surprise gates what is written: a step whose latent is farther from the foreseen one than nearly
all were while nothing was locked. The map's edges near it are believed to be blocked, with the
time of the evidence; when every way is, the oldest belief is tested first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.agent.latent.thinking import Thinker, ThinkerSettings, look
from unfrozen.errors import AgentError
from unfrozen.world.environments.batched import Batched
from unfrozen.world.jepa import Jepa
from unfrozen.world.planning.landmarks import LandmarkGraph, block, clear


@dataclass(frozen=True)
class Surprise:
    """How far a latent may be from what was foreseen.

    Attributes:
        threshold: distance that few steps exceed where the world is as it was learnt.
    """

    threshold: float

    @classmethod
    @torch.no_grad()
    def calibrated(
        cls,
        model: Jepa,
        before: Float[Tensor, "n d"],
        actions: Float[Tensor, "n a"],
        after: Float[Tensor, "n d"],
        quantile: float = 0.995,
    ) -> "Surprise":
        """From steps in the world as it was learnt.

        Args:
            model: foresees.
            before: latents where steps began.
            actions: that were done.
            after: latents where they led.
            quantile: share of steps that do not surprise.

        Raises:
            AgentError: there are no steps, or the share is none.
        """
        if not len(before) or not 0 < quantile < 1:
            raise AgentError("surprise is calibrated on steps, by a share between 0 and 1")
        far = (model.step(before, actions) - after).norm(dim=1)
        return cls(float(far.quantile(quantile)))


@dataclass(frozen=True)
class LockSettings:
    """How to learn of locks.

    Attributes:
        thinker: how to plan; over landmarks.
        strength: of one piece of evidence that a step is blocked.
        width: of its kernel in latents, as a share of the mean length of an edge.
        episodes: of a life.
        swap: episode from which the other door is locked.
        plastic: whether evidence is written at all.
        amnesic: whether it is gone after each episode.
    """

    thinker: ThinkerSettings
    strength: float = 3.0
    width: float = 0.5
    episodes: int = 10
    swap: int = 5
    plastic: bool = True
    amnesic: bool = False


@dataclass(frozen=True)
class Episode:
    """How an episode with locks went.

    Attributes:
        number: from 0.
        success: whether the goal was reached at the end.
        ever: whether it was reached at any step.
        steps: until it was first reached, or all.
        surprises: steps that were not as foreseen.
    """

    number: int
    success: bool
    ever: bool
    steps: int
    surprises: int


class Locks:
    """A life between two doors, one of which is locked unseen, and then the other.

    Args:
        model: foresees; has never seen a lock.
        graph: the map of latents, of the time before locks.
        surprise: what is not as foreseen.
        settings: how to learn.

    Raises:
        AgentError: plans are not over landmarks.
    """

    def __init__(
        self, model: Jepa, graph: LandmarkGraph, surprise: Surprise, settings: LockSettings
    ) -> None:
        if settings.thinker.landmarks is None:
            raise AgentError("locks are believed of a map: let the thinker plan over landmarks")
        self.model, self.first, self.surprise = model, graph, surprise
        self.settings = settings

    def live(self, env: Batched, seed: int) -> Iterator[Episode]:
        """Live through all episodes.

        Args:
            env: one copy of "two-doors".
            seed: of starts and goals; which door is locked first follows from it.
        """
        settings, graph, time = self.settings, self.first, 0
        first = 1 + seed % 2
        for number in range(settings.episodes):
            locked = first if number < settings.swap else 3 - first
            options = {"layout": np.array([locked])}
            observed, _ = env.reset(seed=seed * 1000 + number, options=options)
            if settings.amnesic:
                graph = self.first
            thinker = Thinker(self.model, replace(settings.thinker, seed=time), graph)
            ever, steps, surprises, success = False, env.horizon, 0, False
            for step in range(env.horizon):
                action = self._act(thinker, observed, time)
                before = look(self.model, observed).state
                observed, _, _, _, info = env.step(action)
                time += 1
                found = self.learn(graph, before, action, observed, time)
                if found is not graph:
                    surprises += 1
                    graph = thinker.graph = found
                    thinker.last = None
                success = bool(info["success"][0])
                if success and not ever:
                    ever, steps = True, step + 1
            yield Episode(number, success, ever, steps, surprises)

    @staticmethod
    def _act(thinker: Thinker, observed: dict[str, Any], time: int) -> Float[np.ndarray, "1 a"]:
        if thinker.spent:
            thinker.think(
                look(thinker.model, observed), torch.zeros(1, dtype=torch.bool), now=float(time)
            )
        return thinker.next()

    @torch.no_grad()
    def learn(
        self,
        graph: LandmarkGraph,
        before: Float[Tensor, "1 d"],
        action: Float[np.ndarray, "1 a"],
        observed: dict[str, Any],
        time: int,
    ) -> LandmarkGraph:
        """The map after a step: blocked where it surprised, open where it was thought blocked.

        Args:
            graph: the map before it.
            before: latents where the step began.
            action: that was done.
            observed: what is seen after it.
            time: of the evidence.
        """
        settings = self.settings
        if not settings.plastic:
            return graph
        foreseen = self.model.step(before, torch.from_numpy(action))
        after = look(self.model, observed).state
        width = settings.width * float(graph.lengths.mean())
        if float((foreseen - after).norm()) > self.surprise.threshold:
            assert settings.thinker.landmarks is not None
            return block(
                graph, before, foreseen, time=float(time), strength=settings.strength,
                width=width, belief=settings.thinker.landmarks.belief,
            )  # fmt: skip
        if bool((graph.strengths > 0).any()):
            cleared = clear(graph, before, after, width=width)
            changed = (cleared.strengths - graph.strengths).abs() > 0.1 * settings.strength
            return cleared if bool(changed.any()) else graph
        return graph
