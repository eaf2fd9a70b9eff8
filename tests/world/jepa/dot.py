"""A bright dot that moves as it is told, within a frame: the smallest world with a truth."""

import torch

from unfrozen.world.jepa import Windows

SIDE = 12


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn_at(positions):
    """Bytes [..., 1, 12, 12] of dots at x and y."""
    line = torch.arange(SIDE)
    x, y = ((line - positions[..., i, None]) ** 2 for i in (0, 1))
    bright = torch.exp(-(x[..., None, :] + y[..., :, None]) / 2)
    return (255 * bright).round().to(torch.uint8)[..., None, :, :]


def walk(b, t, generator):
    """Positions [b, t, 2], and actions [b, t - 1, 2] in steps of two pixels."""
    positions = [1 + (SIDE - 3) * torch.rand(b, 2, generator=generator)]
    actions = torch.randn(b, t - 1, 2, generator=generator).clamp(-1, 1)
    for action in actions.unbind(1):
        positions.append((positions[-1] + 2 * action).clamp(1, SIDE - 2))
    return torch.stack(positions, 1), actions


def windows(b=32, t=10):
    """A source of windows of the dot."""

    def draw(generator):
        positions, actions = walk(b, t, generator)
        return Windows(drawn_at(positions), actions)

    return draw


def held_out(b=200, t=10, seed=99):
    """Windows, and where the dot was in them."""
    positions, actions = walk(b, t, seeded(seed))
    return Windows(drawn_at(positions), actions), positions
