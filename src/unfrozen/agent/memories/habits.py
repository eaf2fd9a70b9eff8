"""Mode 1: what planning chose is done again without it, where it led to the goal.

A slot's key is the place beside the goal, its value the action: one read of an associative memory
instead of a search (chunking, as Soar has it; "compiled" from Mode 2, as LeCun 2022 does).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.agent.memories.timed import TimedMemory


class Habit(NamedTuple):
    """What is usually done.

    Attributes:
        action: the likeliest.
        confidence: 0 to 1; low where nothing is stored, or where slots disagree.
        ids: of the slots that say so.
    """

    action: int
    confidence: float
    ids: tuple[int, ...]


class Habits:
    """Actions by place and goal.

    Args:
        width: of places' keys, which have length one.
        n_actions: how many actions there are.
    """

    def __init__(self, width: int, n_actions: int) -> None:
        self.n_actions = n_actions
        self.slots = TimedMemory(2 * width, n_actions)

    @property
    def bytes(self) -> int:
        """Of all slots."""
        return self.slots.bytes

    def form(
        self, place: Float[Tensor, " d"], goal: Float[Tensor, " d"], action: int, *, time: int
    ) -> int:
        """Store what was done; returns the slot's id."""
        value = torch.nn.functional.one_hot(torch.tensor(action), self.n_actions)
        return self.slots.write(torch.cat([place, goal]), value.to(place), time=time)

    def recall(self, place: Float[Tensor, " d"], goal: Float[Tensor, " d"]) -> Habit:
        """What is usually done at a place with a goal."""
        found = self.slots.recall(torch.cat([place, goal])[None])
        value = found.value[0]
        if not found.ids:
            return Habit(0, 0.0, ())
        action = int(value.argmax())
        agree = self.slots.memory.values[:, action] > 0.5
        rest_on = (found.weights[0] > 0.05) & agree
        ids = tuple(found.ids[i] for i in torch.nonzero(rest_on)[:, 0].tolist())
        return Habit(action, float(found.confidence[0] * value[action].clamp(0, 1)), ids)

    def forget(self, ids: tuple[int, ...]) -> None:
        """Habits that led astray are no more."""
        if ids:
            self.slots.forget(ids)
