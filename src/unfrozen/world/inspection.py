"""A model of rooms, looked through before use: what it sees and foresees, and if walls hold."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unfrozen.world.environments import RoomTrajectories, images
from unfrozen.world.jepa import Diagnosis, Jepa, Push, Tunnelling, diagnose, tunnelling
from unfrozen.world.schooling import School, walk, windows_of

_PUSHES, _STEPS, _BEFORE = 400, 6, 3.0
# Who is pressed against a wall of one pixel is half of one from its middle, and places are read
# from latents with some error: behind it is who is read to be a pixel behind.
_BEHIND = 1.0
_HELD_OUT, _WALKS = 30_000, 240


@dataclass(frozen=True)
class Inspection:
    """What a model is, apart from plans.

    Attributes:
        diagnosis: on walks that it was not trained on.
        tunnelling: pushes against walls and through doors; None where there are none, or where
            places cannot be read from latents, so that nobody knows where a push ends.
    """

    diagnosis: Diagnosis
    tunnelling: Tunnelling | None

    def told(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {k: v for k, v in vars(self.diagnosis).items() if k != "probe"}
        # A collapse has no order.
        found["order"] = None if np.isnan(found["order"]) else found["order"]
        found["verdict"] = self.diagnosis.verdict
        pushed = self.tunnelling
        found["through_walls"] = None if pushed is None else pushed.wall
        found["through_doors"] = None if pushed is None else pushed.door
        return found


def inspect_model(of: School, model: Jepa, seed: int, walls: bool) -> Inspection:
    """Diagnose a model, and push it against walls.

    Args:
        of: where.
        model: trained.
        seed: it was trained with; what it is asked has another.
        walls: whether there are two rooms with one door, to push in.
    """
    walked = walk(of, seed + _HELD_OUT, _WALKS)
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
    reads = found.verdict not in ("collapsed", "blind")
    pushes = _tunnelling(walked, model, found, generator) if walls and reads else None
    return Inspection(found, pushes)


@torch.no_grad()
def _tunnelling(
    walked: RoomTrajectories, model: Jepa, found: Diagnosis, generator: torch.Generator
) -> Tunnelling:
    """Six steps at full speed, nine pixels, from three before a wall or a door."""
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
        return dynamics, Push(latents, action, lambda p: (p[:, 0] - column) * side < -_BEHIND)

    wall, door = push(y), push(middle)
    return tunnelling(wall[0], found.probe, wall[1], door[1], through=door[0])
