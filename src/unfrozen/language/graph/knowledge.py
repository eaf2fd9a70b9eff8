"""A model's knowledge read out as a graph, with what each edge is worth."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.data.cache import atomic_write
from unfrozen.errors import FactError
from unfrozen.language.facts.fact import plain
from unfrozen.language.graph.completion import LEAST, Completions, Progress, complete
from unfrozen.language.graph.questions import Question
from unfrozen.language.model import LanguageModel

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class Answered:
    """A question and its answer.

    Attributes:
        question: what was asked.
        completions: the objects that matter.
        confidence: probability that the first one is right: calibrated where there is a
            calibration, else its share.
        familiarity: probability that the subject is one that the model has read of, and not a name
            made up like one; None where nothing was learnt about that.
        extrapolated: the subject is less familiar than nearly all that are known to be real, so
            the answer goes beyond what is stored.
    """

    question: Question
    completions: Completions
    confidence: float
    familiarity: float | None = None
    extrapolated: bool = False

    @property
    def object(self) -> str:
        """The most probable completion."""
        return self.completions.found[0].object

    @property
    def share(self) -> float:
        """Its probability at least, given that a declared object follows."""
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
            "familiarity": self.familiarity,
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
            optional = {"familiarity": one.familiarity, "truth": one.question.truth}
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
    least: float = LEAST,
    whole: bool = False,
    progress: Progress | None = None,
) -> KnowledgeGraph:
    """Read a graph out of a model; what its edges are worth is told by `read_graph`.

    Args:
        lm: the model, in the state it is in.
        questions: to ask.
        model: what to call it; its name by default.
        least: see `complete`.
        whole: see `complete`.
        progress: called as questions are asked.

    Raises:
        FactError: there is no question, or one with fewer than two objects.
    """
    if not questions:
        raise FactError("there is nothing to ask: declare relations or facts")
    found = complete(
        lm,
        [q.prompt for q in questions],
        [q.objects for q in questions],
        least=least,
        whole=whole,
        progress=progress,
    )
    answers = tuple(
        Answered(q, c, c.shares[c.found[0].object]) for q, c in zip(questions, found, strict=True)
    )
    return KnowledgeGraph(model or lm.name, answers)


def write_graphml(graph: "nx.MultiDiGraph", path: str | Path) -> None:
    """Write a graph as GraphML, whole or not at all.

    Raises:
        DataError: the disk is full or refuses.
    """
    import networkx as nx

    plain = _plain(graph)
    # Keys are unique between two nodes only, ids of edges in the whole file.
    for number, (*_, data) in enumerate(plain.edges(data=True)):
        data["number"] = number
    with atomic_write(path) as temporary:
        nx.write_graphml(plain, temporary, edge_id_from_attribute="number")


def _plain(graph: "nx.MultiDiGraph") -> "nx.MultiDiGraph":
    """A copy without characters that XML cannot hold."""
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
