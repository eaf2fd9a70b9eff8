"""A graph read out of a model in one go: asked, subjects told apart, confidences calibrated."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unfrozen.language.graph.completion import LEAST, Progress
from unfrozen.language.graph.familiarity import (
    Familiarity,
    learn_familiarity,
    made_up_questions,
)
from unfrozen.language.graph.knowledge import KnowledgeGraph, ask_graph
from unfrozen.language.graph.questions import Question
from unfrozen.language.graph.reliability import (
    Calibration,
    Reliability,
    calibrate,
    fitted_on,
    reliability,
)
from unfrozen.language.model import LanguageModel


@dataclass(frozen=True)
class Separation:
    """How well familiarity tells real subjects from made-up ones, none of which it has seen.

    Attributes:
        auroc: chance that a real subject is more familiar than one that is made up.
        real: share of the real ones that are called extrapolated.
        made_up: share of the others that are.
        n: how many of each there were.
    """

    auroc: float
    real: float
    made_up: float
    n: tuple[int, int]


@dataclass(frozen=True)
class Reading:
    """A graph, and how far it can be trusted.

    Attributes:
        graph: with calibrated confidences where that is possible, and what is extrapolated.
        familiarity: what tells that; None of too few subjects.
        calibration: what confidences were made by; None of too few answers.
        reliability: of the confidences, on subjects that nothing was fitted on.
        separation: of familiarity, on subjects and names that nothing was fitted on.
    """

    graph: KnowledgeGraph
    familiarity: Familiarity | None
    calibration: Calibration | None
    reliability: Reliability | None
    separation: Separation | None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **self.graph.to_json(),
            "reliability": None if self.reliability is None else self.reliability.to_json(),
            "separation": None if self.separation is None else asdict(self.separation),
        }


def read_graph(
    lm: LanguageModel,
    questions: Sequence[Question],
    *,
    model: str | None = None,
    least: float = LEAST,
    whole: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Reading:
    """Read a graph out of a model, and what its edges are worth: `ask_graph`, then `assess`.

    Args:
        lm: the model, in the state it is in.
        questions: to ask.
        model: what to call it; its name by default.
        least: see `complete`.
        whole: see `complete`.
        seed: of the halves, and of the names that are made up.
        progress: called as the work goes on.

    Raises:
        FactError: there is no question, or one with fewer than two objects.
    """
    graph = ask_graph(lm, questions, model=model, least=least, whole=whole, progress=progress)
    return assess(lm, graph, seed=seed, progress=progress)


def assess(
    lm: LanguageModel, graph: KnowledgeGraph, *, seed: int = 0, progress: Progress | None = None
) -> Reading:
    """What the edges of a graph are worth.

    Subjects whose truth is known are taken for real.  One half of them is learnt from; on the
    other half it is measured what was learnt.

    Args:
        lm: the model, in the graph's state.
        graph: as it was asked.
        seed: of the halves, and of the names that are made up.
        progress: called as the work goes on.
    """
    real = [a.question for a in graph.answers if a.question.truth is not None]
    seen = [q for q in real if fitted_on(q, seed)]
    learnt = learn_familiarity(lm, seen, seed=seed, progress=progress)
    separation = None
    if learnt is not None:
        graph = learnt.mark(lm, graph, progress)
        separation = _separation(lm, learnt, graph, seed, progress)
    calibration = calibrate(graph, seed)
    if calibration is not None:
        graph = calibration.apply(graph)
    return Reading(graph, learnt, calibration, reliability(graph, seed), separation)


def _separation(
    lm: LanguageModel,
    learnt: Familiarity,
    graph: KnowledgeGraph,
    seed: int,
    progress: Progress | None,
) -> Separation | None:
    """Of subjects that were not learnt from, and of names made up of those."""
    from sklearn.metrics import roc_auc_score

    real = [a for a in graph.answers if a.question.truth is not None]
    names = {a.question.key[0] for a in real}
    unseen = [a for a in real if not fitted_on(a.question, seed)]
    made = made_up_questions([a.question for a in unseen], seed + 1)
    made = [q for q in made if q.key[0] not in names]
    if not made:
        return None
    odds = learnt.log_odds(lm, made, progress)
    familiarities = [*(a.familiarity or 0.0 for a in unseen), *odds.sigmoid().tolist()]
    return Separation(
        auroc=float(roc_auc_score([True] * len(unseen) + [False] * len(made), familiarities)),
        real=sum(a.extrapolated for a in unseen) / len(unseen),
        made_up=float((odds < learnt.threshold).float().mean()),
        n=(len(unseen), len(made)),
    )
