"""Losses that are asked several times in a step, each time with the same random numbers."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

Closure = Callable[[], Tensor | float]
"""What is to be made small: any function of the weights, whether it has a gradient or not."""


class Asking:
    """The global random generators' state, the same for every time that the loss is asked."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._cuda = sorted({p.device.index or 0 for p in parameters if p.device.type == "cuda"})
        self._state: tuple[Tensor, list[Tensor]] | None = None

    def ask(self, closures: Sequence[Closure]) -> float:
        """The mean loss of closures."""
        if self._state is None:
            devices = [torch.cuda.get_rng_state(d) for d in self._cuda]
            self._state = (torch.get_rng_state(), devices)
        else:
            torch.set_rng_state(self._state[0])
            for device, state in zip(self._cuda, self._state[1], strict=True):
                torch.cuda.set_rng_state(state, device)
        return sum(float(one()) for one in closures) / len(closures)
