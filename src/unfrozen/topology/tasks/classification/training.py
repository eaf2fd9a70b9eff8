"""Training with early stopping by a validation part, and what came of it."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.batching import Batch, ComplexLoader, Example, batch
from unfrozen.topology.tasks.classification.networks import relations_of
from unfrozen.topology.tasks.labelled import Examples, Parts


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained.

    Attributes:
        epochs: at most.
        patience: epochs without a better validation part after which it ends; None to go on.
        batch_size: complexes at a time.
        learning_rate: of Adam, which falls to nothing along half a cosine.
        decay: of the weights.

    Raises:
        TopologyError: there is nothing to be done.
    """

    epochs: int = 100
    patience: int | None = 30
    batch_size: int = 32
    learning_rate: float = 0.01
    decay: float = 0.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0:
            raise TopologyError("training takes one epoch or more, in batches of one or more")


@dataclass(frozen=True)
class Measured:
    """On some examples.

    Attributes:
        accuracy: share of right answers.
        loss: cross-entropy in nats, the mean over answers.
    """

    accuracy: float
    loss: float


@dataclass(frozen=True)
class Fitted:
    """What came of a training.  The network is left as it was after its best epoch.

    Attributes:
        epoch: that was best on the validation part, from 0 on.
        validation: after it.
        test: after it.
        test_curve: accuracy after each epoch, which nothing was chosen by.
        epochs: that were gone through.
    """

    epoch: int
    validation: Measured
    test: Measured
    test_curve: tuple[float, ...]
    epochs: int


def fit(
    network: nn.Module,
    examples: Examples,
    parts: Parts,
    settings: TrainSettings = TrainSettings(),
    *,
    seed: int = 0,
) -> Fitted:
    """Train a network, and leave it as it was when the validation part went best.

    Best is the highest accuracy, and the lowest loss among equal ones; the test part is measured
    after each epoch and decides nothing.

    Args:
        network: batch -> a row of scores for each answer.
        examples: all.
        parts: which are for what.
        settings: of the training.
        seed: of the order of examples.

    Raises:
        TopologyError: the loss is no number any more.
    """
    answers = examples.targets
    # Targets are looked up by the number of their complex, as one may have many.
    numbered = [Example(examples.complexes[i], i) for i in parts.train.tolist()]
    loader = ComplexLoader(
        numbered,
        settings.batch_size,
        shuffle=True,
        generator=seed,
        relations=relations_of(network),
    )
    asked = [_side_by_side(network, examples, rows) for rows in (parts.validation, parts.test)]
    optimizer = torch.optim.Adam(
        network.parameters(), settings.learning_rate, weight_decay=settings.decay
    )
    best, state, curve = None, {}, []
    for epoch in range(settings.epochs):
        for group in optimizer.param_groups:
            share = (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
            group["lr"] = settings.learning_rate * share
        network.train()
        for each in loader:
            assert each.targets is not None
            targets = torch.cat([answers[i] for i in each.targets.tolist()])
            _step(network, each, targets, optimizer)
        validation, test = (_measured(network, *one) for one in asked)
        curve.append(test.accuracy)
        found = (validation.accuracy, -validation.loss)
        if best is None or found > (best.validation.accuracy, -best.validation.loss):
            best = Fitted(epoch, validation, test, (), 0)
            state = copy.deepcopy(network.state_dict())
        if settings.patience is not None and epoch - best.epoch >= settings.patience:
            break
    assert best is not None
    network.load_state_dict(state)
    network.eval()
    return Fitted(best.epoch, best.validation, best.test, tuple(curve), len(curve))


def measure(network: nn.Module, examples: Examples, rows: Tensor) -> Measured:
    """How a network does on some examples."""
    return _measured(network, *_side_by_side(network, examples, rows))


def _step(
    network: nn.Module, each: Batch, targets: Tensor, optimizer: torch.optim.Optimizer
) -> None:
    loss = F.cross_entropy(network(each), targets)
    if not bool(loss.isfinite()):
        raise TopologyError("the loss is no number any more: lower the learning rate")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _side_by_side(network: nn.Module, examples: Examples, rows: Tensor) -> tuple[Batch, Tensor]:
    chosen = [examples.complexes[i] for i in rows.tolist()]
    answers = examples.targets
    targets = torch.cat([answers[i] for i in rows.tolist()])
    return batch(chosen, relations=relations_of(network)), targets


@torch.no_grad()
def _measured(network: nn.Module, each: Batch, targets: Tensor) -> Measured:
    network.eval()
    scores = network(each)
    right = (scores.argmax(1) == targets).double().mean()
    return Measured(float(right), float(F.cross_entropy(scores, targets)))


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the deviation of a sample; 0 of one value."""
    rows = torch.tensor(values, dtype=torch.float64)
    return float(rows.mean()), float(rows.std()) if len(values) > 1 else 0.0
