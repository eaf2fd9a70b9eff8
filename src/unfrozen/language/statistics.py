"""Means with their confidence, and harmonic means: how results over many facts are told."""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from unfrozen.language.tracing import PLACES, Trace

# Two-sided, 95 % of a normal distribution: means are taken over dozens of facts or more.
_Z = 1.959964

Row = TypeVar("Row")


class Mean(NamedTuple):
    """A mean over facts.

    Attributes:
        value: the mean.
        half_width: half the 95 % confidence interval; infinite for a single fact.
        n: how many facts.
    """

    value: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.value + self.half_width


def mean(values: Sequence[float | int | bool]) -> Mean:
    """Mean and 95 % confidence interval (normal approximation).

    Args:
        values: one a fact.

    Raises:
        ValueError: there are none.

    Example:
        >>> mean([1.0, 3.0]).value
        2.0
    """
    if not values:
        raise ValueError("there is nothing to average")
    n = len(values)
    half = math.inf if n == 1 else _Z * statistics.stdev(map(float, values)) / math.sqrt(n)
    return Mean(statistics.fmean(values), half, n)


def effect_at(trace: Trace, kind: str, place: str) -> list[float] | None:
    """Indirect effect of each layer, mean over the tokens in a place.

    Args:
        trace: of one prompt.
        kind: of restoration.
        place: one of `unfrozen.language.tracing.PLACES`.

    Returns:
        A number a layer; None if the prompt has no token there.
    """
    tokens = trace.places()[place]
    return trace.effects[kind][tokens].mean(0).tolist() if tokens else None


def average_indirect_effects(
    traces: Sequence[Trace], kind: str, places: Sequence[str] = PLACES
) -> dict[str, list[Mean]]:
    """The average indirect effect of each layer and role of the token, over many prompts.

    Args:
        traces: with this kind of restoration.
        kind: of restoration.
        places: which roles.

    Returns:
        place -> a mean a layer; none where no prompt has such a token.

    Source: Meng et al. 2022, section 2.2 and figure 3.
    """
    averages = {}
    for place in places:
        rows = [row for t in traces if (row := effect_at(t, kind, place)) is not None]
        averages[place] = [mean(column) for column in zip(*rows, strict=True)]
    return averages


def harmonic_mean(values: Sequence[float | int]) -> float:
    """Harmonic mean: as small as its smallest part; zero if one is not positive.

    Example:
        >>> harmonic_mean([1.0, 0.5])
        0.6666666666666666
    """
    if not values or min(values) <= 0:
        return 0.0
    return len(values) / sum(1 / v for v in values)


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


def bootstrap(
    rows: Sequence[Row],
    statistic: Callable[[Sequence[Row]], float],
    draws: int = 1000,
    seed: int = 0,
) -> Interval | None:
    """The percentile interval of any statistic of rows, by drawing as many with replacement.

    Args:
        rows: one a fact, prompt or text.
        statistic: of some of the rows, some of them several times.
        draws: how many times they are drawn.
        seed: of the draws.

    Returns:
        The interval; None for fewer than two rows.

    Source: Efron 1979; the percentile method.

    Example:
        >>> bootstrap([1.0] * 5, lambda drawn: sum(drawn) / len(drawn))
        Interval(low=1.0, high=1.0)
    """
    if len(rows) < 2:
        return None
    rng = random.Random(seed)
    found = sorted(statistic(rng.choices(rows, k=len(rows))) for _ in range(draws))
    edge = round(draws * 0.025)
    return Interval(found[edge], found[draws - 1 - edge])
