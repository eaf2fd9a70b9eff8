"""Limits that an evaluation must keep: what continuous integration asks of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from unfrozen.errors import FactError
from unfrozen.language.evaluation import LOWER_IS_BETTER, NAMES, Estimate

_SHORT = {
    short: f"{short}_score"
    for short in ("efficacy", "paraphrase", "neighbourhood", "near", "portability", "reversal")
}


class Limit(NamedTuple):
    """What a figure must not fall below, or rise above.

    Attributes:
        name: of the figure.
        value: the limit.
        upper: whether it must not rise above.
    """

    name: str
    value: float
    upper: bool


def read_limits(text: str, *, upper: bool = False) -> tuple[Limit, ...]:
    """Limits as people write them.

    Args:
        text: ``name=number``, several apart by commas; ``efficacy`` is the efficacy score.
        upper: whether figures must not rise above.

    Raises:
        FactError: it has another form, or names no figure.

    Example:
        >>> read_limits("S=0.8, efficacy=0.95")[1]
        Limit(name='efficacy_score', value=0.95, upper=False)
    """
    found = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, number = (side.strip() for side in part.partition("="))
        name = _SHORT.get(name, name)
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise FactError(f"{part!r} is no limit: write one such as S=0.8")
        every = [one for names in NAMES.values() for one in names]
        if name not in every:
            raise FactError(f"no figure {name!r}: there are {', '.join(every)}")
        if not upper and name in LOWER_IS_BETTER:
            raise FactError(f"{name} grows when a model gets worse: give it an upper limit")
        found.append(Limit(name, value, upper))
    if not found:
        raise FactError(f"there is no limit in {text!r}: write one such as S=0.8")
    return tuple(found)


def check_limits(limits: Iterable[Limit], metrics: Sequence[str]) -> None:
    """Whether the figures are measured at all, before anything is.

    Raises:
        FactError: one belongs to a metric that is left out.
    """
    for limit in limits:
        metric = next(name for name, inside in NAMES.items() if limit.name in inside)
        if metric not in metrics:
            raise FactError(f"{limit.name} is not measured: add {metric} to the metrics")


def missed(limits: Iterable[Limit], figures: Mapping[str, Estimate]) -> list[str]:
    """A line for each limit that is not kept.

    Args:
        limits: to be kept; one whose figure no fact could be asked for is not.
        figures: that were measured.
    """
    lines = []
    for limit in limits:
        found = figures.get(limit.name)
        if found is None:
            lines.append(f"{limit.name} could not be measured: no fact has what it takes")
        elif limit.upper and not found.value <= limit.value:
            lines.append(f"{limit.name} is {found.value:.4g}, over {limit.value:g}")
        elif not limit.upper and not found.value >= limit.value:
            lines.append(f"{limit.name} is {found.value:.4g}, under {limit.value:g}")
    return lines
