"""Contrast of classes within a batch, a layer at a time; one pass, no negatives are made."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.forward_forward.goodness import of_one_length
from unfrozen.learning.forward_forward.layer import linear_stack
from unfrozen.learning.forward_forward.local import LocalNetwork


def contrastive_loss(
    states: Float[Tensor, "batch feature"],
    classes: Int64[Tensor, " batch"],
    temperature: float,
) -> Float[Tensor, ""]:
    """How surprising those of one class are among all others of a batch, by likeness.

    Samples that are the only ones of their class have nobody to be like, and count as nothing.

    Args:
        states: one a sample; their length does not matter.
        classes: of each.
        temperature: of likeness, the cosine.

    Source: Khosla et al. 2020, eq. 2.
    """
    unit = F.normalize(states)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    likeness = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    same = (classes[:, None] == classes) & ~itself
    surprise = -likeness.log_softmax(1).masked_fill(~same, 0.0).sum(1)
    return (surprise / same.sum(1).clamp_min(1)).mean()


class ContrastiveLayer(nn.Module):
    """Wraps a module; what comes in is scaled to one length and carries no graph.

    A linear map turns its activity into states that are contrasted, another into classes.

    Args:
        module: of weights, such as a linear layer or a convolution; a ReLU follows it.
        width: features of what it gives, flattened.
        classes: how many.
        generator: of the first weights of both maps.
        features: of states.
        temperature: see `contrastive_loss`.
        naming: share of the loss that names the class.

    Raises:
        LearningError: a setting makes no sense.
    """

    def __init__(
        self,
        module: nn.Module,
        width: int,
        classes: int,
        generator: torch.Generator,
        *,
        features: int = 64,
        temperature: float = 0.1,
        naming: float = 0.1,
    ) -> None:
        super().__init__()
        if features < 1 or not temperature > 0 or not 0 < naming <= 1:
            raise LearningError("features and temperature are positive, naming above 0 up to 1")
        self.module, self.temperature, self.naming = module, temperature, naming
        self.states = nn.Linear(width, features, device="meta").to_empty(device="cpu")
        self.names = nn.Linear(width, classes, bias=False, device="meta").to_empty(device="cpu")
        for one in (self.states, self.names):
            nn.init.normal_(one.weight, std=width**-0.5, generator=generator)
        nn.init.zeros_(self.states.bias)

    def forward(self, below: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Activity, with a graph that begins at this layer."""
        return F.relu(self.module(of_one_length(below.detach())))

    def logits(self, activity: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """What is said of every class."""
        return self.names(activity.flatten(1))

    def loss(
        self, activity: Float[Tensor, "batch ..."], classes: Int64[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Contrast, and cross-entropy of the classes named."""
        contrast = contrastive_loss(self.states(activity.flatten(1)), classes, self.temperature)
        named = F.cross_entropy(self.logits(activity), classes)
        return (1 - self.naming) * contrast + self.naming * named


def contrastive(
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
        >>> contrastive([16, 32, 32], classes=4).predict(torch.rand(3, 16)).shape
        torch.Size([3])
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    return LocalNetwork(
        [
            ContrastiveLayer(module, width, classes, generator)
            for module, width in linear_stack(widths, generator)
        ]
    )
