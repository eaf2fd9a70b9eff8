"""Let a learner go through a stream, and ask it about all tasks after each."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual import metrics
from unfrozen.learning.continual.learners.base import Batch, Learner
from unfrozen.learning.continual.streams import Stream, Task

Progress = Callable[[int, Tensor], None]
"""What is told after each task: its number, and its row of the accuracy matrix."""


@dataclass(frozen=True)
class Run:
    """What a learner knew, when, and at what cost.

    Attributes:
        matrix: R[i, j], accuracy on task j after task i, shares of 1.
        before: accuracies before anything was learnt.
        seconds: processor time of learning each task.
        bytes: of all that the learner kept after each task.
    """

    matrix: Float[Tensor, "tasks tasks"]
    before: Float[Tensor, " tasks"]
    seconds: tuple[float, ...]
    bytes: tuple[int, ...]

    @property
    def average_accuracy(self) -> float:
        """See `metrics.average_accuracy`."""
        return metrics.average_accuracy(self.matrix)

    @property
    def forgetting(self) -> float:
        """See `metrics.average_forgetting`."""
        return metrics.average_forgetting(self.matrix)

    @property
    def backward_transfer(self) -> float:
        """See `metrics.backward_transfer`."""
        return metrics.backward_transfer(self.matrix)

    @property
    def forward_transfer(self) -> float:
        """See `metrics.forward_transfer`."""
        return metrics.forward_transfer(self.matrix, self.before)


@dataclass(frozen=True)
class Online:
    """How well a learner did on images that it had not learnt from, while it learnt.

    Attributes:
        accuracy: the mean of each task, shares of 1.
        seconds: processor time of each task, asking included.
        bytes: of all that the learner kept after the last task.
    """

    accuracy: Float[Tensor, " tasks"]
    seconds: tuple[float, ...]
    bytes: int

    def plasticity_lost(self, window: int) -> float:
        """See `metrics.plasticity_lost`."""
        return metrics.plasticity_lost(self.accuracy, window)


def run(
    learner: Learner,
    stream: Stream,
    *,
    seed: int,
    batch: int = 10,
    progress: Progress | None = None,
) -> Run:
    """One pass through a stream: every image comes once, in small batches, shuffled in its task.

    Before it learns, a learner knows no class and is right about nothing: where later tasks bring
    classes that are known, forward transfer is so counted from zero, not from chance.

    Args:
        learner: that has learnt nothing.
        stream: of tasks.
        seed: of the order of images.
        batch: images that come at once.
        progress: told after each task.

    Raises:
        LearningError: a batch has no image.

    Source: Lopez-Paz and Ranzato 2017, section 2; one pass as Chaudhry et al. 2019.
    """
    asked = [(task.test, task.test_classes) for task in stream]
    accuracies = _accuracies(learner, asked)
    before = torch.tensor(accuracies)
    rows, seconds, sizes = [], [], []
    for number, task in enumerate(stream):
        start = time.process_time()
        learner.learn(batches(task, batch, seed * 1_000_003 + number))
        seconds.append(time.process_time() - start)
        rows.append(torch.tensor(_accuracies(learner, asked)))
        sizes.append(learner.bytes)
        if progress is not None:
            progress(number, rows[-1])
    return Run(torch.stack(rows), before, tuple(seconds), tuple(sizes))


def run_online(
    learner: Learner,
    stream: Stream,
    *,
    seed: int,
    batch: int = 10,
    progress: Progress | None = None,
) -> Online:
    """One pass, in which every batch is asked before it is learnt.

    Args:
        learner: that has learnt nothing, and takes batches one by one.
        stream: of tasks, hundreds perhaps: each is made when its turn comes.
        seed: of the order of images.
        batch: images that come at once.
        progress: told after each task; the row is its accuracy alone.

    Raises:
        LearningError: a batch has no image.

    Source: Dohare et al. 2024, online permuted MNIST.
    """
    found, seconds = [], []
    for number, task in enumerate(stream):
        start, right, count = time.process_time(), 0, 0

        def asked(task: Task = task, number: int = number) -> Iterator[Batch]:
            nonlocal right, count
            for one in batches(task, batch, seed * 1_000_003 + number):
                right += int((learner.predict(one.images) == one.classes).sum())
                count += len(one.classes)
                yield one

        learner.learn(asked())
        seconds.append(time.process_time() - start)
        found.append(right / count if count else math.nan)
        if progress is not None:
            progress(number, torch.tensor(found[-1:]))
    return Online(torch.tensor(found), tuple(seconds), learner.bytes)


def batches(task: Task, size: int, seed: int) -> Iterator[Batch]:
    """What is learnt of a task, in a drawn order; the last batch may be smaller.

    Raises:
        LearningError: a batch has no image.
    """
    if size < 1:
        raise LearningError(f"a batch has one image at least, not {size}")
    order = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(seed))
    for some in order.split(size):
        yield Batch(task.train[some], task.train_classes[some])


def _accuracies(learner: Learner, asked: list[tuple[Tensor, Tensor]]) -> list[float]:
    return [
        float((learner.predict(pictures) == classes).float().mean()) for pictures, classes in asked
    ]
