"""How much an answer is worth: probabilities that come true.

An answer's share among the declared objects is no probability of being right.  It becomes one by a
logistic regression on questions whose answers are known, together with how familiar their subjects
are; and whether it did is measured on questions that nothing was fitted on.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from unfrozen.errors import FactError
from unfrozen.language.facts.fact import seeded
from unfrozen.language.graph.knowledge import Answered, KnowledgeGraph
from unfrozen.language.graph.questions import Question

FITTED = 0.5
"""Share of the subjects that calibrations are fitted on; the others are for `reliability`."""

_EDGE = 1e-6
_FEWEST = 20
_C = 10.0


@dataclass(frozen=True)
class Calibration:
    """Maps shares, probabilities and familiarities to probabilities of being right.

    Attributes:
        coefficients: of the logits of share, of probability and, if subjects were marked, of
            familiarity.
        constant: of the logistic regression.
        n: how many questions it was fitted on.
    """

    coefficients: tuple[float, ...]
    constant: float
    n: int

    def apply(self, graph: KnowledgeGraph) -> KnowledgeGraph:
        """The graph with calibrated confidences.

        Raises:
            FactError: subjects were marked when it was fitted, or are now, but not both.
        """
        if graph.answers and _features(graph.answers).shape[1] != len(self.coefficients):
            raise FactError(
                "the calibration was fitted on a graph whose subjects were marked, or this one's "
                "are: mark both or none"
            )
        sure = [self._confidence(row) for row in _features(graph.answers).tolist()]
        answers = (replace(a, confidence=p) for a, p in zip(graph.answers, sure, strict=True))
        return replace(graph, answers=tuple(answers), calibrated=True)

    def _confidence(self, row: Sequence[float]) -> float:
        odds = sum(c * x for c, x in zip(self.coefficients, row, strict=True)) + self.constant
        return 1 / (1 + math.exp(-odds)) if odds > 0 else 1 - 1 / (1 + math.exp(odds))


@dataclass(frozen=True)
class Reliability:
    """Whether confidences come true, on questions that nothing was fitted on.

    Attributes:
        bins: (mean confidence, share right, number) of each tenth of the range that has any.
        error: expected calibration error: mean distance of the two, weighted by numbers.
        brier: mean square of confidence minus outcome.
        accuracy: share of right answers.
        n: how many questions.
    """

    bins: tuple[tuple[float, float, int], ...]
    error: float
    brier: float
    accuracy: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def calibrate(graph: KnowledgeGraph, seed: int = 0, share: float = FITTED) -> Calibration | None:
    """Fit on a part of the questions whose answers are known.

    Args:
        graph: with answers.
        seed: of the draw.
        share: of the subjects to fit on; the others are for `reliability`.

    Returns:
        The calibration; None where there are too few answers, or all are right or all wrong.
    """
    from sklearn.linear_model import LogisticRegression

    fitted = [
        a for a in graph.answers if a.right is not None and fitted_on(a.question, seed, share)
    ]
    outcome = [bool(a.right) for a in fitted]
    if len(fitted) < _FEWEST or all(outcome) or not any(outcome):
        return None
    regression = LogisticRegression(C=_C, max_iter=1000)
    regression.fit(_features(fitted), outcome)
    coefficients = tuple(float(c) for c in np.ravel(regression.coef_))
    return Calibration(coefficients, float(np.ravel(regression.intercept_)[0]), len(fitted))


def reliability(graph: KnowledgeGraph, seed: int = 0, share: float = FITTED) -> Reliability | None:
    """Whether confidences come true, on the questions that `calibrate` left out.

    Args:
        graph: with confidences.
        seed: of the calibration.
        share: of the calibration.

    Returns:
        The reliability; None where nothing was left out.
    """
    told = [
        a for a in graph.answers if a.right is not None and not fitted_on(a.question, seed, share)
    ]
    if not told:
        return None
    return measure([a.confidence for a in told], [bool(a.right) for a in told])


def measure(confidences: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> Reliability:
    """Reliability of confidences.

    Args:
        confidences: of some answers.
        outcomes: whether each is right.
        bins: of equal width.

    Raises:
        FactError: there are none, or not as many of both.
    """
    if not confidences or len(confidences) != len(outcomes):
        raise FactError("as many confidences as outcomes are needed, at least one")
    groups: dict[int, list[tuple[float, bool]]] = {}
    for p, y in zip(confidences, outcomes, strict=True):
        groups.setdefault(min(int(p * bins), bins - 1), []).append((p, y))
    found = tuple(
        (sum(p for p, _ in g) / len(g), sum(y for _, y in g) / len(g), len(g))
        for _, g in sorted(groups.items())
    )
    n = len(outcomes)
    return Reliability(
        bins=found,
        error=sum(abs(p - y) * count for p, y, count in found) / n,
        brier=sum((p - y) ** 2 for p, y in zip(confidences, outcomes, strict=True)) / n,
        accuracy=sum(outcomes) / n,
        n=n,
    )


def fitted_on(question: Question, seed: int = 0, share: float = FITTED) -> bool:
    """Whether calibrations see a question: by subject, so that no subject is on both sides.

    Args:
        question: of a graph.
        seed: of the draw.
        share: of the subjects that they see.
    """
    return seeded(seed, question.key[0]).random() < share


def _features(answers: Sequence[Answered]) -> Float[np.ndarray, "n feature"]:
    """Logits, so that a regression can leave a share as it is."""
    columns = [[a.share for a in answers], [a.probability for a in answers]]
    if answers and all(a.familiarity is not None for a in answers):
        columns.append([a.familiarity or 0.0 for a in answers])
    p = np.array(columns, dtype=np.float64).T.clip(_EDGE, 1 - _EDGE)
    return np.log(p / (1 - p))
