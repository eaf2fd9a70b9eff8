"""How many patterns networks hold: classical, dense and modern."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unfrozen.memory.hopfield import ClassicalHopfield, DenseHopfield, ModernHopfield
from unfrozen.papers.running.context import RunContext

TRANSITION_OVERLAP = 0.967
"""Overlap with a pattern at the classical transition (Amit, Gutfreund and Sompolinsky 1985)."""
_BIT_ERROR = 0.01
_MODERN_ERROR = 0.05


@dataclass(frozen=True)
class Curve:
    """What was measured against what.

    Attributes:
        name: what varies from curve to curve.
        x: where.
        y: how much.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


def classical(
    context: RunContext, n: int, loads: Sequence[float], repeats: int, seed: int
) -> tuple[Curve, float, float]:
    """Overlap of recalled with stored patterns as the load grows, and the load where it breaks.

    Every stored pattern is a start; asynchronous updates run until it rests.

    Args:
        context: keeps what is done.
        n: neurons.
        loads: patterns per neuron.
        repeats: networks a load.
        seed: of the patterns.

    Returns:
        The mean overlap at each load; the load at which it falls below `TRANSITION_OVERLAP`; and
        the standard deviation of that over the networks.
    """

    def compute(repeat: int) -> list[float]:
        found = []
        for index, load in enumerate(loads):
            generator = torch.Generator().manual_seed(seed * 7919 + repeat * 101 + index)
            patterns = _signs(round(load * n), n, generator)
            memory = ClassicalHopfield(n, device="cpu", dtype=torch.float32)
            memory.write(patterns)
            ends = memory.retrieve(patterns, 200).states
            found.append(float((ends * patterns).mean(1).mean()))
        return found

    settings = {"n": n, "loads": list(loads)}
    items = {f"network {i}": i for i in range(repeats)}
    found = list(context.checkpoint("classical", settings, items, compute).values())
    breaks = [_falls_below(loads, each, TRANSITION_OVERLAP) for each in found]
    mean = [sum(column) / len(column) for column in zip(*found, strict=True)]
    value = _falls_below(loads, mean, TRANSITION_OVERLAP)
    return Curve(f"{n} neurons", tuple(loads), tuple(mean)), value, _deviation(breaks)


def dense(
    context: RunContext, degree: int, widths: Sequence[int], repeats: int, seed: int
) -> tuple[Curve, float]:
    """Patterns held at one wrong bit in a hundred, by the number of neurons, and their exponent.

    Args:
        context: keeps what is done.
        degree: n of F(z) = z^n.
        widths: numbers of neurons N.
        repeats: networks a measurement.
        seed: of the patterns.

    Returns:
        Patterns by neurons, and the slope of their logarithms.
    """
    # What theory expects at this share of wrong bits: the search begins there.
    odd = math.prod(range(2 * degree - 3, 0, -2))
    quantile = float(torch.special.ndtri(torch.tensor(1 - _BIT_ERROR, dtype=torch.float64)))

    def compute(width: int) -> float:
        def wrong(count: int) -> float:
            shares = []
            for repeat in range(repeats):
                generator = torch.Generator().manual_seed(seed * 7919 + width * 31 + repeat)
                patterns = _signs(count, width, generator)
                memory = DenseHopfield(
                    width, degree=degree, order="synchronous", device="cpu", dtype=torch.float32
                )
                memory.write(patterns)
                some = patterns[:128]
                shares.append(float((memory.update(some) != some).float().mean()))
            return sum(shares) / len(shares)

        expected = width ** (degree - 1) / (odd * quantile**2)
        return _crossing(wrong, _BIT_ERROR, max(4, round(expected)))

    items = {f"{width} neurons": width for width in widths}
    found = context.checkpoint(f"dense-{degree}", {"repeats": repeats}, items, compute)
    counts = [float(v) for v in found.values()]
    slope, _, _ = linear_fit([math.log(w) for w in widths], [math.log(c) for c in counts])
    return Curve(f"degree {degree}", tuple(map(float, widths)), tuple(counts)), slope


