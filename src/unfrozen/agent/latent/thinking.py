"""Mode 2 in latents: what a JEPA sees, and plans through what it foresees, for n copies at once."""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.errors import AgentError
from unfrozen.world.costs import Goal, TotalCost
from unfrozen.world.jepa import Jepa
from unfrozen.world.model import Dynamics
from unfrozen.world.planning import MppiSettings, Plan, mppi
from unfrozen.world.planning.landmarks import (
    Belief,
    ImagineSettings,
    LandmarkGraph,
    LandmarkSettings,
    imagine,
    subgoals,
)


@dataclass(frozen=True, eq=False)
class Looked:
    """What is seen, as latents.

    Attributes:
        state: of where each copy is.
        goal: of where it wants to be.
        dynamics: what the model foresees, on the maps that are seen.
    """

    state: Float[Tensor, "n d"]
    goal: Float[Tensor, "n d"]
    dynamics: Dynamics


@torch.no_grad()
def look(model: Jepa, observed: dict[str, Any]) -> Looked:
    """Encode rooms' observations.

    A model with its structure apart is given dots as observations and walls as structure.

    Args:
        model: in its mode of evaluation.
        observed: `image` and `goal` [n, c, h, w], of rooms.
    """
    image, goal = (torch.from_numpy(np.asarray(observed[k])) for k in ("image", "goal"))
    if model.settings.structure is None:
        return Looked(model.encode(image), model.encode(goal), model)
    within = model.within(image[:, 1:2])
    return Looked(model.encode(image[:, :1]), model.encode(goal[:, :1]), within)


@dataclass(frozen=True)
class ThinkerSettings:
    """How to plan.

    Attributes:
        planner: to goals that are near, or to all without a map.
        every: steps between two plans.
        landmarks: over a map, instead of straight at the goal; how to plan to one is `planner`.
        imagine: over landmarks that no map joins, as the model foresees ways between them.
        patience: plans in a row that gain nothing, after which it goes from landmark to landmark.
        seed: of the planner's noise.
    """

    planner: MppiSettings = field(
        default_factory=lambda: MppiSettings(
            horizon=30, width=2, low=-1.5, high=1.5, samples=96, iterations=3, elites=16
        )
    )
    every: int = 2
    landmarks: LandmarkSettings | None = None
    imagine: ImagineSettings | None = None
    patience: int = 3
    seed: int = 0


STRAIGHT = ThinkerSettings()
"""Straight at goals."""

FAR = ThinkerSettings(
    planner=MppiSettings(
        horizon=40, width=2, low=-1.5, high=1.5, samples=128, iterations=4, elites=16,
        correlation=0.9,
    )
)  # fmt: skip
"""The same with longer and more plans, where walls are elsewhere each time."""

_NEAR = MppiSettings(horizon=10, width=2, low=-1.5, high=1.5, samples=64, iterations=3, elites=12)
OVER_MAP = ThinkerSettings(
    planner=_NEAR, landmarks=LandmarkSettings(lower=_NEAR, hops=2, belief=Belief(least_count=3))
)
"""From landmark to landmark of a map that was walked."""

IMAGINED = ThinkerSettings(planner=_NEAR, imagine=ImagineSettings())
"""From landmark to landmark, by ways that are imagined: walls may be elsewhere each time."""


