"""A layer that learns by itself: any module, judged by the goodness of its activity."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.forward_forward.goodness import (
    goodness,
    of_one_length,
    peer_loss,
    symmetric_loss,
    threshold_loss,
)

Loss = Literal["threshold", "symmetric"]


def half_on(below: int, width: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer half of whose units are on, at random, for inputs of one length."""
    # Without weights at first: PyTorch would draw them from the global generator.
    module = nn.Linear(below, width, device="meta").to_empty(device="cpu")
    nn.init.normal_(module.weight, std=below**-0.5, generator=generator)
    nn.init.zeros_(module.bias)
    return module


def linear_stack(
    widths: Sequence[int], generator: torch.Generator | None = None
) -> list[tuple[nn.Module, int]]:
    """Linear layers one above the other, each with its width; the first takes images as well.

    Args:
        widths: of the input, and of every layer.
        generator: of the first weights; seed 0 without.
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    found: list[tuple[nn.Module, int]] = []
    for below, width in pairwise(widths):
        linear = half_on(below, width, generator)
        found.append((linear if found else nn.Sequential(nn.Flatten(), linear), width))
    return found


class GoodnessLayer(nn.Module):
    """Wraps a module; what comes in is scaled to one length and carries no graph.

    Args:
        module: of weights, such as a linear layer or a convolution; a ReLU follows it.
        units: features, or channels, of what it gives.
        loss: "threshold" or "symmetric".
        threshold: goodness, of a mean unit, at which a sample is as likely real as false.
        sharpness: how much surer a layer is of a sample whose mean unit has one more of goodness;
            with the number of units it is the sum of Hinton's program, which is very sure.
        peers: weight of the loss that keeps units from being always on or off.

    Raises:
        LearningError: a setting makes no sense.

    Source: Hinton 2022, section 2.

    Example:
        >>> layer = GoodnessLayer(nn.Linear(4, 8), 8)
        >>> layer(torch.ones(2, 4)).shape
        torch.Size([2, 8])
    """

    usual: Tensor

    def __init__(
        self,
        module: nn.Module,
        units: int,
        *,
        loss: Loss = "symmetric",
        threshold: float = 1.0,
        sharpness: float = 16.0,
        peers: float = 0.03,
    ) -> None:
        super().__init__()
        if loss not in ("threshold", "symmetric"):
            raise LearningError(f"the loss is threshold or symmetric, not {loss!r}")
        if units < 1 or not threshold > 0 or not sharpness > 0 or not peers >= 0:
            raise LearningError("units, threshold and sharpness are positive, peers not negative")
        self.module = module
        self.kind, self.threshold, self.sharpness, self.peers = loss, threshold, sharpness, peers
        # Half on is what a layer is meant to be; it moves from there.
        self.register_buffer("usual", torch.full((units,), 0.5))

    def forward(self, below: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Activity, with a graph that begins at this layer."""
        return F.relu(self.module(of_one_length(below.detach())))

    def loss(
        self,
        real: Float[Tensor, "batch ..."],
        false: Float[Tensor, "batch ..."],
    ) -> Float[Tensor, ""]:
        """What the layer makes small.

        Args:
            real: its activity on real samples.
            false: on false ones.
        """
        units = real[0].numel()
        good, bad = goodness(real) / units, goodness(false) / units
        if self.kind == "threshold":
            k = self.sharpness
            found = threshold_loss(k * good, k * bad, k * self.threshold)
        else:
            found = symmetric_loss(good, bad, self.sharpness)
        if self.peers:
            by_unit = real.flatten(2).mean(2) if real.ndim > 2 else real
            apart, usual = peer_loss(self.usual, by_unit, 0.9)
            if torch.is_grad_enabled():
                # Looking at a loss is no learning.
                self.usual = usual
            found = found + self.peers * apart
        return found
