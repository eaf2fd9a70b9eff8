"""A Hopfield memory whose slots know their time: of what is alike, the latest wins.

Attention with a slope of order, ``exp(-beta |q - k_i|^2 / 2 + n_i ln 2 / h)`` with n_i the number
of the write: of one key, each h writes halve what an older slot weighs.  Up to h = 1 the latest
outweighs all before it together, however soon it came after them.  A slot of another key, at a
distance of D, cannot win by being newer before beta h D^2 / (2 ln 2) more were written.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import AgentError
from unfrozen.memory.hopfield.modern import ModernHopfield, squared_distances

NULL = 0.01
"""What a slot that is always there weighs: a query that is like nothing stored falls to it."""
_LIKE = 0.5


class Recalled(NamedTuple):
    """What a query brought back.

    Attributes:
        value: of the slots, mixed by weight and strength.
        weights: of each slot; they add up to one.
        ids: of the slots, in the order of the weights.
        confidence: share of what is like the query, beside the slot that is always there: 0 to 1.
    """

    value: Float[Tensor, "q d"]
    weights: Float[Tensor, "q n"]
    ids: tuple[int, ...]
    confidence: Float[Tensor, " q"]


class Evidence(NamedTuple):
    """The latest evidence for and against something.

    Attributes:
        strength: of the latest slot for it.
        held: its time; minus infinity without one.
        source: its id; -1 without one.
        denied: the time of the latest slot against it; minus infinity without one.
    """

    strength: Float[Tensor, " q"]
    held: Float[Tensor, " q"]
    source: Int[Tensor, " q"]
    denied: Float[Tensor, " q"]


class TimedMemory:
    """Slots of key, value, strength and time.

    Args:
        key_width: features of a key.
        value_width: features of a value.
        beta: how near a key has to be, in inverse squared distance.
        half_life: writes after which an older slot of the same key weighs half.

    Raises:
        AgentError: the half-life is not positive.

    Example:
        >>> memory = TimedMemory(1, 1, beta=50.0)
        >>> key = torch.zeros(1)
        >>> _ = memory.write(key, torch.tensor([1.0]), time=0)
        >>> _ = memory.write(key, torch.tensor([2.0]), time=1000)
        >>> memory.recall(key[None]).weights.round(decimals=3).tolist()
        [[0.059, 0.941]]
    """

    def __init__(
        self, key_width: int, value_width: int, *, beta: float = 1e5, half_life: float = 0.25
    ) -> None:
        if not 0 < half_life < math.inf:
            raise AgentError(f"a memory has a positive half-life, not {half_life}")
        self.half_life = half_life
        # float64: times of a long life would round.
        self.memory = ModernHopfield(
            key_width, value_width + 2, beta=beta, similarity="euclidean", dtype=torch.float64
        )

    def __len__(self) -> int:
        return len(self.memory.keys)

    @property
    def next_id(self) -> int:
        """Of the slot that is written next."""
        return int(self.memory.next_id)

    @property
    def ids(self) -> tuple[int, ...]:
        """Of the slots, the oldest first."""
        return self.memory.ids

    @property
    def strengths(self) -> Float[Tensor, " n"]:
        """Of the slots; below zero where they speak against what they hold."""
        return self.memory.values[:, -2]

    @property
    def times(self) -> Float[Tensor, " n"]:
        """When each slot was written."""
        return self.memory.values[:, -1]

    @property
    def bytes(self) -> int:
        """Of all slots."""
        memory = self.memory
        return 8 * (memory.keys.numel() + memory.values.numel() + memory.written_ids.numel())

    def write(
        self,
        key: Float[Tensor, " key"],
        value: Float[Tensor, " value"],
        *,
        time: int,
        strength: float = 1.0,
    ) -> int:
        """Store one slot; returns its id."""
        stamp = value.new_tensor([strength, time], dtype=torch.float64)
        return self.memory.write(key[None].double(), torch.cat([value.double(), stamp])[None])

    def forget(self, ids: int | Iterable[int]) -> None:
        """Take slots back.

        Raises:
            MemoryShapeError: there is no such slot.
        """
        self.memory.forget(ids)

    def recall(self, queries: Float[Tensor, "q key"]) -> Recalled:
        """What the slots answer, the latest first."""
        ids = tuple(self.memory.written_ids.tolist())
        if not ids:
            none = queries.new_zeros(len(queries), dtype=torch.float64)
            value = none[:, None].expand(-1, self.memory.value_width - 2)
            return Recalled(value, none[:, None].expand(-1, 0), ids, none)
        alike = self._alike(queries)
        order = self.memory.written_ids.double()
        weights = (alike + order * (math.log(2) / self.half_life)).softmax(1)
        total = alike.exp().sum(1)
        value = (weights * self.strengths) @ self.memory.values[:, :-2]
        return Recalled(value, weights, ids, total / (NULL + total))

    def evidence(self, queries: Float[Tensor, "q key"]) -> Evidence:
        """When something like each query was last held true, and when it was denied."""
        never = queries.new_full((len(queries),), -math.inf, dtype=torch.float64)
        if not len(self):
            none = torch.full((len(queries),), -1, device=queries.device)
            return Evidence(torch.zeros_like(never), never, none, never)
        near = self._alike(queries).exp() > _LIKE
        held, row = self._latest(near & (self.strengths > 0))
        denied, _ = self._latest(near & (self.strengths < 0))
        found = held.isfinite()
        strength = torch.where(found, self.strengths[row], 0.0)
        source = torch.where(found, self.memory.written_ids[row], -1)
        return Evidence(strength, held, source, denied)

    def rows(self, first: int = 0) -> dict[str, Tensor]:
        """Slots whose ids are not below a number: keys, values with strength and time, ids."""
        memory = self.memory
        kept = memory.written_ids >= first
        return {
            "keys": memory.keys[kept].clone(),
            "values": memory.values[kept].clone(),
            "ids": memory.written_ids[kept].clone(),
        }

    def load(self, rows: dict[str, Tensor], next_id: int) -> None:
        """Hold these slots and no others; see `rows`.

        Args:
            rows: slots.
            next_id: of the slot that is written next.
        """
        self.memory.load_state_dict(
            {
                "written_keys": rows["keys"],
                "written_values": rows["values"],
                "written_ids": rows["ids"],
                "next_id": torch.tensor(next_id),
            }
        )

    def _alike(self, queries: Tensor) -> Float[Tensor, "q n"]:
        return -self.memory.beta * squared_distances(queries.double(), self.memory.keys) / 2

    def _latest(self, which: Bool[Tensor, "q n"]) -> tuple[Tensor, Tensor]:
        times = torch.where(which, self.times, -math.inf)
        # Of one time the slot that was written last.
        row = len(self) - 1 - times.flip(1).argmax(1)
        return times.gather(1, row[:, None])[:, 0], row
