"""One reading with a memory of facts beside the model: who is met, what is asked, what is said."""

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from unfrozen.language.architecture.probe import first_tensor, with_first_tensor

if TYPE_CHECKING:
    from unfrozen.language.recall.facts import FactMemory

_QUERIES = 512


class Reader:
    """One reading: which subjects were met so far, and what is to be said where."""

    def __init__(self, memory: "FactMemory") -> None:
        self.memory = memory
        self.met: dict[int, dict[int, int]] = defaultdict(dict)  # row -> fact -> since when
        self.writes: list[tuple[int, Tensor, Tensor, Tensor]] = []
        self.past = 0
        # The last queries, for subjects that were begun in an earlier pass.
        self.held: Tensor | None = None

    def begins(self, module: nn.Module, args: object, kwargs: dict[str, object]) -> None:
        """Before a pass: whether it goes on from another."""
        cache = kwargs.get("past_key_values")
        length: Callable[[], int] | None = getattr(cache, "get_seq_length", None)
        self.past = 0 if length is None else int(length())
        if self.past == 0:
            self.met.clear()
            self.held = None
        self.writes.clear()

    def meets(self, module: nn.Module, args: object, output: object) -> None:
        """The subjects layer: which facts' subjects end where."""
        memory = self.memory
        if not len(memory):
            return
        states = first_tensor(output)
        now = memory._scales[memory.subject_layer](states)
        held = self.held if self.past and self.held is not None else now[:, :0]
        if len(held) != len(now):
            held = now[:, :0]
        queries, time = torch.cat([held, now], 1), now.shape[1]
        self.held = queries[:, -memory.longest :]
        flat = now.flatten(0, 1)
        for first in range(0, len(flat), _QUERIES):
            cosines = flat[first : first + _QUERIES] @ memory._subjects.T
            places, subjects = torch.nonzero(cosines > memory._thresholds).unbind(1)
            if not len(places):
                continue
            rows, at = (first + places) // time, (first + places) % time
            begun = self._begun(queries, rows, at, held.shape[1], subjects)
            for row, place, subject in torch.stack([rows, at, subjects], 1)[begun].tolist():
                number = int(memory._subject_ids[subject])
                self.met[row].setdefault(number, self.past + place)

    def _begun(
        self,
        queries: Float[Tensor, "row time width"],
        rows: Int[Tensor, " hit"],
        at: Int[Tensor, " hit"],
        earlier: int,
        subjects: Int[Tensor, " hit"],
    ) -> Bool[Tensor, " hit"]:
        """Whether a subject that ends somewhere also begins where it should, give or take a token.

        Names that end alike ("Bry-sur-Marne", "Villiers-sur-Marne") begin differently.  The first
        position of a text tells nothing, because models park there.
        """
        memory = self.memory
        lengths = memory._lengths[subjects]
        start = at - lengths + 1
        where = (start + earlier)[:, None] + torch.arange(-1, 2, device=at.device)
        there = (where >= 0) & (where < (at + earlier)[:, None])
        found = queries[rows[:, None], where.clamp(min=0, max=queries.shape[1] - 1)]
        cosines = (found * memory._beginnings[subjects][:, None]).sum(-1)
        best = cosines.masked_fill(~there, -1.0).amax(1)
        began = self.past + start
        # At the very beginning of a text a name may take a token more or less than within it.
        unknown = (lengths == 1) | ((began >= -1) & (began <= 0))
        return unknown | (best > memory.settings.beginning_threshold)

    def asks(self, module: nn.Module, args: object, output: object) -> None:
        """The relations layer: where the facts of those who were met are asked for."""
        memory = self.memory
        if not any(self.met.values()):
            return
        states = first_tensor(output)
        for row, met in self.met.items():
            if not met or row >= len(states):
                continue
            first = max(min(met.values()) - self.past, 0)
            entries = torch.cat([memory.entries(number) for number in met])
            queries = memory._scales[memory.relation_layer](states[row, first:])
            weights = memory.retrieve(entries, queries)
            since = torch.tensor(
                [at for number, at in met.items() for _ in range(len(memory.entries(number)))],
                device=states.device,
            )
            times = torch.arange(len(queries), device=states.device) + first + self.past
            weights = weights * (times[:, None] >= since)
            open_at = torch.nonzero(weights.sum(1) > 1e-3)[:, 0]
            if len(open_at):
                self.writes.append((row, first + open_at, entries, weights[open_at]))

    def says(self, module: nn.Module, args: object, output: object) -> object:
        """The last layer: states that make the model say what was retrieved."""
        if not self.writes:
            return output
        states = first_tensor(output).clone()
        for row, places, entries, weights in self.writes:
            values = self.memory.value_of(entries).to(states)
            share = weights.to(states)
            own = states[row, places] * (1 - share.sum(1, keepdim=True))
            states[row, places] = own + share @ values
        return with_first_tensor(output, states)
