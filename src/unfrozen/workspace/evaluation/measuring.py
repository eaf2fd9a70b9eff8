"""Measuring pieces in any process: a base model, and the values that it has in each state."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.language.evaluation import (
    Case,
    References,
    before,
    drift_prompts,
    measure_case,
    measure_state,
)
from unfrozen.language.evaluation.side import next_logs
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.change import Change
from unfrozen.workspace.evaluation.plan import Plan
from unfrozen.workspace.evaluation.writing import holding
from unfrozen.workspace.remembering import Memories, memories_in

BASE = "base"
"""Label of the state without any change."""


@dataclass(frozen=True)
class Piece:
    """What is measured at once.

    Attributes:
        labels: of the states to measure in; a fact is measured in the base's besides.
        case: the fact; None for what is measured of a state whatever the facts.
    """

    labels: tuple[str, ...]
    case: Case | None = None


@dataclass
class States:
    """Makes what measures pieces: a model and the values that its parameters have in each state.

    Attributes:
        model: name of the base.
        dtype: of its weights.
        device: where they are.
        values: label -> parameter name -> value.
        plan: metrics and seeds.
        corpus: texts that words are weighed by; none for no reference score.
        beside: label -> the changes of memories that stand beside the model in that state.
        lm: the base model itself, in the process that has it already.
    """

    model: str
    dtype: torch.dtype
    device: str
    values: dict[str, dict[str, Tensor]]
    plan: Plan
    corpus: tuple[str, ...]
    beside: dict[str, list[Change]] = field(default_factory=dict)
    lm: LanguageModel | None = field(default=None, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Without the model, which every process loads by itself."""
        return {**self.__dict__, "lm": None}

    def __call__(self) -> "Bench":
        """Load the model."""
        lm = self.lm or LanguageModel.from_pretrained(
            self.model, dtype=self.dtype, device=self.device
        )
        return Bench(lm, self)


class Bench:
    """A base model that is put into each state in turn."""

    def __init__(self, lm: LanguageModel, states: States) -> None:
        self.lm, self.states = lm, states
        self.references = References(states.corpus) if states.corpus else None
        self.memories: dict[str, Memories] = {}

    @cached_property
    def drift_base(self) -> Float[Tensor, "prompt vocabulary"] | None:
        """What the base says next on unrelated prompts."""
        if "drift" not in self.states.plan.metrics:
            return None
        return next_logs(self.lm, drift_prompts())

    @contextmanager
    def state(self, label: str) -> Iterator[None]:
        """The model in one of its states, for the length of a block."""
        with holding(self.lm, self.states.values.get(label, {})):
            if label not in self.memories:
                self.memories[label] = memories_in(self.states.beside.get(label, []), self.lm)
            with self.memories[label].attached():
                yield

    def measure(self, piece: Piece) -> dict[str, Any]:
        """A piece in each of its states, as JSON."""
        plan, case = self.states.plan, piece.case
        if case is None:
            (label,), base = piece.labels, self.drift_base
            with self.state(label):
                return {"state": measure_state(self.lm, plan.metrics, base)}
        known = before(self.lm, case, plan.metrics)
        found, written = {}, {}
        for label in (BASE, *piece.labels):
            with self.state(label):
                measured = measure_case(
                    self.lm,
                    case,
                    plan.metrics,
                    base=known,
                    references=self.references,
                    written_tokens=plan.written_tokens,
                    seed=plan.seed,
                )
            found[label] = measured.values
            if measured.written is not None:
                written[label] = measured.written
        return {"states": found, **({"written": written} if written else {})}


def measure_piece(bench: Bench, piece: Piece) -> dict[str, Any]:
    """See `Bench.measure`; a function of a module, so that other processes find it."""
    return bench.measure(piece)
