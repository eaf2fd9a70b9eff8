"""World models of rooms: what is walked, what model learns from it, and for how long, by name.

No reward is used, and no goal: a dot walks about, and the model learns what its steps do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.environments import RoomTrajectories, collect, make
from unfrozen.world.environments.batched import Batched
from unfrozen.world.environments.floors import TURN, persistent
from unfrozen.world.jepa import Jepa, JepaSettings, JepaTraining, Update, Windows, train
from unfrozen.world.planning.landmarks import farthest_points

_COPIES, _TRAINING = 500, JepaTraining()


@dataclass(frozen=True)
class School:
    """How a model of rooms is trained.

    Attributes:
        environment: name of rooms.
        settings: of the environment.
        apart: whether walls are given to the model apart, as a map that it reads.
        trajectories: that are walked.
        steps: of each.
        again: chance of a new heading at a wall; lower ones push on, and see more of walls.
        turn: standard deviation of turns, in radians a step; plans push straight on for longer than
            who turns often.
        length: of windows.
        batch: of windows a step.
        near: share of them that come near a wall inside, whatever share of the walks does.
        training: of the model.
        width: of latents.
    """

    environment: str = "two-rooms"
    settings: Mapping[str, Any] = field(default_factory=dict)
    apart: bool = False
    trajectories: int = 4000
    steps: int = 100
    again: float = 0.2
    turn: float = TURN
    length: int = 17
    batch: int = 64
    near: float = 0.0
    training: JepaTraining = _TRAINING
    width: int = 64

    def __post_init__(self) -> None:
        if min(self.trajectories, self.steps, self.batch) < 1 or not 0 <= self.again <= 1:
            raise WorldError("a school has trajectories, steps, windows, and a chance of 0 to 1")
        if not 0 <= self.near <= 1:
            raise WorldError(f"a share of windows is 0 to 1, not {self.near}")
        if self.length > self.steps + 1:
            raise WorldError(f"windows of {self.length} do not fit {self.steps} steps")


SCHOOLS = {
    "two-rooms": School(),
    # Walls are learnt from the few steps that hit them: more of those, and where to look.
    "two-rooms-random": School(
        "two-rooms-random", apart=True, turn=0.1, near=0.5,
        training=JepaTraining(steps=4500, weights={"place": 0.1}),
    ),
    "snake": School("snake"),
    # Before anything is locked.
    "two-doors": School("two-doors", {"locks": False}),
}  # fmt: skip
"""Environment -> how a model of it is trained."""


class Schooled(NamedTuple):
    """A model that was trained, and what it was trained on.

    Attributes:
        model: in its mode of evaluation.
        walked: trajectories.
        last: update of its training; None where it was trained before.
    """

    model: Jepa
    walked: RoomTrajectories
    last: Update | None


def school(name: str) -> School:
    """How a model of an environment is trained.

    Raises:
        WorldError: there is no school for it.
    """
    if name not in SCHOOLS:
        raise WorldError(f"no model of {name!r} is trained here: choose from {', '.join(SCHOOLS)}")
    return SCHOOLS[name]


def walk(of: School, seed: int, trajectories: int | None = None) -> RoomTrajectories:
    """Walk about in an environment.

    Args:
        of: says where and how.
        seed: of the walks.
        trajectories: another number of them.

    Raises:
        WorldError: the environment is none of rooms.
    """
    n = of.trajectories if trajectories is None else trajectories
    env = make(of.environment, min(n, _COPIES), **of.settings)
    if not isinstance(env, Batched):
        raise WorldError(f"{of.environment} is none of rooms")
    policy = persistent(env, seed, of.turn, of.again)
    found = collect(env, policy, n, of.steps, seed)
    if not isinstance(found, RoomTrajectories):
        raise WorldError(f"{of.environment} is none of rooms")
    return found


def windows_of(of: School, walked: RoomTrajectories) -> Callable[[torch.Generator], Windows]:
    """Windows of trajectories, drawn as they are asked for."""
    near = walked.near_walls(of.length) if of.near else None
    if near is not None and not len(near):
        raise WorldError(f"no walk of {of.environment} comes near a wall inside: leave out `near`")

    def sample(generator: torch.Generator) -> Any:
        n = 0 if near is None else round(of.near * of.batch)
        far = walked.drawn(of.batch - n, of.length, generator)
        if near is None:
            return walked.windows(*far, of.length)
        rows, starts = near[torch.randint(len(near), (n,), generator=generator)].unbind(1)
        return walked.windows(torch.cat([far[0], rows]), torch.cat([far[1], starts]), of.length)

    def draw(generator: torch.Generator) -> Windows:
        drawn = sample(generator)
        if not of.apart:
            return Windows(drawn.images, drawn.actions)
        return Windows(drawn.images[:, :, :1], drawn.actions, drawn.images[:, 0, 1:2])

    return draw


def new_model(of: School, seed: int) -> Jepa:
    """A model that has learnt nothing."""
    side = make(of.environment, 1).single_observation_space["image"].shape[-1]  # pyright: ignore[reportIndexIssue]
    shape = (1 if of.apart else 2, side, side)
    structure = (1, side, side) if of.apart else None
    settings = JepaSettings(shape, actions=2, width=of.width, structure=structure)
    return Jepa(settings, torch.Generator().manual_seed(seed))


def train_model(
    of: School,
    seed: int = 0,
    *,
    path: Path | None = None,
    progress: Callable[[Update], None] | None = None,
) -> Schooled:
    """Walk, and train a model on it.

    Args:
        of: how.
        seed: of walks, first weights and windows.
        path: of a file to go on from, and to write.
        progress: called after every step.

    Raises:
        WorldError: training has diverged, or the file is of another run.
    """
    walked = walk(of, seed)
    model = new_model(of, seed)
    settings = replace(of.training, seed=seed)
    last = train(model, windows_of(of, walked), settings, progress=progress, path=path)
    return Schooled(model, walked, last)


@torch.no_grad()
def latents_of(
    model: Jepa, walked: RoomTrajectories, rows: slice = slice(None), batch: int = 64
) -> Float[Tensor, "n instant d"]:
    """Latents of all instants of some trajectories.

    Args:
        model: in its mode of evaluation.
        walked: trajectories.
        rows: which of them.
        batch: trajectories that are drawn at once.
    """
    numbers = torch.arange(len(walked))[rows]
    instants = walked.positions.shape[1]
    apart = model.settings.structure is not None
    found = []
    for some in numbers.split(batch):
        times = torch.arange(instants).repeat(len(some))
        images = walked.images(some.repeat_interleave(instants), times)
        seen = images[:, :1] if apart else images
        found.append(model.encode(seen).unflatten(0, (len(some), instants)))
    return torch.cat(found)


def places_of(
    model: Jepa, walked: RoomTrajectories, number: int = 150, trajectories: int = 200
) -> Float[Tensor, "n d"]:
    """Latents of places that lie far from one another: landmarks for ways that are imagined.

    Where walls are apart from the dynamics, latents tell where a dot is, whatever stands there.

    Args:
        model: in its mode of evaluation.
        walked: trajectories.
        number: of places.
        trajectories: that they are chosen from.

    Raises:
        WorldError: there are fewer latents than places.
    """
    latents = latents_of(model, walked, slice(0, trajectories)).flatten(0, 1)
    return latents[farthest_points(latents, number)]