def modern(
    context: RunContext, widths: Sequence[int], repeats: int, seed: int
) -> tuple[Curve, float, float]:
    """Patterns on a sphere held at a fixed error of one step, by dimension.

    The sphere has the radius sqrt(d - 1), beta is 1, and the error is the mean distance of what
    one step reads from the pattern it was asked with, over the radius.

    Args:
        context: keeps what is done.
        widths: dimensions d.
        repeats: sets of patterns a measurement.
        seed: of the patterns.

    Returns:
        Patterns by dimension; the slope of their logarithm, and r² of the fit.
    """

    def compute(width: int) -> float:
        def error(count: int) -> float:
            found = []
            for repeat in range(repeats):
                generator = torch.Generator().manual_seed(seed * 7919 + width * 31 + repeat)
                patterns = sphere(count, width, math.sqrt(width - 1), generator)
                memory = ModernHopfield(width, beta=1.0, device="cpu", dtype=torch.float32)
                memory.write(patterns)
                some = patterns[:512]
                gap = (memory.update(some) - some).norm(dim=1) / math.sqrt(width - 1)
                found.append(float(gap.mean()))
            return sum(found) / len(found)

        return _crossing(error, _MODERN_ERROR, 2)

    items = {f"{width} dimensions": width for width in widths}
    found = context.checkpoint("modern", {"repeats": repeats}, items, compute)
    counts = [float(v) for v in found.values()]
    slope, _, r2 = linear_fit([float(w) for w in widths], [math.log(c) for c in counts])
    return Curve("modern", tuple(map(float, widths)), tuple(counts)), slope, r2


def sphere(n: int, width: int, radius: float, generator: torch.Generator) -> torch.Tensor:
    """Random patterns on a sphere [n, width]."""
    drawn = torch.randn(n, width, generator=generator)
    return radius * torch.nn.functional.normalize(drawn, dim=1)


def linear_fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Slope, intercept and r² of the least-squares line."""
    mx, my = sum(x) / len(x), sum(y) / len(y)
    sxx = sum((a - mx) ** 2 for a in x)
    slope = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sxx
    left = sum((b - my - slope * (a - mx)) ** 2 for a, b in zip(x, y, strict=True))
    return slope, my - slope * mx, 1 - left / sum((b - my) ** 2 for b in y)


def _signs(n: int, width: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 2, (n, width), generator=generator).float() * 2 - 1


def _crossing(measure: Any, level: float, start: int) -> float:
    """Where a rising measurement of a count reaches a level, between two counts by logarithms."""
    low, high = start, start
    at_low = at_high = measure(start)
    while at_high < level:
        low, at_low = high, at_high
        high *= 2
        at_high = measure(high)
    while at_low >= level and low > 1:
        high, at_high = low, at_low
        low = max(1, low // 2)
        at_low = measure(low)
    while high - low > max(1, 0.02 * low):
        middle = round(math.sqrt(low * high)) if high > low + 2 else (low + high) // 2
        middle = min(max(middle, low + 1), high - 1)
        found = measure(middle)
        if found < level:
            low, at_low = middle, found
        else:
            high, at_high = middle, found
    if at_high <= at_low:
        return math.sqrt(low * high)
    share = min(max((level - at_low) / (at_high - at_low), 0.0), 1.0)
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def _falls_below(x: Sequence[float], y: Sequence[float], level: float) -> float:
    """Where a falling line of points crosses a level; not a number if it does not."""
    for (a, above), (b, below) in zip(
        zip(x, y, strict=True), list(zip(x, y, strict=True))[1:], strict=False
    ):
        if above >= level > below:
            return a + (b - a) * (above - level) / (above - below)
    return math.nan


def _deviation(values: Sequence[float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < 2:
        return 0.0
    mean = sum(finite) / len(finite)
    return math.sqrt(sum((v - mean) ** 2 for v in finite) / (len(finite) - 1))
