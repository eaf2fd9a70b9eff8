"""The networks that are compared: how each is made, trained and asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unfrozen.learning.forward_forward import (
    FitSettings,
    TopDown,
    contrastive,
    convolutional,
    dense,
    mono_forward,
)


class Backprop(nn.Module):
    """The same layers under one loss at the end, as everybody trains them."""

    def __init__(self, widths: list[int], classes: int, generator: torch.Generator) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Flatten()]
        for below, width in pairwise(widths):
            linear = nn.Linear(below, width, device="meta").to_empty(device="cpu")
            nn.init.normal_(linear.weight, std=(2 / below) ** 0.5, generator=generator)
            nn.init.zeros_(linear.bias)
            parts += [linear, nn.ReLU()]
        last = nn.Linear(widths[-1], classes, device="meta").to_empty(device="cpu")
        nn.init.normal_(last.weight, std=widths[-1] ** -0.5, generator=generator)
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*parts, last)

    def accumulate(
        self, samples: Tensor, classes: Tensor, generator: torch.Generator
    ) -> list[float]:
        """Add the gradient of the loss."""
        loss = F.cross_entropy(self.network(samples), classes)
        loss.backward()
        return [loss.item()]

    @torch.no_grad()
    def predict(self, samples: Tensor) -> Tensor:
        """The likeliest class."""
        return self.network(samples).argmax(1)


@dataclass(frozen=True)
class Entry:
    """A network of the comparison.

    Attributes:
        make: of a width, a number of layers and a generator.
        shape: that samples are given in.
        asked: ways of asking, each the arguments of ``predict``.
        share: of the epochs that the others get; some need more time an epoch.
    """

    make: Callable[[int, int, torch.Generator], nn.Module]
    shape: tuple[int, ...]
    asked: Mapping[str, dict[str, Any]]
    share: float = 1.0


def _widths(width: int, layers: int) -> list[int]:
    return [784, *[width] * layers]


_BOTH = {"goodness": {"by": "goodness"}, "classifier": {"by": "classifier"}}
NETWORKS: dict[str, Entry] = {
    "forward-forward": Entry(
        lambda w, n, g: dense(_widths(w, n), 10, generator=g), (28, 28), _BOTH
    ),
    "forward-forward, threshold": Entry(
        lambda w, n, g: dense(_widths(w, n), 10, loss="threshold", generator=g), (28, 28), _BOTH
    ),
    "forward-forward, no labels": Entry(
        lambda w, n, g: dense(_widths(w, n), 10, negatives="hybrid", generator=g),
        (28, 28),
        {"classifier": {"by": "classifier"}},
    ),
    "forward-forward, convolutions": Entry(
        lambda w, n, g: convolutional((1, 28, 28), (w // 16, w // 8), 10, generator=g),
        (1, 28, 28),
        _BOTH,
        0.5,
    ),
    "forward-forward, over time": Entry(
        lambda w, n, g: TopDown(_widths(w // 2, 2), 10, generator=g),
        (28, 28),
        {"goodness": {}},
        0.2,
    ),
    "mono-forward": Entry(
        lambda w, n, g: mono_forward(_widths(w, n), 10, generator=g),
        (28, 28),
        {"sum": {"by": "sum"}, "last layer": {"by": "last"}},
    ),
    "contrast of classes": Entry(
        lambda w, n, g: contrastive(_widths(w, n), 10, generator=g),
        (28, 28),
        {"sum": {"by": "sum"}, "last layer": {"by": "last"}},
    ),
    "backpropagation": Entry(
        lambda w, n, g: Backprop(_widths(w, n), 10, g), (28, 28), {"logits": {}}
    ),
}


def settings_of(entry: Entry, base: FitSettings) -> FitSettings:
    """How long a network of the comparison is trained."""
    return replace(base, epochs=max(1, round(entry.share * base.epochs)))
