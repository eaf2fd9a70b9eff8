"""Many machines: workers that share a batch and tell one another losses, never gradients.

Every worker draws the same noise from the same seed, asks the loss of its own part of a batch, and
learns the mean.  It then moves as all others do, to the bit: what goes over the network in a step
is some scalars, whatever the size of the model.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.files import pack, unpack
from unfrozen.learning.zeroth_order.mezo import MeZO


class Workers:
    """Losses agreed on by all processes of a group of `torch.distributed`.

    Args:
        group: the processes; all by default.
        weight: of this worker's part of the batch: the number of its examples.

    Raises:
        LearningError: no group of processes was begun.

    Example::

        dist.init_process_group("gloo")                       # torchrun starts the processes
        optimizer = MeZO(model.named_parameters(), lr=1e-6, exchange=Workers())
        optimizer.step(lambda: loss(model, my_part_of_the_batch))
    """

    def __init__(self, group: dist.ProcessGroup | None = None, weight: float = 1.0) -> None:
        if not (dist.is_available() and dist.is_initialized()):
            raise LearningError(
                "no processes to share a batch with: start them with torchrun, and call "
                "torch.distributed.init_process_group first"
            )
        self.group, self.weight = group, weight
        self.size = dist.get_world_size(group)
        # What this worker has sent: its losses and its weight, once to each other worker.
        self.bytes = 0

    def mean(self, losses: Sequence[float]) -> list[float]:
        """Means over all workers by their weights, the same on each to the bit."""
        mine = torch.tensor([*losses, self.weight], dtype=torch.float64, device=self._device)
        every = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(every, mine, group=self.group)
        self.bytes += mine.numel() * mine.element_size() * (self.size - 1)
        # Added in the order of ranks, so that no worker rounds otherwise than another.
        total, whole = [0.0] * len(losses), 0.0
        for *row, weight in torch.stack(every).cpu().tolist():
            # Who has no examples has no loss, whatever it says.
            if weight:
                total = [a + weight * b for a, b in zip(total, row, strict=True)]
                whole += weight
        if not whole:
            raise LearningError("no worker has examples: give weights that are not all zero")
        return [one / whole for one in total]

    def share(self, optimizer: MeZO, source: int = 0) -> "Standing":
        """Where one worker stands, told to all.

        Args:
            optimizer: of this worker; only that of the source counts.
            source: rank of the worker that has done the most.
        """
        told: list[Any] = [_standing(optimizer)]
        dist.broadcast_object_list(told, src=source, group=self.group, device=self._device)
        return Standing(unpack(told[0].record), told[0].safety, told[0].skipped)

    @property
    def _device(self) -> torch.device:
        if dist.get_backend(self.group) == "nccl":
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("cpu")


class Standing(NamedTuple):
    """Where a worker stands.

    Attributes:
        record: of what it has done; as bytes while it is sent.
        safety: state of what its steps are cut and scaled by.
        skipped: samples that moved nothing.
    """

    record: Any
    safety: dict[str, Any]
    skipped: int


def standing(optimizer: MeZO) -> Standing:
    """Where a worker stands that is not asked by `Workers.share`."""
    return Standing(optimizer.record, optimizer.safety.state(), optimizer.skipped)


def rejoin(optimizer: MeZO, parameters: Mapping[str, Tensor], ahead: Standing) -> None:
    """Bring a worker that was lost, or comes new, to where the others are.

    Args:
        optimizer: its own, of the same settings, that has made no step or fewer ones.
        parameters: by name, as they are after the steps that the optimizer has made.
        ahead: where a worker stands that went on.

    Raises:
        LearningError: the record is of another method, or its steps are others than were made here.
    """
    done, record = optimizer.record, ahead.record
    n = done.steps
    same = record.steps >= n and all(
        torch.equal(theirs[:n], ours)
        for theirs, ours in (
            (record.gradients, done.gradients), (record.rates, done.rates),
            (record.decays, done.decays),
        )
    )  # fmt: skip
    if record.method != optimizer.method or record.groups != done.groups or not same:
        raise LearningError("the record does not go on from what this worker has done")
    for _ in record.replay(parameters, n):
        pass
    optimizer.continue_from(record, ahead.safety, ahead.skipped)


def _standing(optimizer: MeZO) -> Standing:
    found = standing(optimizer)
    return found._replace(record=pack(found.record))
