"""The loop around networks that learn by themselves: batches, a falling rate, errors on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import LearningError


@runtime_checkable
class Accumulating(Protocol):
    """A module that leaves gradients where an optimizer finds them."""

    def accumulate(
        self,
        samples: Float[Tensor, "batch ..."],
        classes: Int64[Tensor, " batch"],
        generator: torch.Generator,
    ) -> list[float]:
        """Add gradients of a batch; losses."""
        ...


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained.

    Attributes:
        epochs: passes through the samples.
        batch: samples a step.
        rate: of Adam; in the second half it falls to nothing, as in Hinton's program.
        weight_decay: decoupled.
        seed: of the order of samples and of what the network draws.

    Raises:
        LearningError: a setting makes no sense.
    """

    epochs: int = 20
    batch: int = 100
    rate: float = 1e-3
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or not self.rate > 0 or not self.weight_decay >= 0:
            raise LearningError("epochs, batch and rate are positive, weight_decay not negative")


class Epoch(NamedTuple):
    """What an epoch came to.

    Attributes:
        number: from 1 on.
        losses: means over its batches; see the network's `accumulate`.
        seconds: of the processor, of all epochs so far.
    """

    number: int
    losses: list[float]
    seconds: float


def epochs(
    network: Accumulating,
    samples: Float[Tensor, "n ..."],
    classes: Int64[Tensor, " n"],
    settings: FitSettings | None = None,
) -> Iterator[Epoch]:
    """Train a network in place, an epoch each time that the next is asked for.

    Args:
        network: a module, such as `ForwardForward` or `LocalNetwork`.
        samples: to learn from.
        classes: of each.
        settings: the defaults without.

    Raises:
        LearningError: there are no samples, or not a class for each.
    """
    settings = FitSettings() if settings is None else settings
    if len(samples) == 0 or len(samples) != len(classes):
        raise LearningError(f"there are {len(samples)} samples and {len(classes)} classes")
    assert isinstance(network, torch.nn.Module)
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.rate, weight_decay=settings.weight_decay, fused=True
    )
    used = 0.0
    for number in range(1, settings.epochs + 1):
        begun = process_time()
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * min(1.0, 2 * (1 - (number - 1) / settings.epochs))
        sums: list[float] = []
        batches = list(torch.randperm(len(samples), generator=generator).split(settings.batch))
        if len(batches) > 1 and len(batches[-1]) == 1:
            # A single one has nobody to be joined or compared with.
            batches[-2:] = [torch.cat(batches[-2:])]
        for batch in batches:
            at = batch.to(samples.device)
            optimizer.zero_grad(set_to_none=True)
            losses = network.accumulate(samples[at], classes[at], generator)
            optimizer.step()
            sums = [a + b for a, b in zip(sums or [0.0] * len(losses), losses, strict=True)]
        used += process_time() - begun
        yield Epoch(number, [s / len(batches) for s in sums], used)


def fit(
    network: Accumulating,
    samples: Float[Tensor, "n ..."],
    classes: Int64[Tensor, " n"],
    settings: FitSettings | None = None,
) -> list[Epoch]:
    """Train a network in place to the end; see `epochs`."""
    return list(epochs(network, samples, classes, settings))
