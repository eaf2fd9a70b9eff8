"""Short-term memory of steps: what an action did not do where it was expected to.

Written by surprise alone.  A slot's key is the code of a place beside the action; the same step
backwards is stored with it, since what is shut is shut from both sides.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.agent.memories.timed import Evidence, TimedMemory

STRENGTH = 3.0
"""Of the belief that a step is blocked, when it has just been found so."""


class Step(NamedTuple):
    """A step from somewhere.

    Attributes:
        key: of the place where it begins.
        action: what is done.
    """

    key: Float[Tensor, " d"]
    action: int


class StepMemory:
    """Steps that were blocked, and steps that were found open again.

    Args:
        width: of places' keys, which have length one.
        n_actions: how many actions there are.
    """

    def __init__(self, width: int, n_actions: int) -> None:
        self.n_actions = n_actions
        # Codes drift a little: the same place need not have the very same key.
        self.slots = TimedMemory(width + n_actions, 1, beta=400.0)

    @property
    def bytes(self) -> int:
        """Of all slots."""
        return self.slots.bytes

    @property
    def version(self) -> int:
        """Another number whenever what is stored is another."""
        return self.slots.next_id + (self.slots.next_id - len(self.slots))

    @property
    def written(self) -> bool:
        """Whether there is anything to be asked for."""
        return len(self.slots) > 0

    def blocked(self, steps: tuple[Step, ...], *, time: int) -> tuple[int, ...]:
        """Store that these steps led nowhere; returns the slots' ids."""
        return tuple(self._write(step, STRENGTH, time) for step in steps)

    def opened(self, steps: tuple[Step, ...], *, time: int) -> tuple[int, ...]:
        """Store that these steps can be taken; returns the slots' ids."""
        return tuple(self._write(step, -STRENGTH, time) for step in steps)

    def evidence(
        self, keys: Float[Tensor, "e d"], actions: Int[Tensor, " e"]
    ) -> Evidence:  # fmt: skip
        """What speaks for steps being blocked, and against it."""
        return self.slots.evidence(torch.cat([keys, self._one_hot(actions, keys)], 1))

    def _write(self, step: Step, strength: float, time: int) -> int:
        one = self._one_hot(torch.tensor([step.action]), step.key)[0]
        key = torch.cat([step.key, one])
        return self.slots.write(key, key.new_ones(1), time=time, strength=strength)

    def _one_hot(self, actions: Tensor, like: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(actions, self.n_actions).to(like)
