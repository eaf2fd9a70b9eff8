"""Mono-Forward: a matrix a layer turns its activity into goodness of every class."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unfrozen.learning.forward_forward.goodness import of_one_length
from unfrozen.learning.forward_forward.layer import linear_stack
from unfrozen.learning.forward_forward.local import LocalNetwork


class ProjectionLayer(nn.Module):
    """Wraps a module; what comes in is scaled to one length and carries no graph.

    Args:
        module: of weights, such as a linear layer or a convolution; a ReLU follows it.
        width: features of what it gives, flattened.
        classes: how many.
        generator: of the first weights of the matrix.

    Source: Gong, Li and Abdulla 2025 (Mono-Forward), eqs. 3 and 4; the scaling is Hinton's.
    """

    def __init__(
        self, module: nn.Module, width: int, classes: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.module = module
        self.projection = nn.Linear(width, classes, bias=False, device="meta").to_empty(
            device="cpu"
        )
        nn.init.normal_(self.projection.weight, std=width**-0.5, generator=generator)

    def forward(self, below: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Activity, with a graph that begins at this layer."""
        return F.relu(self.module(of_one_length(below.detach())))

    def logits(self, activity: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """Goodness of every class."""
        return self.projection(activity.flatten(1))

    def loss(
        self, activity: Float[Tensor, "batch ..."], classes: Int64[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Cross-entropy of the goodness of classes."""
        return F.cross_entropy(self.logits(activity), classes)


def mono_forward(
    widths: Sequence[int], classes: int, generator: torch.Generator | None = None
) -> LocalNetwork:
    """A network of linear layers.

    Args:
        widths: of the input, and of every layer.
        classes: how many.
        generator: of the first weights; seed 0 without.

    Raises:
        LearningError: there is no layer.

    Example:
        >>> mono_forward([16, 32, 32], classes=4).predict(torch.rand(3, 16)).shape
        torch.Size([3])
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    return LocalNetwork(
        [
            ProjectionLayer(module, width, classes, generator)
            for module, width in linear_stack(widths, generator)
        ]
    )
