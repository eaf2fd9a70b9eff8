"""Trajectories to learn from: kept as numbers, drawn as images by the batch."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.environments.batched import Batched
from unfrozen.world.environments.floors import Policy, floor
from unfrozen.world.environments.rooms.drawing import images
from unfrozen.world.environments.rooms.pushing import VectorPush
from unfrozen.world.environments.rooms.walking import VectorRooms
from unfrozen.world.environments.town.life import Tables
from unfrozen.world.environments.town.living import VectorTown


class Windows(NamedTuple):
    """Pieces of trajectories.

    Attributes:
        images: as `image` of the environment, from the first to the last step of each piece.
        actions: in pixels; action t leads from image t to image t + 1.
    """

    images: Float[Tensor, "b instant channel h w"]
    actions: Float[Tensor, "b step 2"]


@dataclass(frozen=True, eq=False)
class RoomTrajectories:
    """Ways of n dots: 12 bytes a step instead of 8,712 of an image.

    Attributes:
        solid: what is seen as walls in the bank of layouts [y, x].
        which: layout of each trajectory.
        positions: in pixels, before the first step and after each.
        actions: steps as they were tried, in pixels.
        bumped: whether a wall was in the way.
        objects: positions of what is pushed, if anything is.
        sigma: of dots in images, in pixels.
    """

    solid: Bool[Tensor, "m h w"]
    which: Int[Tensor, " n"]
    positions: Float[Tensor, "n instant 2"]
    actions: Float[Tensor, "n step 2"]
    bumped: Bool[Tensor, "n step"]
    objects: Float[Tensor, "n instant 2"] | None
    sigma: float

    def __len__(self) -> int:
        return len(self.which)

    @property
    def walls(self) -> Bool[Tensor, "n h w"]:
        """Of each trajectory."""
        return self.solid[self.which]

    def images(
        self, rows: Int[Tensor, " b"], times: Int[Tensor, " b"]
    ) -> Float[Tensor, "b channel h w"]:
        """Draw what is seen at some times.

        Args:
            rows: trajectories.
            times: from 0, before the first step.
        """
        things = None if self.objects is None else self.objects[rows, times]
        return images(
            self.positions[rows, times], self.solid[self.which[rows]], self.sigma, things
        )  # fmt: skip

    def windows(self, rows: Int[Tensor, " b"], starts: Int[Tensor, " b"], length: int) -> Windows:
        """Draw pieces of some trajectories.

        Args:
            rows: trajectories.
            starts: times at which the pieces begin.
            length: images of each.

        Raises:
            WorldError: a piece goes beyond its trajectory, or has no images.
        """
        steps = self.actions.shape[1]
        inside = length >= 1 and bool(((starts >= 0) & (starts + length <= steps + 1)).all())
        if not inside:
            raise WorldError(f"{length} images do not fit {steps} steps from there on")
        times = starts[:, None] + torch.arange(length, device=starts.device)
        drawn = self.images(rows.repeat_interleave(length), times.flatten())
        return Windows(
            drawn.unflatten(0, (len(rows), length)), self.actions[rows[:, None], times[:, :-1]]
        )  # fmt: skip

    def near_walls(self, length: int, distance: float = 1.5) -> Int[Tensor, "k 2"]:
        """Trajectories and starts of all pieces in which a wall inside is pushed at or passed by.

        Args:
            length: images of each piece.
            distance: from the middle of a column with walls, its doors included, in pixels.
        """
        inside = self.solid.clone()
        inside[:, 0] = inside[:, -1] = inside[:, :, 0] = inside[:, :, -1] = False
        middles = inside.any(1)
        columns = torch.arange(inside.shape[2], dtype=torch.float32)
        far = torch.where(middles[self.which][:, None], columns, torch.inf)
        near = (self.positions[:, :, :1] - far).abs().amin(-1) <= distance
        return near.unfold(1, length, 1).any(-1).nonzero()

    def drawn(
        self, batch: int, length: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, " b"], Int[Tensor, " b"]]:
        """Trajectories and starts of pieces at random, with replacement.

        Args:
            batch: how many.
            length: images of each.
            generator: chooses them.

        Raises:
            WorldError: trajectories are shorter.
        """
        last = self.actions.shape[1] + 1 - length
        if last < 0:
            raise WorldError(f"{length} images do not fit {self.actions.shape[1]} steps")
        like = {"generator": generator, "device": generator.device}
        rows = torch.randint(len(self), (batch,), **like).to(self.which.device)
        return rows, torch.randint(last + 1, (batch,), **like).to(self.which.device)

    def sample(self, batch: int, length: int, generator: torch.Generator) -> Windows:
        """Draw pieces at random, with replacement: those that `drawn` says."""
        return self.windows(*self.drawn(batch, length, generator), length)


@dataclass(frozen=True, eq=False)
class TownTrajectories:
    """Walks in towns, in the first phase of their lives.

    Attributes:
        tables: of the lives.
        life: which of them each walk is in.
        places: cells, before the first step and after each.
        actions: 0 to 3.
        bumped: whether they led nowhere.
    """

    tables: Tables
    life: Int[Tensor, " n"]
    places: Int[Tensor, "n instant"]
    actions: Int[Tensor, "n step"]
    bumped: Bool[Tensor, "n step"]

    def __len__(self) -> int:
        return len(self.life)

    @property
    def sights(self) -> Int[Tensor, "n instant"]:
        """What was seen."""
        return torch.from_numpy(self.tables.sights)[self.life[:, None], self.places]

    @property
    def exits(self) -> Int[Tensor, "n instant 4"]:
        """Openings that were seen."""
        return torch.from_numpy(self.tables.exits)[:, 0][self.life[:, None], self.places]


def collect(
    env: VectorEnv[Any, Any, Any],
    policy: Policy | str = "persistent",
    n: int = 1000,
    steps: int = 100,
    seed: int = 0,
) -> RoomTrajectories | TownTrajectories:
    """Let a policy act without a goal, and keep what it did.

    Trajectories begin at any free place and are never cut.

    Args:
        env: copies that act at once; when there are fewer than n they act again.
        policy: acts, or the name of a floor.
        n: trajectories.
        steps: of each.
        seed: of copy 0, the others' follow; and of a floor.

    Raises:
        WorldError: there is nothing to collect, or the environment is none of ours.
    """
    if not isinstance(env, Batched):
        raise WorldError("trajectories are collected in environments of ours: make(name, n)")
    if n < 1 or steps < 1:
        raise WorldError(f"trajectories have steps: not {n} of {steps}")
    act = floor(policy, env, seed) if isinstance(policy, str) else policy
    rounds = [
        _round(env, act, steps, seed + first) for first in range(0, n, env.num_envs)
    ]  # fmt: skip
    found = {name: torch.cat([r[name] for r in rounds])[:n] for name in rounds[0]}
    if isinstance(env, VectorTown):
        return TownTrajectories(
            env.tables, found["which"], found["at"], found["actions"], found["bumped"]
        )  # fmt: skip
    assert isinstance(env, VectorRooms | VectorPush)
    return RoomTrajectories(
        torch.from_numpy(env.layouts.seen), found["which"], found["at"], found["actions"],
        found["bumped"], found.get("objects"), env.settings.sigma,
    )  # fmt: skip


def _round(env: Batched, act: Policy, steps: int, seed: int) -> dict[str, Tensor]:
    begun = np.ones(env.num_envs, np.bool_)
    options = {"anywhere": begun} if "anywhere" in env.options else {}
    observed, _ = env.reset(seed=seed, options=options)
    town = isinstance(env, VectorTown)
    kept: dict[str, list[np.ndarray]] = {"at": [], "objects": [], "actions": [], "bumped": []}

    def keep() -> None:
        truth = env.truth
        kept["at"].append(truth.place if town else truth.positions)
        if not town and truth.objects is not None:
            kept["objects"].append(truth.objects)

    keep()
    for _ in range(steps):
        actions = np.asarray(act(observed, begun))
        observed, _, _, _, info = env.step(actions)
        begun = np.zeros(env.num_envs, np.bool_)
        keep()
        kept["actions"].append(actions)
        kept["bumped"].append(np.asarray(observed["bumped"] > 0 if town else info["bumped"]))
    found = {name: torch.from_numpy(np.stack(parts, 1)) for name, parts in kept.items() if parts}
    which = env.truth.life if town else env.truth.which
    return {"which": torch.from_numpy(which.copy()), **found}
