"""Means over facts with their confidence, whatever the metric: how an evaluation is told."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from unfrozen.language.evaluation.prose import Loss, perplexity_of
from unfrozen.language.evaluation.side.drift import UNBOUNDED
from unfrozen.language.statistics import Interval, Mean, bootstrap, harmonic_mean, mean

_SCORES = ("efficacy_score", "paraphrase_score", "neighbourhood_score")

LOWER_IS_BETTER = frozenset(
    {
        "names_true",
        "near_divergence",
        "neighbourhood_divergence",
        "drift_mean",
        "drift_largest",
        "perplexity",
        "perplexity_ratio",
    }
)
"""Names of values that grow when a model gets worse."""


class Estimate(NamedTuple):
    """A figure with its 95 % confidence interval.

    Attributes:
        value: the figure.
        low: lower end of the interval; None where there is none, as of a single fact.
        high: upper end.
        n: over how many facts, prompts or texts.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    @staticmethod
    def of(found: Mean) -> "Estimate":
        """A mean, by the normal approximation."""
        if not math.isfinite(found.half_width):
            return Estimate(found.value, None, None, found.n)
        return Estimate(found.value, found.low, found.high, found.n)

    @staticmethod
    def between(value: float, interval: Interval | None, n: int) -> "Estimate":
        """A figure whose interval is known."""
        if interval is None:
            return Estimate(value, None, None, n)
        return Estimate(value, *interval, n)

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return self._asdict()


def estimate_facts(measured: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Means over facts of all that was measured, and S of the three mean scores.

    Args:
        measured: of each fact, name -> value; a fact without a value does not count in its mean.

    Returns:
        S first, where there are scores; then every name in the order in which it was met.
    """
    names = dict.fromkeys(name for one in measured for name in one)
    found: dict[str, Estimate] = {}
    scores = [name for name in _SCORES if name in names]
    if scores:
        rows = [[one.get(name, math.nan) for name in scores] for one in measured]
        kept = [row for row in rows if not all(map(math.isnan, row))]
        value = harmonic_mean(_means(kept))
        interval = bootstrap(kept, lambda drawn: harmonic_mean(_means(drawn)))
        found["S"] = Estimate.between(value, interval, len(kept))
    for name in names:
        found[name] = Estimate.of(mean([one[name] for one in measured if name in one]))
    return found


def estimate_state(state: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Estimate]:
    """What became of everything else, of a state.

    Args:
        state: of `unfrozen.language.evaluation.metrics.measure_state`.
        base: the same of the base model.
    """
    found: dict[str, Estimate] = {}
    if "drift" in state:
        moved = state["drift"]
        found["drift_mean"] = Estimate.of(mean(moved))
        found["drift_largest"] = Estimate(max(moved), None, None, len(moved))
        found["drift_agreement"] = Estimate.of(mean(state["same_first"]))
    if "prose" in state:
        # A text counts with both its losses, so what it is like by itself cancels.
        pairs = [
            (*now, then[0])
            for now, then in zip(state["prose"], base["prose"], strict=True)
            if now[1]
        ]
        for name, statistic in (("perplexity", _perplexity), ("perplexity_ratio", _ratio)):
            interval = bootstrap(pairs, statistic)
            found[name] = Estimate.between(statistic(pairs), interval, len(pairs))
    if "choice" in state:
        found["choice"] = Estimate.of(mean(state["choice"]))
    return found


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    """Of each column that has a value, the mean of those it has."""
    columns = [[v for v in column if not math.isnan(v)] for column in zip(*rows, strict=True)]
    return [math.fsum(column) / len(column) for column in columns if column]


def _perplexity(pairs: Sequence[Sequence[float | int]]) -> float:
    """Of texts, from (log-probability now, tokens, log-probability of the base) of each."""
    return min(perplexity_of([Loss(now, int(tokens)) for now, tokens, _ in pairs]), UNBOUNDED)


def _ratio(pairs: Sequence[Sequence[float | int]]) -> float:
    """Of perplexities, from the same."""
    gap = sum(then - now for now, _, then in pairs) / sum(tokens for _, tokens, _ in pairs)
    return math.exp(gap) if gap < math.log(UNBOUNDED) else UNBOUNDED
