"""Costs that come from what was stored: places and steps that went badly, and places seen before.

Both cite their slots.  A memory's penalty is a sum over slots, so to delete one takes exactly its
share away; novelty is a mean over the nearest slots, so to delete one lets the next one in.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.memory import AssociativeMemory
from unfrozen.world.costs.base import Shares, Term, per_start
from unfrozen.world.distances import blocks, neighbours, squared_distances


@dataclass(frozen=True, eq=False)
class Slots:
    """What a memory holds, laid out to be scored against many futures at once.

    Attributes:
        keys: where, or at which step, something was stored.
        strengths: how much; of a penalty, its size.
        ids: by which each can be cited and deleted; several rows may share one.
        kind: what a slot is called as a source: "memory", "fact", "change".

    Raises:
        WorldError: there is not one strength and one id a key.
    """

    keys: Float[Tensor, "n d"]
    strengths: Float[Tensor, " n"]
    ids: tuple[int, ...]
    kind: str = "memory"

    def __post_init__(self) -> None:
        if not len(self.keys) == len(self.strengths) == len(self.ids):
            raise WorldError(
                f"slots have one strength and one id a key, not {len(self.keys)} keys, "
                f"{len(self.strengths)} strengths and {len(self.ids)} ids"
            )

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, memory: AssociativeMemory, kind: str = "memory") -> "Slots":
        """The writes of an associative memory; the first number of a value is its strength."""
        return cls(
            memory.written_keys,
            memory.written_values[:, 0],
            tuple(memory.written_ids.tolist()),
            kind,
        )

    def without(self, ids: int | Iterable[int]) -> "Slots":
        """All but the slots of these ids.

        Raises:
            WorldError: there is no such slot.
        """
        gone = {ids} if isinstance(ids, int) else set(ids)
        if not gone <= set(self.ids):
            raise WorldError(f"there is no slot {min(gone - set(self.ids))} to leave out")
        kept = [row for row, which in enumerate(self.ids) if which not in gone]
        return Slots(
            self.keys[kept], self.strengths[kept], tuple(self.ids[row] for row in kept), self.kind
        )


@dataclass(frozen=True, eq=False)
class Memory(Term):
    """Penalties that were stored, felt around where they were: sum_i s_i exp(-|q - k_i|^2 / 2 w^2).

    The query q is what the keys are of: the "place" s_t; the "step" [s_{t-1}, s_t]; or the
    "action" [s_{t-1}, a_t].  The latter two need the start, which is not among the states.

    Attributes:
        slots: what was stored.
        width: w, in the latents' unit.
        of: what the keys are of.
        start: where the plans begin, one for all or one a start.
    """

    slots: Slots
    width: float
    of: Literal["place", "step", "action"] = "place"
    start: Float[Tensor, "*starts d"] | None = None
    name: str = field(default="memory", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.width < math.inf:
            raise WorldError(f"the width of {self.name!r} is positive, not {self.width}")
        if self.of not in ("place", "step", "action"):
            raise WorldError(f"keys are of a 'place', a 'step' or an 'action', not {self.of!r}")
        if self.of != "place" and self.start is None:
            raise WorldError(f"keys of a {self.of!r} need to know where plans start: give `start`")

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """The penalty of each state or step."""
        if not len(self.slots):
            return states.new_zeros(states.shape[:2])
        queries = self._queries(states, actions)
        felt = [
            self._kernel(some) @ self.slots.strengths for some in blocks(queries, len(self.slots))
        ]
        return torch.cat(felt).view(states.shape[:2])

    def shares(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> tuple[Shares, ...]:
        """What each slot adds; exact, since they add up."""
        if not len(self.slots):
            return (Shares(self.slots.kind, (), states.new_zeros(len(states), 0)),)
        queries = self._queries(states, actions)
        each = [self._kernel(some) * self.slots.strengths
                for some in blocks(queries, len(self.slots))]  # fmt: skip
        by_row = torch.cat(each).view(*states.shape[:2], -1).sum(1)
        return (_by_id(self.slots, by_row),)

    def _kernel(self, queries: Tensor) -> Tensor:
        return (squared_distances(queries, self.slots.keys) / (-2 * self.width**2)).exp()

    def _queries(self, states: Tensor, actions: Tensor) -> Tensor:
        if self.of == "place":
            queries = states
        else:
            assert self.start is not None
            first = per_start(self.start, states, "the start").expand(len(states), 1, -1)
            before = torch.cat([first, states[:, :-1]], 1)
            queries = torch.cat([before, states if self.of == "step" else actions], 2)
        if queries.shape[2] != self.slots.keys.shape[1]:
            raise WorldError(
                f"the slots of {self.name!r} have keys of width {self.slots.keys.shape[1]}, but a "
                f"{self.of} has {queries.shape[2]} numbers"
            )
        return queries.flatten(0, 1)


@dataclass(frozen=True, eq=False)
class Novelty(Term):
    """What is known already costs: -(1/k) sum of log(least + |s - m_i|), m_i the k nearest stored.

    Minimising it goes where nothing stored is near (the particle estimate of entropy, Singh et al.
    2003, as Liu and Abbeel 2021, eq. 5, take it for exploring).

    Attributes:
        slots: states seen; their strengths are not used.
        k: how many of the nearest count; all, if there are fewer.
        least: added to distances, so that a place seen is not infinitely bad.
    """

    slots: Slots
    k: int = 3
    least: float = 1e-3
    name: str = field(default="novelty", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 1 or not 0 < self.least < math.inf:
            raise WorldError(
                f"novelty asks for at least one neighbour and a positive least distance, not "
                f"{self.k} and {self.least}"
            )

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """How well known each state is; nothing if nothing is stored."""
        if not len(self.slots):
            return states.new_zeros(states.shape[:2])
        known, _ = self._known(states)
        return known.sum(2)

    def shares(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> tuple[Shares, ...]:
        """What each neighbour adds."""
        by_row = states.new_zeros(len(states), len(self.slots))
        if len(self.slots):
            known, indices = self._known(states)
            by_row = by_row.scatter_add(1, indices.flatten(1), known.flatten(1))
        return (_by_id(self.slots, by_row),)

    def _known(self, states: Tensor) -> tuple[Tensor, Tensor]:
        keys, k = self.slots.keys, min(self.k, len(self.slots))
        if keys.shape[1] != states.shape[2]:
            raise WorldError(
                f"what is stored for {self.name!r} has width {keys.shape[1]}, but states "
                f"{states.shape[2]}"
            )
        squared, indices = neighbours(states.flatten(0, 1), keys, k)
        tiny = torch.finfo(squared.dtype).tiny
        known = -((squared + tiny).sqrt() + self.least).log() / k
        shape = (*states.shape[:2], k)
        return known.view(shape), indices.view(shape)


def _by_id(slots: Slots, by_row: Tensor) -> Shares:
    """Amounts a row of the slots, added up by id."""
    ids = tuple(dict.fromkeys(slots.ids))
    place = {which: number for number, which in enumerate(ids)}
    columns = torch.tensor([place[which] for which in slots.ids], dtype=torch.long)
    amounts = by_row.new_zeros(len(by_row), len(ids))
    return Shares(slots.kind, ids, amounts.index_add(1, columns.to(by_row.device), by_row))
