"""What all Hopfield networks share: states that fall into attractors, and reading at the bottom.

A state is compared with the stored keys and moved towards those it resembles, again and again,
until it rests.  What is read is the answer of the resting state: its own values, of a
hetero-associative memory, and itself of an auto-associative one, whose values are its keys.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.base import AssociativeMemory

MAX_STEPS = 1000


@dataclass(frozen=True)
class Retrieval:
    """The way of states to their attractors.

    Attributes:
        states: where they ended.
        steps: updates until each rested (or until the last).
        converged: whether it rests.
        trajectory: the states before, between and after the updates, first dimension time; None if
            it was not asked for.  States that rest stay where they are.
        energies: likewise, their energies.
    """

    states: Float[Tensor, "*batch key"]
    steps: Int[Tensor, "*batch"]
    converged: Bool[Tensor, "*batch"]
    trajectory: Float[Tensor, "time *batch key"] | None = None
    energies: Float[Tensor, " time *batch"] | None = None


class HopfieldNetwork(AssociativeMemory):
    """A memory whose states descend an energy.

    A member implements `energy`, `update` and `answer`.  An empty one leaves every state where it
    is, and answers zero.

    Args:
        key_width: features of a state and of a key.
        value_width: features of a value; those of a key by default, for auto-association.
        tolerance: a state rests when an update moves it by less than this share of the largest
            key's norm; by default eight times the precision.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: a width is not positive, or the tolerance is negative.
    """

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        tolerance: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        value_width = key_width if value_width is None else value_width
        super().__init__(key_width, value_width, device=device, dtype=dtype)
        if tolerance is not None and tolerance < 0:
            raise MemoryShapeError(f"the tolerance cannot be negative ({tolerance})")
        self.tolerance = tolerance

    @property
    def settings(self) -> dict[str, Any]:
        """Widths and tolerance."""
        widths = {"key_width": self.key_width, "value_width": self.value_width}
        return {**widths, "tolerance": self.tolerance}

    @property
    def keys(self) -> Float[Tensor, "n key"]:
        """The stored patterns, one a row."""
        return self.written_keys

    @property
    def values(self) -> Float[Tensor, "n value"]:
        """What belongs to them, one a row."""
        return self.written_values

    @property
    def largest_norm(self) -> float:
        """M, the norm of the longest key; zero of an empty memory."""
        return float(self.keys.norm(dim=1).max()) if len(self.keys) else 0.0

    @abstractmethod
    def update(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch key"]:
        """One step of the descent.

        Raises:
            MemoryShapeError: the states have another width.
        """

    @abstractmethod
    def answer(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The values of states, without moving them."""

    def retrieve(
        self,
        queries: Float[Tensor, "*batch key"],
        steps: int | None = None,
        *,
        trajectory: bool = False,
    ) -> Retrieval:
        """Let states fall.

        Each state stops when it rests, whatever the others of its batch do.

        Args:
            queries: where they start.
            steps: how many updates at most; None to go on until they rest (or `MAX_STEPS`).
            trajectory: whether to keep the way and its energies.

        Returns:
            The way, and where it ended.

        Raises:
            MemoryShapeError: the queries have another width, or steps are negative.
        """
        self._check_queries(queries)
        if steps is not None and steps < 0:
            raise MemoryShapeError(f"a retrieval takes no or more steps, not {steps}")
        states = self._starting(queries)
        limit = self._rest()
        counts = torch.zeros(states.shape[:-1], dtype=torch.int64, device=states.device)
        moving = torch.ones_like(counts, dtype=torch.bool)
        way = [states]
        for _ in range(MAX_STEPS if steps is None else steps):
            if len(self.keys) == 0 or not (states.is_meta or bool(moving.any())):
                break
            moved = torch.where(moving[..., None], self.update(states), states)
            counts = counts + moving
            moving = moving & ((moved - states).detach().norm(dim=-1) > limit)
            states = moved
            if trajectory:
                way.append(states)
            if states.is_meta:  # nothing can be decided without values
                break
        moving = moving & bool(len(self.keys))
        path = torch.stack(way) if trajectory else None
        energies = self.energy(path) if path is not None and len(self.keys) else None
        return Retrieval(states, counts, ~moving, path, energies)

    def read(
        self, queries: Float[Tensor, "*batch key"], steps: int | None = None
    ) -> Float[Tensor, "*batch value"]:
        """The values that queries lead to.

        Args:
            queries: states to start from.
            steps: how many updates, the last of which is the answer (1 is attention); None to go
                on until the states rest.

        Raises:
            MemoryShapeError: the queries have another width, or steps are not positive.
        """
        if steps is not None and steps < 1:
            raise MemoryShapeError(f"reading takes at least one step, not {steps}")
        states = self.retrieve(queries, None if steps is None else steps - 1).states
        if len(self.keys) == 0:
            return states.new_zeros(*states.shape[:-1], self.value_width)
        return self.answer(states)

    def _starting(self, queries: Tensor) -> Tensor:
        """Queries as states: members whose states are signs take signs."""
        return queries

    def _rest(self) -> float:
        """How far an update may move a state that rests."""
        share = self.tolerance
        if share is None:
            share = 8 * torch.finfo(self.keys.dtype).eps
        return 0.0 if self.keys.is_meta else share * self.largest_norm

    def _check_energy(self, states: Tensor, values: Tensor | None) -> None:
        self._check_queries(states)
        if values is not None:
            raise MemoryShapeError(
                f"a {type(self).__name__} has no energy of pairs: give the states alone"
            )
        if len(self.keys) == 0:
            raise MemoryShapeError(
                f"an empty {type(self).__name__} has no energy: write to it first"
            )

    def _reset(self) -> None:
        """Nothing to do for members whose patterns are all they learn."""

    def _learn(self, keys: Tensor, values: Tensor, earlier_keys: Tensor) -> None:
        """Likewise."""
