"""A dot that walks among walls to a goal, n copies at once."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import gymnasium
import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from unfrozen.errors import WorldError
from unfrozen.world.environments.batched import Batched, Observation, option
from unfrozen.world.environments.rooms.drawing import images
from unfrozen.world.environments.rooms.layouts import Layouts
from unfrozen.world.environments.rooms.moving import MARGIN, clear, slide
from unfrozen.world.environments.streams import Streams

Seen = Literal["image", "position"]


@dataclass(frozen=True)
class RoomSettings:
    """How a point moves, and what is seen.

    Attributes:
        step: the longest step, in pixels; longer actions are shortened to it.
        reach: distance below which a goal is reached, in pixels, if no wall is in between.
        sigma: of dots in images, in pixels.
        horizon: steps of an episode; the layouts' own if None.
        observe: "image" shows images of present and goal; "position" the coordinates and the
            walls, without drawing anything.
    """

    step: float = 1.5
    reach: float = 2.3
    sigma: float = 1.0
    horizon: int | None = None
    observe: Seen = "image"

    def __post_init__(self) -> None:
        if min(self.step, self.reach, self.sigma) <= 0:
            raise WorldError("the longest step, the reach of goals and the dots' sigma are above 0")
        if self.observe not in ("image", "position"):
            raise WorldError(f"rooms are observed by 'image' or 'position', not {self.observe!r}")


class RoomsTruth(NamedTuple):
    """Rooms as they are.

    Attributes:
        layouts: the bank.
        which: layout of each copy.
        positions: x and y, in pixels.
        goals: x and y, in pixels.
        bumped: whether a wall was in the way of the last step.
        objects: what is to be pushed, if anything is.
        settings: how points move.
    """

    layouts: Layouts
    which: Int[np.ndarray, " n"]
    positions: Float[np.ndarray, "n 2"]
    goals: Float[np.ndarray, "n 2"]
    bumped: Bool[np.ndarray, " n"]
    objects: Float[np.ndarray, "n 2"] | None
    settings: RoomSettings


class VectorRooms(Batched):
    """n dots, each in a layout of a bank that its seed draws.

    An action is a step (dx, dy) in pixels.  Walls stop it and let it slide.  An episode begins in
    one zone of the layout and has its goal in the other; reaching it is rewarded by 1 at every
    step but ends nothing, since staying there is part of the task.  `info` has `success` (the goal
    is reached now) and `bumped` (a wall was in the way).

    Observations: `image` and `goal` [n, 2, h, w], a dot and the walls; or `position` and `goal`
    [n, 2] in pixels and `walls` [n, h, w].

    Options of `reset`: `layout` [n], `start` [n, 2] and `goal` [n, 2] instead of drawn ones, and
    `anywhere` [n], true to begin at any free pixel.

    Args:
        layouts: the bank.
        n: copies.
        settings: how points move, and what is seen.

    Raises:
        WorldError: settings make no sense.
    """

    options: ClassVar[tuple[str, ...]] = ("layout", "start", "goal", "anywhere")

    def __init__(self, layouts: Layouts, n: int, settings: RoomSettings = RoomSettings()) -> None:
        self.layouts, self.settings = layouts, settings
        super().__init__(
            n,
            gymnasium.spaces.Dict(spaces(layouts, settings.observe)),
            gymnasium.spaces.Box(-settings.step, settings.step, (2,), np.float32),
            layouts.horizon if settings.horizon is None else settings.horizon,
        )
        self._which = np.zeros(n, np.int64)
        self._at = np.zeros((n, 2), np.float32)
        self._goals = np.zeros((n, 2), np.float32)
        self._bumped = np.zeros(n, np.bool_)
        self._there = np.zeros(n, np.bool_)
        self._fixed: Observation = {}

    @property
    def truth(self) -> RoomsTruth:
        """Layouts, positions and goals: for oracles and tests, never for an agent."""
        return RoomsTruth(
            self.layouts, self._which, self._at, self._goals, self._bumped, None, self.settings
        )  # fmt: skip

    def picture(self, row: int = 0) -> np.ndarray:
        """One copy from above: walls grey, the goal orange, the dot blue."""
        return picture(self.layouts, int(self._which[row]), self._at[row], self._goals[row])

    def _begin(
        self, rows: np.ndarray, streams: Streams, options: dict[str, Any], seeded: bool
    ) -> None:
        drawn = streams.uniform(rows, 8)
        which, at, goals = begun(self.layouts, drawn, rows, options, self.num_envs)
        # New arrays: the present ones were handed out.
        self._which = replaced(self._which, rows, which)
        self._at, self._goals = replaced(self._at, rows, at), replaced(self._goals, rows, goals)
        self._bumped = replaced(self._bumped, rows, False)
        self._there = self._reached()
        self._fixed = self._still()

    def _move(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moves = shortened(actions, self.num_envs, self.settings.step)
        self._at, self._bumped = slide(self.layouts.solid, self._which, self._at, moves)
        self._there = self._reached()
        return self._there.astype(np.float64), np.zeros(self.num_envs, np.bool_)

    def _reached(self) -> Bool[np.ndarray, " n"]:
        return reached(
            self.layouts, self._which, self._at, self._goals, self.settings.reach
        )  # fmt: skip

    def _still(self) -> Observation:
        """What does not change during an episode."""
        walls = self.layouts.seen[self._which]
        if self.settings.observe == "position":
            return {"goal": self._goals, "walls": walls.astype(np.int8)}
        return {"goal": self._drawn(self._goals, walls), "walls": walls}

    def _drawn(self, positions: np.ndarray, walls: np.ndarray) -> np.ndarray:
        drawn = images(torch.from_numpy(positions), torch.from_numpy(walls), self.settings.sigma)
        return drawn.numpy()

    def _observe(self) -> Observation:
        goal, walls = self._fixed["goal"], self._fixed["walls"]
        if self.settings.observe == "position":
            return {"position": self._at, "goal": goal, "walls": walls}
        return {"image": self._drawn(self._at, walls), "goal": goal}

    def _info(self) -> dict[str, Any]:
        return {"success": self._there, "bumped": self._bumped}


def begun(
    layouts: Layouts,
    drawn: Float[np.ndarray, "r 8"],
    rows: Int[np.ndarray, " r"],
    options: dict[str, Any],
    n: int,
    start: str = "start",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Layouts, starts and goals of episodes that begin.

    Args:
        layouts: the bank.
        drawn: uniform numbers: layout, direction, start and its place in a pixel, goal and its.
        rows: copies that begin.
        options: of `reset`.
        n: all copies.
        start: name of the option that gives starts.

    Raises:
        WorldError: an option does not fit, or a point given is in a wall.
    """
    which = np.floor(drawn[:, 0] * len(layouts)).astype(np.int64)
    if (given := option(options, "layout", (n,))) is not None:
        if given.min() < 0 or given.max() >= len(layouts):
            raise WorldError(f"layouts are numbers below {len(layouts)}")
        which = given[rows].astype(np.int64)
    swapped = (drawn[:, 1] < 0.5).astype(np.int64)
    zones = [1 + swapped, 2 - swapped]
    if (anywhere := option(options, "anywhere", (n,))) is not None:
        zones[0] = np.where(anywhere[rows], 0, zones[0])
    points = []
    for name, zone, first in ((start, zones[0], 2), ("goal", zones[1], 5)):
        count = layouts.counts[which, zone]
        pixel = layouts.pixels[which, zone, (drawn[:, first] * count).astype(np.int64)]
        centre = np.stack([pixel % layouts.shape[1], pixel // layouts.shape[1]], 1)
        inside = np.clip(drawn[:, first + 1 : first + 3] - 0.5, MARGIN - 0.5, 0.5 - MARGIN)
        point = (centre + inside).astype(np.float32)
        if (given := option(options, name, (n, 2))) is not None:
            point = given[rows].astype(np.float32)
            x, y = np.floor(point + 0.5).astype(np.int64).T
            height, width = layouts.shape
            outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
            if outside.any() or layouts.solid[which, y, x].any():
                raise WorldError(f"a {name} is a point that is free of walls")
        points.append(point)
    return which, points[0], points[1]


def reached(
    layouts: Layouts,
    which: Int[np.ndarray, " n"],
    points: Float[np.ndarray, "n 2"],
    goals: Float[np.ndarray, "n 2"],
    reach: float,
) -> Bool[np.ndarray, " n"]:
    """Whether points are near goals on the same side of walls: behind a wall is not there."""
    near = np.square(points - goals).sum(1) < reach**2
    rows = np.flatnonzero(near)
    near[rows] = clear(layouts.solid, which[rows], points[rows], goals[rows])
    return near


def replaced(values: np.ndarray, rows: Int[np.ndarray, " r"], by: Any) -> np.ndarray:
    """A copy in which some rows are others."""
    copied = values.copy()
    copied[rows] = by
    return copied


def shortened(actions: np.ndarray, n: int, step: float) -> Float[np.ndarray, "n 2"]:
    """Actions as steps of at most a length.

    Raises:
        WorldError: they are no finite steps of n copies.
    """
    if actions.shape != (n, 2) or not np.isfinite(actions).all():
        raise WorldError(f"actions are {n} finite steps (dx, dy), not {actions.shape}")
    length = np.sqrt(np.square(actions).sum(1, keepdims=True))
    return (actions * (step / np.maximum(length, step))).astype(np.float32)


def picture(
    layouts: Layouts,
    which: int,
    dot: np.ndarray,
    goal: np.ndarray,
    thing: np.ndarray | None = None,
    zoom: int = 8,
) -> np.ndarray:
    """A layout from above with a dot, a goal and an object, as [8h, 8w, 3] bytes."""
    solid = np.kron(layouts.solid[which], np.ones((zoom, zoom), np.bool_))
    canvas = np.where(solid[..., None], 90, 245).astype(np.uint8).repeat(3, 2)
    hidden = layouts.solid[which] & ~layouts.seen[which]
    # What is shut unseen is red, for those who look on.
    canvas[np.kron(hidden, np.ones((zoom, zoom), np.bool_))] = (213, 94, 0)
    y, x = (np.indices(solid.shape) + 0.5) / zoom - 0.5
    # Blue, orange and green that colour-blind people tell apart (Okabe and Ito).
    marks = [(goal, 1.6, (230, 159, 0)), (thing, 1.3, (0, 158, 115)), (dot, 1.0, (0, 114, 178))]
    for point, radius, colour in marks:
        if point is not None:
            canvas[(x - point[0]) ** 2 + (y - point[1]) ** 2 < radius**2] = colour
    return canvas


def spaces(layouts: Layouts, observe: Seen, channels: int = 2) -> dict[str, gymnasium.Space[Any]]:
    """Spaces of what is seen of a dot, a goal and walls, by name."""
    height, width = layouts.shape
    if observe == "image":
        image = gymnasium.spaces.Box(0, 1, (channels, height, width), np.float32)
        return {"image": image, "goal": image}
    low, high = np.zeros(2, np.float32), np.array([width - 1, height - 1], np.float32)
    point = gymnasium.spaces.Box(low, high, (2,), np.float32)
    walls = gymnasium.spaces.MultiBinary([height, width])
    return {"position": point, "goal": point, "walls": walls}
