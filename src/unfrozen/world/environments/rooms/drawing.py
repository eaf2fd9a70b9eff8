"""Images of points and walls, drawn when they are asked for."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def dots(
    positions: Float[Tensor, "batch 2"], height: int, width: int, sigma: float = 1.0
) -> Float[Tensor, "batch h w"]:
    """A Gaussian dot at each position: exp(-((x - i)² + (y - j)²) / 2σ²) at pixel [j, i].

    It is the product of one factor a column and one a row: h + w exponentials an image, not h w.

    Args:
        positions: x and y, in pixels.
        height: of images.
        width: of images.
        sigma: of dots, in pixels.
    """
    like = {"dtype": positions.dtype, "device": positions.device}
    columns = torch.arange(width, **like) - positions[:, :1]
    rows = torch.arange(height, **like) - positions[:, 1:]
    scale = -0.5 / sigma**2
    return (rows.square() * scale).exp()[:, :, None] * (columns.square() * scale).exp()[:, None, :]


def images(
    positions: Float[Tensor, "batch 2"],
    walls: Bool[Tensor, "batch h w"],
    sigma: float = 1.0,
    objects: Float[Tensor, "batch 2"] | None = None,
) -> Float[Tensor, "batch channel h w"]:
    """A dot and the walls, and an object if there is one, as channels from 0 to 1.

    Args:
        positions: x and y of the dots, in pixels.
        walls: which pixels [y, x] are solid.
        sigma: of dots, in pixels.
        objects: x and y of what is pushed, for a third channel.
    """
    height, width = walls.shape[-2:]
    channels = 2 if objects is None else 3
    drawn = positions.new_empty(len(positions), channels, height, width)
    drawn[:, 0] = dots(positions, height, width, sigma)
    drawn[:, 1] = walls
    if objects is not None:
        drawn[:, 2] = dots(objects, height, width, sigma)
    return drawn