@dataclass
class Thinker:
    """Plans, and acts by its plans: a policy of environments.

    Attributes:
        model: foresees.
        settings: how to plan.
        graph: map of latents, for plans over landmarks.
        places: latents of landmarks, for ways that are imagined.
        policy: actions at states [n, d], to goals [n, d]; what it would do is tried among plans
            (TD-MPC2, Hansen et al. 2024).
        seconds: spent on plans.
        plans: rows that were planned for.
        last: the plan in force, if there is one.
        impasses: rows and plans at which nothing had been gained for a while.
    """

    model: Jepa
    settings: ThinkerSettings = field(default_factory=ThinkerSettings)
    graph: LandmarkGraph | None = None
    places: Float[Tensor, "m d"] | None = None
    policy: Callable[[Tensor, Tensor], Tensor] | None = None
    seconds: float = 0.0
    plans: int = 0
    last: Plan | None = None
    impasses: int = 0
    _nearest: Tensor | None = None
    _idle: Tensor = field(default_factory=lambda: torch.zeros(0))
    _taken: int = 0
    _generator: torch.Generator = field(default_factory=torch.Generator)

    def __post_init__(self) -> None:
        self._generator.manual_seed(self.settings.seed)

    def __call__(
        self, observed: dict[str, Any], begun: Bool[np.ndarray, " n"]
    ) -> Float[np.ndarray, "n a"]:
        """Actions of all copies."""
        if self.spent or begun.any():
            self.think(look(self.model, observed), torch.from_numpy(begun))
        return self.next()

    @property
    def spent(self) -> bool:
        """Whether it is time to plan anew."""
        return self.last is None or self._taken >= self.settings.every

    def next(self) -> Float[np.ndarray, "n a"]:
        """The next actions of the plan in force.

        Raises:
            AgentError: there is none.
        """
        if self.last is None:
            raise AgentError("there is no plan yet: think(looked, begun) makes one")
        action = self.last.actions[:, self._taken]
        self._taken += 1
        return action.numpy()

    @torch.no_grad()
    def think(
        self,
        looked: Looked,
        begun: Bool[Tensor, " n"],
        now: float = 0.0,
    ) -> Plan:
        """Plan anew, from where the last plan was left.

        Args:
            looked: what is seen.
            begun: copies whose last plan is of another episode.
            now: the time, for beliefs of the map.
        """
        began = clock.perf_counter()
        first = None
        if self.last is not None and len(self.last.actions) == len(begun):
            shifted = self.last.shifted(self._taken)
            first = torch.where(begun[:, None, None], 0.0, shifted)
        settings, goal = self.settings, looked.goal
        if self.graph is not None and settings.landmarks is not None:
            goal = self._walked(self.graph, settings.landmarks, looked, begun, now)
        elif self.places is not None and settings.imagine is not None:
            goal = self._imagined(self.places, settings.imagine, looked, begun)
        self.last = mppi(
            looked.dynamics, TotalCost((Goal(goal),)), looked.state, settings.planner,
            actions=first, proposals=self._proposed(looked, goal), generator=self._generator,
        )  # fmt: skip
        self._taken = 0
        self.seconds += clock.perf_counter() - began
        self.plans += len(begun)
        return self.last

    def _proposed(
        self, looked: Looked, goal: Float[Tensor, "n d"]
    ) -> Float[Tensor, "n 1 t a"] | None:
        """What the policy would do, as far as the model foresees."""
        if self.policy is None:
            return None
        state, actions = looked.state, []
        for _ in range(self.settings.planner.horizon):
            actions.append(self.policy(state, goal))
            state = looked.dynamics.step(state, actions[-1])
        return torch.stack(actions, 1)[:, None]

    def _walked(
        self,
        graph: LandmarkGraph,
        settings: LandmarkSettings,
        looked: Looked,
        begun: Bool[Tensor, " n"],
        now: float,
    ) -> Float[Tensor, "n d"]:
        """The landmark to go to, over steps that were really taken."""
        ask = {"now": now, "belief": settings.belief}
        found = subgoals(graph, looked.state, looked.goal, hops=settings.hops, **ask)
        stuck = self._stuck(found.distance, begun)
        if not bool(stuck.any()):
            return found.latent
        near = subgoals(graph, looked.state, looked.goal, hops=1, **ask)
        return torch.where(stuck[:, None], near.latent, found.latent)

    def _imagined(
        self,
        places: Float[Tensor, "m d"],
        settings: ImagineSettings,
        looked: Looked,
        begun: Bool[Tensor, " n"],
    ) -> Float[Tensor, "n d"]:
        """The state to go to, over steps that the model foresees."""
        tree = imagine(looked.dynamics, places, looked.state, looked.goal, settings)
        left = tree.depths.gather(1, tree.nearest[:, None])[:, 0].double()
        # A node that is no more than near the goal counts as no way to it.
        stuck = self._stuck(torch.where(tree.arrived, left, torch.inf), begun)
        far, near = (tree.ahead(looked.goal, n) for n in (settings.ahead, 1))
        return torch.where(stuck[:, None], near, far)

    def _stuck(self, left: Float[Tensor, " n"], begun: Bool[Tensor, " n"]) -> Bool[Tensor, " n"]:
        """Where nothing was gained for a while, so that the very next landmark is to be gone to.

        A plan to a landmark behind a corner can stay before it: distances know nothing of walls.

        Args:
            left: of the way to the goal.
            begun: copies whose way is another one.
        """
        if self._nearest is None or len(self._nearest) != len(left):
            self._nearest, self._idle = torch.full_like(left, torch.inf), torch.zeros(len(left))
        fresh = begun | (left < self._nearest - 1e-6)
        self._nearest = torch.where(begun, left, torch.minimum(left, self._nearest))
        self._idle = torch.where(fresh, 0.0, self._idle + 1)
        stuck = self._idle > self.settings.patience
        # As long again it tries otherwise, and then begins to count anew.
        self._idle = torch.where(self._idle > 2 * self.settings.patience, 0.0, self._idle)
        self.impasses += int(stuck.sum())
        return stuck
