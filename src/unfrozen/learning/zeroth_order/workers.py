"""Many machines: workers that share a batch and tell one another losses, never gradients.

Every worker draws the same noise from the same seed, asks the loss of its own part of a batch, and
learns the mean.  It then moves as all others do, to the bit: what goes over the network in a step
is some scalars, whatever the size of the model.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.files import pack, unpack
from unfrozen.learning.zeroth_order.mezo import MeZO
from unfrozen.learning.zeroth_order.record import Record


class Workers:
    """Losses agreed on by all processes of a group of `torch.distributed`.

    Args:
        group: the processes; all by default.
        weight: of this worker's part of the batch: the number of its examples.

    Raises:
        LearningError: no group of processes was begun.

    Example:
        ```
        dist.init_process_group("gloo")                       # torchrun starts the processes
        optimizer = MeZO(model.named_parameters(), lr=1e-6, exchange=Workers())
        optimizer.step(lambda: loss(model, my_part_of_the_batch))
        ```
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
        self.exchanges = 0

    def mean(self, losses: Sequence[float]) -> list[float]:
        """Means over all workers by their weights, the same on each to the bit."""
        mine = torch.tensor([*losses, self.weight], dtype=torch.float64, device=self._device)
        every = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(every, mine, group=self.group)
        self.bytes += mine.numel() * mine.element_size() * (self.size - 1)
        self.exchanges += 1
        # Added in the order of ranks, so that no worker rounds otherwise than another.
        told = torch.stack(every).cpu()
        weights = told[:, -1:]
        total = [0.0] * len(losses)
        for row, weight in zip(told[:, :-1].tolist(), weights[:, 0].tolist(), strict=True):
            total = [a + weight * b for a, b in zip(total, row, strict=True)]
        whole = sum(weights[:, 0].tolist())
        return [one / whole for one in total]

    def share(self, record: Record | None, source: int = 0) -> Record:
        """The record of one worker, told to all.

        Args:
            record: what this worker has done; only that of the source counts.
            source: rank of the worker that has done the most.
        """
        told: list[bytes | None] = [None if record is None else pack(record)]
        dist.broadcast_object_list(told, src=source, group=self.group, device=self._device)
        if told[0] is None:
            raise LearningError(f"worker {source} has no record to share")
        return unpack(told[0])

    @property
    def _device(self) -> torch.device:
        if dist.get_backend(self.group) == "nccl":
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("cpu")


def rejoin(optimizer: MeZO, parameters: Mapping[str, Tensor], record: Record) -> None:
    """Bring a worker that was lost, or comes new, to where the others are.

    Args:
        optimizer: its own, of the same settings, that has made no step or fewer ones.
        parameters: by name, as they are after the steps that the optimizer has made.
        record: of a worker that went on.

    Raises:
        LearningError: the record is of another method, or its steps are others than were made here.
    """
    done = optimizer.record
    same = record.steps >= done.steps and torch.equal(
        record.gradients[: done.steps], done.gradients
    )
    if record.method != optimizer.method or record.groups != done.groups or not same:
        raise LearningError("the record does not go on from what this worker has done")
    for _ in record.replay(parameters, done.steps):
        pass
    optimizer.continue_from(record)
