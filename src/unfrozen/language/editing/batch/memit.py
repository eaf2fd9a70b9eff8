"""MEMIT: many facts written at once, spread over the layers that carry them (Meng et al. 2023).

Each down-projection of a range of layers is a linear associative memory W k = v.  For every fact
the state z that makes the model say the new object is searched at the output of the last layer of
the range.  Then, from the first layer to the last, the keys of all facts are read off the model as
it is by now, what is still missing to z is divided by the number of layers left, and one
least-squares write stores it: `unfrozen.memory.regularised_write`, with the second moment of all
other keys as its prior.  What is written, and what is spared by it, is a `Solver`'s to say: other
methods differ in nothing else.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError, ModelError
from unfrozen.language.editing.batch.sharing import search_pieces, share_values
from unfrozen.language.editing.batch.states import subject_states
from unfrozen.language.editing.contexts import Contexts
from unfrozen.language.editing.edit import Edit
from unfrozen.language.editing.prompts import new_target, sample_prefixes
from unfrozen.language.editing.search import Values, search_precision, search_values
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import encode_target, subject_span
from unfrozen.memory import LowRank, SecondMoment, regularised_write

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

# Tokens that a pass of the search replays: on a CPU more are no faster, and take memory.
_SEARCH_TOKENS, _MORE = 640, 16
# Facts of a piece, which ends with few that share a pass; fewer than that many are not divided.
_PIECE, _UNDIVIDED = 50, 24


@runtime_checkable
class Solver(Protocol):
    """How keys and values become a change of one layer's memory."""

    @property
    def sequential(self) -> bool:
        """Whether it spares the keys of earlier batches."""
        ...

    def write(
        self,
        weight: Float[Tensor, "value key"],
        keys: Float[Tensor, "n key"],
        values: Float[Tensor, "n value"],
        second_moment: SecondMoment | None,
        previous_keys: Float[Tensor, "m key"] | None,
    ) -> LowRank:
        """The change that stores ``values`` at ``keys``."""
        ...


@dataclass(frozen=True)
class RegularisedSolver:
    """MEMIT's write: R K^T (s C + K K^T)^-1.

    Attributes:
        strength: s, how many keys the old ones count for (the published code: 15,000 for GPT-J,
            20,000 for GPT-2 XL).  C is the mean over old keys, so s has no unit of the model's.
    """

    strength: float = 15_000.0

    @property
    def sequential(self) -> bool:
        """Each batch is on its own."""
        return False

    def write(
        self,
        weight: Float[Tensor, "value key"],
        keys: Float[Tensor, "n key"],
        values: Float[Tensor, "n value"],
        second_moment: SecondMoment | None,
        previous_keys: Float[Tensor, "m key"] | None = None,
    ) -> LowRank:
        """See `unfrozen.memory.regularised_write`."""
        return regularised_write(weight, keys, values, second_moment, self.strength)


@dataclass(frozen=True)
class MemitSettings:
    """How to edit in batches; defaults of the paper (appendix B.2) unless it says otherwise.

    Attributes:
        layers: which memories to write to, in a row; None for the default depths.
        solver: how the values are written.
        steps: most steps of the search for a value (the published code: 25 for GPT-J).
        learning_rate: of Adam.
        weight_decay: weight of ``|delta| / |h|^2``.
        kl: weight of the divergence at the essence prompt.
        clamp: largest ``|delta|`` in units of ``|h|``.
        confidence: stop when the mean probability of the target over contexts reaches this; the
            paper stops at a loss of 0.05.
        prefix_length: tokens of the sampled prefixes.
        prefixes: how many of them.
        anchor: whether a value is brought back to the norm that states of the unedited model have
            (Liu et al. 2026, norm-anchor scaling).
        seed: of the prefixes.
    """

    layers: tuple[int, ...] | None = None
    solver: Solver = RegularisedSolver()
    steps: int = 25
    learning_rate: float = 0.5
    weight_decay: float = 0.5
    kl: float = 0.0625
    clamp: float = 0.75
    confidence: float = 0.95
    prefix_length: int = 10
    prefixes: int = 5
    anchor: bool = False
    seed: int = 0

    def layers_for(self, lm: LanguageModel) -> tuple[int, ...]:
        """The layers, or those from a tenth to a quarter of the depth, as published ranges are.

        Raises:
            ModelError: they are not in a row, or the model does not have them.
        """
        n = lm.n_layers
        layers = self.layers or tuple(range(round(n / 10), max(round(n / 4), round(n / 10) + 1)))
        if list(layers) != list(range(layers[0], layers[0] + len(layers))):
            raise ModelError(f"layers to write to are in a row, as 3, 4, 5: not {list(layers)}")
        return tuple(lm.layer(layer) for layer in layers)


