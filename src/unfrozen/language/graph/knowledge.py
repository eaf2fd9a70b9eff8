"""A model's knowledge read out as a graph, with what each edge is worth."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from unfrozen.data.cache import atomic_write
from unfrozen.errors import FactError
from unfrozen.language.facts.fact import plain
from unfrozen.language.graph.completion import Completions, Progress, complete
from unfrozen.language.graph.questions import Question
from unfrozen.language.model import LanguageModel

if TYPE_CHECKING:
    import networkx as nx

# Where the last token's state says what is asked; see `RecallSettings.relation_depth`.
_DEPTH = 0.85


@dataclass(frozen=True)
class Answered:
    """A question and its answer.

    Attributes:
        question: what was asked.
        completions: the objects that matter.
        confidence: probability that the first one is right: calibrated where there is a
            calibration, else its share.
        likeness: cosine to the nearest question that the model is known to answer right; None
            without a calibration.
        extrapolated: the question is far from all of those.
    """

    question: Question
    completions: Completions
    confidence: float
    likeness: float | None = None
    extrapolated: bool = False

    @property
    def object(self) -> str:
        """The most probable completion."""
        return self.completions.found[0].object

    @property
    def share(self) -> float:
        """Its probability, given that one of the declared objects that matter is it."""
        return self.completions.shares[self.object]

    @property
    def probability(self) -> float:
        """Its probability among all texts."""
        return self.completions.found[0].probability

    @property
    def right(self) -> bool | None:
        """Whether it is the true one; None where the truth is not known."""
        truth = self.question.truth
        return None if truth is None else plain(truth) == plain(self.object)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "subject": self.question.subject,
            "relation": self.question.relation,
            "prompt": self.question.prompt,
            "object": self.object,
            "share": self.share,
            "probability": self.probability,
            "confidence": self.confidence,
            "likeness": self.likeness,
            "extrapolated": self.extrapolated,
            "truth": self.question.truth,
            "objects": {c.object: c.probability for c in self.completions.found},
            "rest": self.completions.rest,
        }


@dataclass(frozen=True)
class KnowledgeGraph:
    """What a model answers.

    Attributes:
        model: which, in which state.
        answers: one a question.
        calibrated: whether confidences were.
    """

    model: str
    answers: tuple[Answered, ...]
    calibrated: bool = False

    def graph(self, least: float = 0.0) -> "nx.MultiDiGraph":
        """As a graph of networkx: nodes are names, each edge's key is its relation.

        Args:
            least: edges of less confidence are left out.
        """
        import networkx as nx

        graph = nx.MultiDiGraph(model=self.model, calibrated=self.calibrated)
        for one in self.answers:
            if one.confidence < least:
                continue
            told = {
                "relation": one.question.relation,
                "share": one.share,
                "probability": one.probability,
                "confidence": one.confidence,
                "extrapolated": one.extrapolated,
            }
            # GraphML has no missing values.
            optional = {"likeness": one.likeness, "truth": one.question.truth}
            told |= {k: v for k, v in optional.items() if v is not None}
            graph.add_edge(one.question.subject, one.object, key=one.question.relation, **told)
        return graph

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "model": self.model,
            "calibrated": self.calibrated,
            "answers": [one.to_json() for one in self.answers],
        }


def ask_graph(
    lm: LanguageModel,
    questions: Sequence[Question],
    *,
    model: str | None = None,
    least: float = 0.02,
    states: bool = False,
    progress: Progress | None = None,
) -> KnowledgeGraph:
    """Read a graph out of a model.

    Args:
        lm: the model, in the state it is in.
        questions: to ask.
        model: what to call it; its name by default.
        least: see `complete`.
        states: keep the questions' states, for a calibration.
        progress: called as questions are asked.

    Raises:
        FactError: there is no question, or one with fewer than two objects.
    """
    if not questions:
        raise FactError("there is nothing to ask: declare relations or facts")
    layer = round((lm.n_layers - 1) * _DEPTH) if states else None
    found = complete(
        lm,
        [q.prompt for q in questions],
        [q.objects for q in questions],
        least=least,
        layer=layer,
        progress=progress,
    )
    answers = tuple(
        Answered(q, c, c.shares[c.found[0].object]) for q, c in zip(questions, found, strict=True)
    )
    return KnowledgeGraph(model or lm.name, answers)


def write_graphml(graph: "nx.Graph", path: str | Path) -> None:
    """Write a graph as GraphML, whole or not at all.

    Raises:
        DataError: the disk is full or refuses.
    """
    import networkx as nx

    with atomic_write(path) as temporary:
        nx.write_graphml(_plain(graph), temporary)


def _plain(graph: "nx.Graph") -> "nx.Graph":
    """Without characters that XML cannot hold."""
    import networkx as nx

    def clean(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return "".join(c for c in value if c.isprintable() or c in "\t\n")

    found = nx.relabel_nodes(graph, {n: clean(n) for n in graph})
    for data in itertools.chain(
        [found.graph],
        (d for _, d in found.nodes(data=True)),
        (d for *_, d in found.edges(data=True)),
    ):
        data.update({k: clean(v) for k, v in data.items()})
    return found


def stacked(answers: Sequence[Answered]) -> torch.Tensor:
    """The questions' states, a row each.

    Raises:
        FactError: they were not kept.
    """
    states = [one.completions.state for one in answers]
    if not states or any(s is None for s in states):
        raise FactError("the questions' states were not kept: ask with states=True")
    return torch.stack([s for s in states if s is not None])
