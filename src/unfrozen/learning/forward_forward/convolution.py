"""Forward-Forward with convolutions: the label is a pattern that every patch of the image sees."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.forward_forward.layer import GoodnessLayer
from unfrozen.learning.forward_forward.network import ForwardForward, Negatives


class Waves(nn.Module):
    """Writes labels as plane waves over the whole image, in a channel of their own.

    Args:
        classes: how many; each has a direction, and every second one twice the frequency.
        height: of images.
        width: of images.

    Raises:
        LearningError: there are fewer than two classes.

    Source: Scodellaro et al. 2023, section 2 (spatially extended labels).
    """

    patterns: Tensor

    def __init__(self, classes: int, height: int, width: int) -> None:
        super().__init__()
        if classes < 2:
            raise LearningError("of one class alone no label is wrong")
        y = torch.arange(height)[:, None] / height
        x = torch.arange(width)[None, :] / width
        waves = []
        for c in range(classes):
            angle, cycles = math.pi * c / classes, 3.0 * (1 + c % 2)
            phase = 2 * math.pi * cycles * (x * math.cos(angle) + y * math.sin(angle))
            waves.append(0.5 + 0.5 * torch.sin(phase))
        self.register_buffer("patterns", torch.stack(waves), persistent=False)

    def forward(
        self,
        images: Float[Tensor, "batch channel height width"],
        labels: Float[Tensor, "batch label"],
    ) -> Float[Tensor, "batch _ height width"]:
        """Images with the label as a last channel."""
        channel = torch.einsum("bl,lhw->bhw", labels, self.patterns.to(images))
        return torch.cat([images, channel[:, None]], 1)


def convolutional(
    shape: tuple[int, int, int],
    channels: Sequence[int],
    classes: int,
    *,
    kernel: int = 5,
    stride: int = 2,
    sharpness: float = 16.0,
    negatives: Negatives = "hard",
    generator: torch.Generator | None = None,
) -> ForwardForward:
    """A network of convolutions.

    Args:
        shape: channels, height and width of images.
        channels: of every layer.
        classes: how many.
        kernel: width of the patch that a unit sees.
        stride: from one patch to the next.
        sharpness: see `GoodnessLayer`.
        negatives: see `ForwardForward`.
        generator: of the first weights; seed 0 without.

    Raises:
        LearningError: images are too small for so many layers, or a setting makes no sense.
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    # A channel for the label, where one is written.
    below, height, width = shape[0] + (negatives != "hybrid"), *shape[1:]
    layers, sizes = [], []
    for above in channels:
        if min(height, width) < 2:
            raise LearningError(f"images of {shape} are too small for {len(channels)} layers")
        module = nn.Conv2d(
            below, above, kernel, stride, padding=kernel // 2, device="meta"
        ).to_empty(device="cpu")
        nn.init.normal_(module.weight, std=(below * kernel**2) ** -0.5, generator=generator)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
        layers.append(GoodnessLayer(module, above, sharpness=sharpness))
        height, width = ((n + 2 * (kernel // 2) - kernel) // stride + 1 for n in (height, width))
        sizes.append(above * height * width)
        below = above
    return ForwardForward(
        layers, classes, sum(sizes[1:] or sizes), negatives=negatives,
        write=Waves(classes, *shape[1:]),
    )  # fmt: skip
