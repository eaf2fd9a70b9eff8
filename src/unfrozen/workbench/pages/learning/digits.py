"""The digits that come along: 8 by 8 grey values from 0 to 1, and those kept apart."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.data.images import images, white

CLASSES, FEATURES = 10, 64


class Digits(NamedTuple):
    """Images as rows of features, and their classes."""

    train: Float[Tensor, "n 64"]
    classes: Int64[Tensor, " n"]
    test: Float[Tensor, "m 64"]
    test_classes: Int64[Tensor, " m"]


def digits() -> Digits:
    """Images to learn from, and to be asked."""
    found, most = images("digits"), white("digits")
    train, test = (part.flatten(1).float() / most for part in (found.train, found.test))
    return Digits(train, found.train_classes, test, found.test_classes)


def accuracy(guessed: Int64[Tensor, " m"], classes: Int64[Tensor, " m"]) -> float:
    """Share of guesses that are right."""
    return float((guessed == classes).to(torch.float32).mean())
