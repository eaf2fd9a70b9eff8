"""A model whose latents are positions and whose steps are those of the rooms, all doors open."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from unfrozen.world.environments.rooms.layouts import Layouts, open_room
from unfrozen.world.environments.rooms.moving import slide
from unfrozen.world.jepa import Jepa, JepaSettings

SIDE, STEP = 33, 1.5


class Points(Jepa):
    """Latents are x and y in pixels.

    Args:
        layouts: the first of them is the world as it is known; a room without walls by default.
    """

    def __init__(self, layouts: Layouts | None = None) -> None:
        super().__init__(JepaSettings((2, SIDE, SIDE), actions=2, width=2))
        self.layouts = open_room(SIDE) if layouts is None else layouts
        self.eval()

    def encode(self, seen: Tensor | None, text: Any = None) -> Tensor:
        assert seen is not None
        # The peak of a Gaussian, from the logarithms beside the brightest pixel.
        logs = seen[..., 0, :, :].clamp(min=1e-30).log()
        flat = logs.flatten(0, -3)
        best = flat.flatten(1).argmax(1)
        y, x = best // SIDE, best % SIDE
        rows = torch.arange(len(flat))
        cx, cy = x.clamp(1, SIDE - 2), y.clamp(1, SIDE - 2)
        dx = (flat[rows, y, cx + 1] - flat[rows, y, cx - 1]) / 2
        dy = (flat[rows, cy + 1, x] - flat[rows, cy - 1, x]) / 2
        return (torch.stack([cx + dx, cy + dy], 1)).reshape(*seen.shape[:-3], 2)

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        length = action.norm(dim=1, keepdim=True).clamp(min=STEP)
        moves = (action * STEP / length).numpy()
        # Latents that were read off an image may lie a hair inside a wall.
        at = state.clamp(0.51, SIDE - 1.51).numpy().astype(np.float32)
        which = np.zeros(len(at), np.int64)
        return torch.from_numpy(slide(self.layouts.solid, which, at, moves).positions)
