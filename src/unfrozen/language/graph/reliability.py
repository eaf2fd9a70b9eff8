"""How much an answer is worth: probabilities that come true, and a sign for what is extrapolated.

An answer's share among the declared objects is no probability of being right.  It becomes one by a
logistic regression on questions whose answers are known, together with how near the question is to
those that the model answers right: the largest cosine between their states, which is the energy of
a modern Hopfield network that stores them, in the limit of large beta (Ramsauer et al. 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.facts.fact import seeded
from unfrozen.language.graph.knowledge import Answered, KnowledgeGraph, stacked

_RIDGE = 1e-2
_NEWTON = 50
_EDGE = 1e-6
_FEWEST = 20


@dataclass(frozen=True)
class Calibration:
    """Maps shares and likenesses to probabilities.

    Attributes:
        coefficients: of the share's logit, of the likeness, and the constant.
        stored: directions of the states of questions that are answered right.
        subjects: whose questions they are; a question is never likened to itself.
        mean: of all states.
        deviation: of all states.
        threshold: likeness below which a question is called extrapolated: nineteen of twenty
            questions that are answered right are nearer than it to another one of them.
        n: how many questions it was fitted on.
    """

    coefficients: Float[Tensor, "3"]
    stored: Float[Tensor, "n width"]
    subjects: tuple[tuple[str, str], ...]
    mean: Float[Tensor, " width"]
    deviation: Float[Tensor, " width"]
    threshold: float
    n: int

    def likeness(self, answers: Sequence[Answered]) -> Float[Tensor, " n"]:
        """Cosine of each question to the nearest other one that is stored."""
        cosines = _directions(stacked(answers), self.mean, self.deviation) @ self.stored.T
        own = {key: i for i, key in enumerate(self.subjects)}
        for row, one in enumerate(answers):
            if one.question.key in own:
                cosines[row, own[one.question.key]] = -1.0
        return cosines.amax(1)

    def apply(self, graph: KnowledgeGraph) -> KnowledgeGraph:
        """The graph with calibrated confidences, and what is extrapolated marked."""
        if not graph.answers:
            return replace(graph, calibrated=True)
        likeness = self.likeness(graph.answers)
        sure = torch.sigmoid(_features(graph.answers, likeness) @ self.coefficients)
        answers = tuple(
            replace(
                a, confidence=float(p), likeness=float(k), extrapolated=bool(k < self.threshold)
            )
            for a, p, k in zip(graph.answers, sure, likeness, strict=True)
        )
        return replace(graph, answers=answers, calibrated=True)


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


def calibrate(graph: KnowledgeGraph, seed: int = 0, share: float = 0.5) -> Calibration | None:
    """Fit on a part of the questions whose answers are known.

    Args:
        graph: asked with ``states=True``.
        seed: of the draw.
        share: of the subjects to fit on; the others are for `reliability`.

    Returns:
        The calibration; None where there are too few answers, or all are right or all wrong.

    Raises:
        FactError: the states were not kept.
    """
    fitted = [a for a in graph.answers if a.right is not None and _fitted_on(a, seed, share)]
    right = [a for a in fitted if a.right]
    if len(fitted) < _FEWEST or len(right) < 2 or len(right) == len(fitted):
        return None
    states = stacked(fitted)
    mean, deviation = states.mean(0), states.std(0) + 1e-3
    stored = _directions(stacked(right), mean, deviation)
    keys = tuple(a.question.key for a in right)
    empty = Calibration(torch.zeros(3), stored, keys, mean, deviation, 0.0, len(fitted))
    # Among themselves: the nearest other one.
    threshold = float(empty.likeness(right).quantile(0.05))
    outcome = torch.tensor([bool(a.right) for a in fitted], dtype=torch.float64)
    coefficients = logistic(_features(fitted, empty.likeness(fitted)).double().cpu(), outcome)
    return replace(empty, coefficients=coefficients.to(states), threshold=threshold)


def reliability(graph: KnowledgeGraph, seed: int = 0, share: float = 0.5) -> Reliability | None:
    """Whether confidences come true, on the questions that `calibrate` left out.

    Args:
        graph: with confidences.
        seed: of the calibration.
        share: of the calibration.
    """
    told = [a for a in graph.answers if a.right is not None and not _fitted_on(a, seed, share)]
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


def logistic(
    features: Float[Tensor, "n feature"], outcome: Float[Tensor, " n"], ridge: float = _RIDGE
) -> Float[Tensor, " feature"]:
    """Coefficients of a logistic regression, by Newton's method.

    Args:
        features: float64, one of them constant.
        outcome: 0 or 1.
        ridge: weight of half the square of the coefficients.
    """
    w = torch.zeros(features.shape[1], dtype=features.dtype)
    for _ in range(_NEWTON):
        p = torch.sigmoid(features @ w)
        gradient = features.T @ (p - outcome) + ridge * w
        curvature = (features * (p * (1 - p))[:, None]).T @ features
        step = torch.linalg.solve(curvature + ridge * torch.eye(len(w), dtype=w.dtype), gradient)
        # Newton's step may overshoot far from the optimum.
        w = w - step / max(1.0, float(step.norm()))
        if float(step.norm()) < 1e-10:
            break
    return w


def _features(
    answers: Sequence[Answered], likeness: Float[Tensor, " n"]
) -> Float[Tensor, "n feature"]:
    share = torch.tensor([a.share for a in answers], device=likeness.device)
    logit = share.clamp(_EDGE, 1 - _EDGE).logit()
    return torch.stack([logit, likeness, torch.ones_like(logit)], 1)


def _directions(
    states: Float[Tensor, "n width"], mean: Tensor, deviation: Tensor
) -> Float[Tensor, "n width"]:
    return torch.nn.functional.normalize((states - mean) / deviation, dim=1)


def _fitted_on(answer: Answered, seed: int, share: float) -> bool:
    """By subject, so that no subject is on both sides."""
    return seeded(seed, answer.question.key[0]).random() < share
