"""Encoders: what is seen becomes a latent, whose size the last norm fixes."""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from unfrozen.errors import WorldError

Shape = tuple[int, ...]

NORMS: dict[str, Callable[[int], nn.Module]] = {
    # Without gain and bias, so that no weight can undo what the norm does.
    "batch": lambda width: nn.BatchNorm1d(width, affine=False),
    "layer": lambda width: nn.LayerNorm(width, elementwise_affine=False, bias=False),
    "none": lambda width: nn.Identity(),
}
"""Name -> last norm of latents.  SIGReg wants "batch": of one sample normalised by itself, the
features lie on a sphere, which no Gaussian of few features does."""


def norm(name: str, width: int) -> nn.Module:
    """A last norm by its name.

    Raises:
        WorldError: there is none of that name.
    """
    if name not in NORMS:
        raise WorldError(f"there is no norm {name!r}: choose from {', '.join(NORMS)}")
    return NORMS[name](width)


def as_input(seen: Shaped[Tensor, "..."], dtype: torch.dtype) -> Float[Tensor, "..."]:
    """Bytes as numbers of 0 to 1; all else as it is, in the dtype of a model."""
    return seen.to(dtype) / 255 if seen.dtype == torch.uint8 else seen.to(dtype)


def convolutions(shape: Shape, channels: Shape) -> tuple[nn.Sequential, Shape]:
    """Convolutions that each halve height and width, and the shape that they give.

    Args:
        shape: c, h and w of an image.
        channels: of each convolution.
    """
    layers: list[nn.Module] = []
    below, height, width = shape
    for above in channels:
        layers += [nn.Conv2d(below, above, 3, stride=2, padding=1), nn.GELU()]
        below, height, width = above, (height + 1) // 2, (width + 1) // 2
    return nn.Sequential(*layers), (below, height, width)


def perceptron(below: int, hidden: int, above: int, layers: int = 1) -> nn.Sequential:
    """A perceptron with hidden layers of one width."""
    widths = [below, *[hidden] * layers]
    made: list[nn.Module] = []
    for one, other in pairwise(widths):
        made += [nn.Linear(one, other), nn.GELU()]
    return nn.Sequential(*made, nn.Linear(widths[-1], above))


class Encoder(nn.Module):
    """A small network: convolutions on images, a perceptron on vectors.

    Args:
        shape: of one observation: c, h and w of an image, or the length of a vector.
        width: d, features of a latent.
        channels: of the convolutions.
        hidden: units of the perceptron.
        last: name of the last norm.

    Raises:
        WorldError: the shape is neither an image's nor a vector's, or a name is unknown.
    """

    def __init__(self, shape: Shape, width: int, channels: Shape, hidden: int, last: str) -> None:
        super().__init__()
        if len(shape) == 3:
            layers, above = convolutions(shape, channels)
            flat = above[0] * above[1] * above[2]
            self.body = nn.Sequential(layers, nn.Flatten(), nn.Linear(flat, width))
        elif len(shape) == 1:
            self.body = perceptron(shape[0], hidden, width, layers=2)
        else:
            raise WorldError(
                f"observations are images (c, h, w) or vectors (n,), not of the shape {shape}"
            )
        self.norm = norm(last, width)

    def forward(self, seen: Float[Tensor, "b ..."]) -> Float[Tensor, "b d"]:
        """Latents of observations."""
        return self.norm(self.body(seen))