@dataclass(frozen=True)
class BatchEdit(Edit):
    """A change that writes many facts.

    Attributes:
        targets: the states z that were written, for each fact.
        keys: layer -> the facts' keys there when they were written.
        each: what was measured of each fact while it was made.
    """

    targets: Float[Tensor, "fact value"] = field(default_factory=lambda: torch.empty(0, 0))
    keys: Mapping[int, Float[Tensor, "fact key"]] = field(default_factory=dict)
    each: tuple[Mapping[str, Any], ...] = ()


class Memit:
    """Edits facts in batches.

    Args:
        lm: the model; `edit` does not change it.
        settings: how.
        second_moments: of the keys of each layer written to (`unfrozen.language.covariance`); None
            for the identity.
        prefixes: what to put before the prompts; sampled from the model when None.
        reference: norm of the states that values are brought back to, if they are anchored: of
            the unedited model (`reference_norm`); that of the model as it is, when None.
        workers: how many processes search values: see `unfrozen.language.scale.share`.
        address: of the Ray cluster they are in.

    Raises:
        ModelError: the layers do not fit the model, or one has no second moment.
    """

    def __init__(
        self,
        lm: LanguageModel,
        settings: MemitSettings = MemitSettings(),
        second_moments: Mapping[int, SecondMoment] | None = None,
        prefixes: Sequence[str] | None = None,
        reference: float | None = None,
        workers: int = 1,
        address: str | None = None,
    ) -> None:
        self.workers, self.address = workers, address
        self.lm, self.settings, self.second_moments = lm, settings, second_moments
        self.layers = settings.layers_for(lm)
        if second_moments is not None and set(self.layers) - set(second_moments):
            missing = min(set(self.layers) - set(second_moments))
            raise ModelError(f"there is no second moment of the keys of layer {missing}")
        self.prefixes = (
            sample_prefixes(lm, (settings.prefix_length,), settings.prefixes, settings.seed)
            if prefixes is None
            else tuple(prefixes)
        )
        self.reference = reference

    @torch.no_grad()
    def values(self, facts: Sequence[Fact], progress: Progress | None = None) -> Values:
        """Search the states z of facts at the last layer, many facts a pass.

        Args:
            facts: with new targets.
            progress: called as facts are done.

        Raises:
            FactError: a fact cannot be edited as it stands.
            ModelError: a loss is not finite.
            ScaleError: the search cannot be shared among workers.
        """
        if not facts:
            raise FactError("there are no facts to write")
        pieces = self._pieces(facts)
        report = progress and partial(progress, "Searching values")
        if self.workers > 1 or self.address is not None:
            values = share_values(self, facts, pieces, report)
        else:
            values = search_pieces(self, facts, pieces, report)
        # What a value is added to is known in the model's own precision.
        start = subject_states(self.lm, facts, (), None, self.layers[-1]).state
        values = replace(values, start=start)
        return self._anchored(values) if self.settings.anchor else values

    def search(
        self, lm: LanguageModel, facts: Sequence[Fact], progress: Callable[[int], None]
    ) -> Values:
        """Search the states of a piece of the facts, in their order, on a copy of the model."""
        last = self.layers[-1]

        def made() -> Iterator[Contexts]:
            for part in self._parts(facts):
                with torch.no_grad():
                    contexts = Contexts.make(lm, part, last, self.prefixes, "state")
                yield contexts

        with torch.enable_grad():
            return search_values(lm, made(), self.settings, progress, self._more * _SEARCH_TOKENS)

    @property
    def _more(self) -> int:
        """How many times as much a pass takes as on a CPU."""
        return 1 if self.lm.device.type == "cpu" else _MORE

    @torch.no_grad()
    def write(
        self,
        facts: Sequence[Fact],
        targets: Float[Tensor, "fact value"],
        previous_keys: Mapping[int, Float[Tensor, "m key"]] | None = None,
        progress: Progress | None = None,
    ) -> BatchEdit:
        """Write states that were found, layer by layer, keys read anew after each.

        Args:
            facts: whose states they are.
            targets: the states z, of `values`.
            previous_keys: layer -> keys of earlier batches, for solvers that spare them.
            progress: called as layers are done.

        Returns:
            The change of all layers, not applied.
        """
        lm, solver = self.lm, self.settings.solver
        updates: dict[str, LowRank] = {}
        kept: dict[int, Tensor] = {}
        missing: list[float] = []
        with ExitStack() as stack:
            for done, layer in enumerate(self.layers):
                if progress is not None:
                    progress("Writing layers", done, len(self.layers))
                states = subject_states(lm, facts, self.prefixes, layer, self.layers[-1])
                residual = targets - states.state
                missing.append(float(residual.norm(dim=1).mean()))
                memory = lm.down_projection(layer)
                weight, keys = memory.weight.double(), states.keys.double()
                wanted = keys @ weight.T + residual.double() / (len(self.layers) - done)
                before = None if previous_keys is None else previous_keys.get(layer)
                moment = None if self.second_moments is None else self.second_moments[layer]
                update = solver.write(
                    memory.weight.float(),
                    keys,
                    wanted,
                    moment,
                    before if solver.sequential else None,
                )
                kept[layer] = states.keys
                updates[memory.parameter_name] = (
                    update.transposed() if memory.transposed else update
                )
                name = memory.parameter_name
                stack.enter_context(lm.edited({name: updates[name].dense()}))
            left = targets - subject_states(lm, facts, (), None, self.layers[-1]).state
        if progress is not None:
            progress("Writing layers", len(self.layers), len(self.layers))
        each = tuple({"missing": float(one)} for one in left.norm(dim=1))
        return BatchEdit(
            method="memit",
            updates=updates,
            settings=self.described(),
            diagnostics={"missing": [*missing, float(left.norm(dim=1).mean())]},
            targets=targets,
            keys=kept,
            each=each,
        )

    def edit(
        self,
        facts: Sequence[Fact],
        previous_keys: Mapping[int, Float[Tensor, "m key"]] | None = None,
        progress: Progress | None = None,
    ) -> BatchEdit:
        """The change that rewrites facts, all at once.

        Args:
            facts: with new targets.
            previous_keys: layer -> keys of earlier batches, for solvers that spare them.
            progress: called with what is being done.

        Raises:
            FactError: a fact cannot be edited as it stands.
            ModelError: a loss is not finite.
        """
        start = time.perf_counter()
        values = self.values(facts, progress)
        searched = time.perf_counter()
        edit = self.write(facts, values.target, previous_keys, progress)
        seconds = {
            "search_seconds": searched - start,
            "write_seconds": time.perf_counter() - searched,
        }
        norms = values.start.norm(dim=1)
        each = tuple(
            {
                **edit.each[i],
                "steps": int(values.steps[i]),
                "probability_before": float(values.before[i]),
                "probability_found": float(values.probability[i]),
                "divergence": float(values.divergence[i]),
                "value_change": float(values.delta[i].norm()),
                "relative_value_change": float(values.delta[i].norm() / norms[i]),
            }
            for i in range(len(facts))
        )
        return replace(edit, diagnostics={**edit.diagnostics, **seconds}, each=each)

    def described(self) -> dict[str, Any]:
        """The settings as plain values, with what they became for this model."""
        moments = self.second_moments
        return {
            **asdict(self.settings),
            "solver": {"name": type(self.settings.solver).__name__, **asdict(self.settings.solver)},  # pyright: ignore[reportArgumentType]
            "layers": list(self.layers),
            "precision": str(search_precision(self.lm)).removeprefix("torch."),
            "second_moment_tokens": moments[self.layers[0]].count if moments else None,
        }

    def reference_norm(self, facts: Sequence[Fact]) -> float:
        """Mean norm of the states at the facts' subjects, of the model as it is."""
        state = subject_states(self.lm, facts, (), None, self.layers[-1]).state
        return float(state.norm(dim=1).mean())

    def _anchored(self, values: Values) -> Values:
        """Values with the norm of the unedited model's states."""
        norm = values.start.norm(dim=1).mean() if self.reference is None else self.reference
        target = values.target * (norm / values.target.norm(dim=1, keepdim=True))
        return replace(values, delta=target - values.start)

    def _size(self, fact: Fact) -> tuple[int, int]:
        """How many tokens a context replays, and how many of them are the target's."""
        span = subject_span(self.lm.tokenizer, fact.prompt, fact.subject)
        target = encode_target(self.lm.tokenizer, span.tokens, new_target(fact))
        return len(span.tokens) - span.last_subject_token + len(target) - 1, len(target)

    def _pieces(self, facts: Sequence[Fact]) -> list[list[int]]:
        """Numbers of facts in pieces that are searched apart; facts of like length together."""
        sizes = [self._size(fact) for fact in facts]
        order = sorted(range(len(facts)), key=lambda i: sizes[i])
        number = -(-len(facts) // (self._more * _PIECE))
        number = max(number, 1 if len(facts) < self._more * _UNDIVIDED else 2)
        ends = [round(i * len(facts) / number) for i in range(number + 1)]
        return [order[a:b] for a, b in pairwise(ends)]

    def _parts(self, facts: Sequence[Fact]) -> Iterator[list[Fact]]:
        """Facts in order, in parts that one pass of the search takes."""
        part: list[Fact] = []
        longest = 0
        for fact in facts:
            longest = max(longest, self._size(fact)[0])
            if part and (len(part) + 1) * (len(self.prefixes) + 2) * longest > _SEARCH_TOKENS:
                yield part
                part, longest = [], self._size(fact)[0]
            part.append(fact)
        yield part
