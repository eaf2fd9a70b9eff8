"""A dot that pushes an object to a goal, n copies at once."""

from dataclasses import replace
from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import maximum_filter

from unfrozen.errors import WorldError
from unfrozen.world.environments.batched import Batched, Observation, option
from unfrozen.world.environments.rooms.drawing import images
from unfrozen.world.environments.rooms.layouts import Layouts
from unfrozen.world.environments.rooms.moving import slide
from unfrozen.world.environments.rooms.walking import (
    RoomSettings,
    RoomsTruth,
    begun,
    picture,
    reached,
    replaced,
    shortened,
    spaces,
)
from unfrozen.world.environments.streams import Streams

CONTACT = 2.5
"""Distance of a dot and the object at which they touch, in pixels."""
KERB = 4
"""How near the object comes to a wall, in pixels: a dot fits behind it, so it is never stuck."""


class VectorPush(Batched):
    """n dots, each with an object that is to be pushed to a goal.

    A dot moves as in `VectorRooms`.  Where it comes nearer to the object's middle than `CONTACT`,
    the object gives way along the line of their middles, without friction; where a kerb `KERB`
    pixels from the walls stops the object, the dot stays behind.  Reward and success are those of
    the object at the goal.

    Observations: `image` and `goal` [n, 3, h, w], the dot (none in `goal`), the walls and the
    object; or `position`, `object` and `goal` [n, 2] in pixels and `walls` [n, h, w].

    Options of `reset`: `layout` [n], `start`, `object` and `goal` [n, 2] instead of drawn ones.

    Args:
        layouts: the bank, with room for the object in both zones.
        n: copies.
        settings: how points move, and what is seen.

    Raises:
        WorldError: settings make no sense, or a layout is too narrow.
    """

    options: ClassVar[tuple[str, ...]] = ("layout", "start", "object", "goal")

    def __init__(self, layouts: Layouts, n: int, settings: RoomSettings = RoomSettings()) -> None:
        self.layouts, self.settings = layouts, settings
        kerb = maximum_filter(layouts.solid, (1, 2 * KERB + 1, 2 * KERB + 1), mode="nearest")
        try:
            self.kerb = replace(layouts, solid=kerb, zones=np.where(kerb, 0, layouts.zones))
        except WorldError as error:
            raise WorldError(f"no object fits: it keeps {KERB} pixels off all walls") from error
        within = spaces(layouts, settings.observe, channels=3)
        if settings.observe == "position":
            within["object"] = within["position"]
        super().__init__(
            n,
            gymnasium.spaces.Dict(within),
            gymnasium.spaces.Box(-settings.step, settings.step, (2,), np.float32),
            2 * layouts.horizon if settings.horizon is None else settings.horizon,
        )
        self._which = np.zeros(n, np.int64)
        self._at, self._object, self._goals = (np.zeros((n, 2), np.float32) for _ in range(3))
        self._bumped = np.zeros(n, np.bool_)
        self._there = np.zeros(n, np.bool_)
        self._fixed: Observation = {}

    @property
    def truth(self) -> RoomsTruth:
        """Layouts, positions, goals and objects: for oracles and tests, never for an agent."""
        state = (self._at, self._goals, self._bumped, self._object)
        return RoomsTruth(self.layouts, self._which, *state, self.settings)

    def picture(self, row: int = 0) -> np.ndarray:
        """One copy from above: walls grey, goal orange, object green, dot blue."""
        return picture(
            self.layouts, int(self._which[row]), self._at[row], self._goals[row], self._object[row]
        )  # fmt: skip

    def _begin(
        self, rows: np.ndarray, streams: Streams, options: dict[str, Any], seeded: bool
    ) -> None:
        drawn, more = streams.uniform(rows, 8), streams.uniform(rows, 3)
        which, things, goals = begun(self.kerb, drawn, rows, options, self.num_envs, "object")
        count = self.layouts.counts[which, 0]
        pixel = self.layouts.pixels[which, 0, (more[:, 0] * count).astype(np.int64)]
        width = self.layouts.shape[1]
        at = np.stack([pixel % width, pixel // width], 1) + 0.9 * (more[:, 1:] - 0.5)
        # A dot that would begin in the object begins beside it: the kerb leaves room there.
        away = at - things
        far = np.linalg.norm(away, axis=1, keepdims=True)
        beside = things + away / np.maximum(far, 1e-6) * (CONTACT + 1)
        at = np.where(far < CONTACT + 1, beside, at).astype(np.float32)
        if (given := option(options, "start", (self.num_envs, 2))) is not None:
            at = given[rows].astype(np.float32)
            if not self._free(which, at).all():
                raise WorldError("a start is a point that is free of walls")
        self._which, self._at = replaced(self._which, rows, which), replaced(self._at, rows, at)
        self._object = replaced(self._object, rows, things)
        self._goals = replaced(self._goals, rows, goals)
        self._bumped = replaced(self._bumped, rows, False)
        self._there = self._reached()
        self._fixed = self._still()

    def _free(self, which: np.ndarray, points: np.ndarray) -> Bool[np.ndarray, " r"]:
        height, width = self.layouts.shape
        last = [width - 1, height - 1]
        x, y = np.clip(np.floor(points + 0.5).astype(np.int64), 0, last).T
        return ~self.layouts.solid[which, y, x]

    def _move(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moves = shortened(actions, self.num_envs, self.settings.step)
        at, self._bumped = slide(self.layouts.solid, self._which, self._at, moves)
        push = _apart(at, self._object, moves)
        self._object = slide(self.kerb.solid, self._which, self._object, push).positions
        # What the object could not give way, the dot does.
        back = -_apart(at, self._object, moves)
        self._at = slide(self.layouts.solid, self._which, at, back).positions
        self._there = self._reached()
        return self._there.astype(np.float64), np.zeros(self.num_envs, np.bool_)

    def _reached(self) -> Bool[np.ndarray, " n"]:
        return reached(
            self.kerb, self._which, self._object, self._goals, self.settings.reach
        )  # fmt: skip

    def _still(self) -> Observation:
        walls = self.layouts.seen[self._which]
        if self.settings.observe == "position":
            return {"goal": self._goals, "walls": walls.astype(np.int8)}
        goal = self._drawn(self._goals, self._goals, walls)
        goal[:, 0] = 0
        return {"goal": goal, "walls": walls}

    def _drawn(self, dots: np.ndarray, things: np.ndarray, walls: np.ndarray) -> np.ndarray:
        torched = (torch.from_numpy(part) for part in (dots, walls, things))
        dot, wall, thing = torched
        return images(dot, wall, self.settings.sigma, thing).numpy()

    def _observe(self) -> Observation:
        goal, walls = self._fixed["goal"], self._fixed["walls"]
        if self.settings.observe == "position":
            return {"position": self._at, "object": self._object, "goal": goal, "walls": walls}
        return {"image": self._drawn(self._at, self._object, walls), "goal": goal}

    def _info(self) -> dict[str, Any]:
        return {"success": self._there, "bumped": self._bumped}


def _apart(
    dots: Float[np.ndarray, "n 2"], things: Float[np.ndarray, "n 2"], moves: np.ndarray
) -> Float[np.ndarray, "n 2"]:
    """By how much things have to go away from dots so that they only touch."""
    between = things - dots
    length = np.linalg.norm(between, axis=1, keepdims=True)
    # Middles that coincide are parted along the step.
    between = np.where(length < 1e-6, moves + np.float32(1e-9), between)
    unit = between / np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-9)
    return unit * np.maximum(CONTACT - length, 0)
