"""Learners of a stream, by name.  A new one is a file and a line in `LEARNERS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.backprop.continual_backprop import ContinualBackprop
from unfrozen.learning.continual.learners.backprop.ewc import Ewc
from unfrozen.learning.continual.learners.backprop.fine_tuning import FineTuning
from unfrozen.learning.continual.learners.backprop.replay import Replay
from unfrozen.learning.continual.learners.base import UNKNOWN, Batch, Inputs, Learner
from unfrozen.learning.continual.learners.local.forward_forward import ForwardForwardLearner
from unfrozen.learning.continual.learners.local.hebbian import Hebbian
from unfrozen.learning.continual.learners.local.hopfield import HopfieldWrite
from unfrozen.learning.continual.learners.local.least_squares import LeastSquares
from unfrozen.learning.continual.learners.local.zeroth_order import ZerothOrder


@dataclass(frozen=True)
class Kind:
    """How a learner is made, and what a reader wants to know of it.

    Attributes:
        make: from inputs and a seed, and settings by their names.
        backprop: whether it takes gradients backwards through a network.
        bounded: whether it takes a ``limit``, in bytes, of all that it keeps.
        layered: whether it takes gradients all the same, each inside a single layer.
    """

    make: Callable[..., Learner]
    backprop: bool
    bounded: bool = False
    layered: bool = False


LEARNERS: dict[str, Kind] = {
    "fine-tuning": Kind(FineTuning, backprop=True),
    "replay": Kind(Replay, backprop=True, bounded=True),
    "ewc": Kind(Ewc, backprop=True),
    "continual-backprop": Kind(ContinualBackprop, backprop=True),
    "least-squares": Kind(LeastSquares, backprop=False),
    "hebbian": Kind(Hebbian, backprop=False),
    "hopfield": Kind(HopfieldWrite, backprop=False, bounded=True),
    "forward-forward": Kind(ForwardForwardLearner, backprop=False, layered=True),
    "mezo": Kind(ZerothOrder, backprop=False),
}
"""Every learner by name."""


def make(name: str, inputs: Inputs, seed: int, **settings: Any) -> Learner:
    """A learner that has learnt nothing.

    Args:
        name: one of `LEARNERS`.
        inputs: what images it is made for, `Stream.inputs`.
        seed: of all that it draws.
        settings: see the learner.

    Raises:
        LearningError: there is no such learner or setting, or one makes no sense.

    Example:
        >>> make("hebbian", Inputs(8, 8, 16), seed=0).bytes
        0
    """
    if name not in LEARNERS:
        raise LearningError(f"there is no learner {name!r}: use {', '.join(LEARNERS)}")
    try:
        return LEARNERS[name].make(inputs, seed, **settings)
    except TypeError as error:
        raise LearningError(f"these are no settings of the learner {name!r}: {error}") from error


__all__ = ["LEARNERS", "UNKNOWN", "Batch", "Inputs", "Kind", "Learner", "make"]
