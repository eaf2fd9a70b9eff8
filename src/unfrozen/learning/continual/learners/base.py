"""What every learner is: something that takes batches, and answers with classes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unfrozen.errors import LearningError

UNKNOWN = -1
"""The answer of a learner that has not met a class yet."""


class Batch(NamedTuple):
    """Images that are learnt at once.

    Attributes:
        images: grey values.
        classes: of each, any numbers from 0 on.
    """

    images: UInt8[Tensor, "b height width"]
    classes: Int64[Tensor, " b"]


@dataclass(frozen=True)
class Inputs:
    """What images a learner is made for.

    Attributes:
        height: in pixels.
        width: in pixels.
        white: the largest grey value.
    """

    height: int
    width: int
    white: int

    @property
    def pixels(self) -> int:
        """How many an image has."""
        return self.height * self.width

    def rows(self, images: UInt8[Tensor, "b height width"]) -> Float[Tensor, "b pixel"]:
        """Images as rows from 0 (black) to 1 (white), in float32.

        Raises:
            LearningError: they are of another size.
        """
        if images.shape[1:] != (self.height, self.width):
            raise LearningError(
                f"this learner is made for images of {self.height} by {self.width} pixels, not of "
                f"{list(images.shape[1:])}"
            )
        return images.flatten(1).float() / self.white


@runtime_checkable
class Learner(Protocol):
    """Learns one task after the other, and is asked without being told which task it is.

    One call of `learn` is one task.  Its batches come one by one and each comes once: a learner
    that wants to see an image again has to keep it, and what it keeps is counted.  How many classes
    there will be is not told.

    Attributes:
        bytes: of all that is kept from one task to the next: parameters, the state of an
            optimizer, statistics, stored images.
    """

    @property
    def bytes(self) -> int:
        """See above."""
        ...

    def learn(self, batches: Iterable[Batch]) -> None:
        """Take in a task."""
        ...

    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class of each image among those met so far; `UNKNOWN` if there were none."""
        ...


class Classes:
    """The classes met so far, in the order in which they came: the columns of a head."""

    def __init__(self) -> None:
        self.known = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.known)

    @property
    def bytes(self) -> int:
        """Of their numbers."""
        return nbytes(self.known)

    def meet(self, classes: Int64[Tensor, " b"]) -> int:
        """Take in new ones; how many there were among these."""
        known = self.known.to(classes.device)
        found = classes.unique()
        new = found[~torch.isin(found, known)]
        if len(new):
            self.known = torch.cat([known, new])
        return len(new)

    def columns(self, classes: Int64[Tensor, " b"]) -> Int64[Tensor, " b"]:
        """The column of each, all of them met."""
        return (classes[:, None] == self.known.to(classes.device)).int().argmax(1)

    def of(self, columns: Int64[Tensor, " b"]) -> Int64[Tensor, " b"]:
        """The class of each column."""
        return self.known.to(columns.device)[columns]


def unknown(images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
    """The answers of a learner that has met no class."""
    return torch.full((len(images),), UNKNOWN, device=images.device)


def nbytes(*tensors: Tensor) -> int:
    """Bytes of tensors' numbers."""
    return sum(t.numel() * t.element_size() for t in tensors)


def check_positive(**numbers: float) -> None:
    """Whether settings are positive and finite.

    Raises:
        LearningError: one is not.
    """
    for name, number in numbers.items():
        if not 0 < number < float("inf"):
            raise LearningError(f"{name} must be positive and finite, not {number}")
