"""Grid scores: by how much an autocorrelogram agrees better with itself at the turns of a lattice.

A hexagonal lattice looks the same after 60 degrees and differs most after 30; a square one looks
the same after 90 and differs most after 45.  Published scores differ in the ring that they look at
and in how they take the angles together.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.grids.lattice import central_radius, nearest_peaks
from unfrozen.hippocampus.cells.grids.rings import (
    check,
    moments,
    radii,
    rotation_correlations,
)
from unfrozen.hippocampus.cells.grids.rotation import Interpolation

ANGLES = (30.0, 45.0, 60.0, 90.0, 120.0, 135.0, 150.0)
"""The turns that scores are made of, in degrees."""

RINGS = tuple((0.2, end / 150) for end in range(60, 151, 10))
"""Rings of Banino et al. 2018, as shares of the side of the map."""

_WINDOW = 3


class GridScores(NamedTuple):
    """Grid scores of each unit; NaN where there is nothing to score.

    Attributes:
        hexagonal: at 60 degrees, from -2 to 2; ideal grids have above 1.
        square: at 90 degrees.
        hexagonal_ring: radii in bins, of the beginning and end of the ring scored at 60 degrees.
        square_ring: the same at 90 degrees.
    """

    hexagonal: Float[Tensor, " unit"]
    square: Float[Tensor, " unit"]
    hexagonal_ring: Float[Tensor, "unit 2"]
    square_ring: Float[Tensor, "unit 2"]


def peak_ring_scores(
    autocorrelograms: Float[Tensor, "unit row column"],
    interpolation: Interpolation = "cubic",
) -> GridScores:
    """Scores in the ring with the six nearest peaks, without the central one.

    The ring begins half way to the nearest peak and ends as far beyond the sixth (the fourth at
    90 degrees).  The score is the lowest correlation at 60 and 120 degrees less the highest at
    30, 90 and 150; of a square lattice, that at 90 degrees less the higher at 45 and 135.

    Args:
        autocorrelograms: NaN is left out.
        interpolation: of what is turned.

    Returns:
        NaN of units with fewer peaks.

    Raises:
        MapError: the autocorrelograms have another shape.

    Source: Sargolini et al. 2006, supporting methods.
    """
    check(autocorrelograms)
    away = nearest_peaks(autocorrelograms, 6).offsets.norm(dim=-1)
    inner, half = away[:, 0] / 2, min(autocorrelograms.shape[1:]) / 2
    found = []
    for last, combine in ((5, sixty), (3, ninety)):
        outer = (inner + away[:, last]).clamp(max=half)
        r = rotation_correlations(autocorrelograms, ANGLES, inner, outer, interpolation)
        found.append((combine(r), torch.stack([inner, outer], 1)))
    (hexagonal, hexagonal_ring), (square, square_ring) = found
    return GridScores(hexagonal, square, hexagonal_ring, square_ring)


def growing_ring_scores(
    autocorrelograms: Float[Tensor, "unit row column"],
    interpolation: Interpolation = "linear",
    inner: Float[Tensor, " unit"] | None = None,
) -> GridScores:
    """The best scores of a ring that begins at the central field and grows bin by bin.

    Scores are as for `peak_ring_scores`, averaged over three rings in a row before the best is
    taken.

    Args:
        autocorrelograms: NaN is left out.
        interpolation: of what is turned.
        inner: whole radius in bins of the central field; that of `central_radius` by default.

    Returns:
        NaN of units whose central field leaves no ring; the ring is the largest of the three.

    Raises:
        MapError: the autocorrelograms have another shape.

    Source: Langston et al. 2010, supporting methods.
    """
    check(autocorrelograms)
    rows, columns = autocorrelograms.shape[1:]
    inner = central_radius(autocorrelograms) if inner is None else inner
    start = inner.floor().long()
    # A ring has the bins with start < radius < end, as whole numbers.
    largest = min(rows, columns) // 2
    radius = radii(rows, columns).to(autocorrelograms)
    ends = torch.arange(largest + 1, device=radius.device)
    up_to, below = radius[:, None] <= ends, radius[:, None] < ends
    sums = moments(autocorrelograms, ANGLES, torch.cat([up_to, below], 1), interpolation)
    first = start.clamp(max=largest)[:, None, None].expand(-1, len(ANGLES), 1)
    between = [m[..., largest + 1 :] - m[..., : largest + 1].gather(2, first) for m in sums]
    r = type(sums)(*between).pearson()
    real = (ends > start[:, None]) & (ends >= _WINDOW) & (start[:, None] > 0)
    found = []
    for combine in (sixty, ninety):
        scores = torch.where(real, combine(r.transpose(1, 2)), math.nan)
        best, end = _best_window(scores)
        ring = torch.stack([start.to(best.dtype), end.to(best.dtype)], 1)
        found.append((best, torch.where(best.isfinite()[:, None], ring, math.nan)))
    (hexagonal, hexagonal_ring), (square, square_ring) = found
    return GridScores(hexagonal, square, hexagonal_ring, square_ring)


def _best_window(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The best mean of three rings in a row, or the mean of all where there are four or fewer."""
    known = scores.isfinite()
    last = known.cumsum(1).argmax(1)
    few = known.sum(1) <= _WINDOW + 1
    if scores.shape[1] <= _WINDOW:
        return scores.nanmean(1), last
    means = scores.unfold(1, _WINDOW, 1).mean(-1).nan_to_num(nan=-math.inf)
    # As published, the last window does not count.
    means = means.scatter(1, (last - _WINDOW + 1).clamp(min=0)[:, None], -math.inf)
    best, at = means.max(1)
    few = few | ~best.isfinite()
    mean = scores.nanmean(1)
    return torch.where(few, mean, best), torch.where(few, last, at + _WINDOW - 1)


def set_ring_scores(
    autocorrelograms: Float[Tensor, "unit row column"],
    rings: Sequence[tuple[float, float]] = RINGS,
    *,
    extremes: bool = False,
    interpolation: Interpolation = "cubic",
) -> GridScores:
    """The best scores of a set of rings, the same for all units.

    Correlations at 60 and 120 degrees are averaged, less the average of those at 30, 90 and 150.
    A correlation is the covariance by the variance of the ring before it is turned.

    Args:
        autocorrelograms: NaN counts as 0, as published.
        rings: their beginnings and ends, as shares of the side of the map, half of that of the
            autocorrelogram.
        extremes: take the lowest less the highest instead of averages.
        interpolation: of what is turned.

    Raises:
        MapError: the autocorrelograms have another shape, or there is no ring.

    Source: Banino et al. 2018, methods, and the code published with it.
    """
    check(autocorrelograms)
    if not rings:
        raise MapError("a grid score takes a ring or more")
    rows, columns = autocorrelograms.shape[1:]
    side = (min(rows, columns) + 1) / 2
    radius = radii(rows, columns).to(autocorrelograms)
    limits = torch.tensor(rings, dtype=radius.dtype, device=radius.device) * side
    within = (radius[:, None] > limits[:, 0]) & (radius[:, None] <= limits[:, 1])
    sums = moments(autocorrelograms.nan_to_num(nan=0.0), ANGLES, within, interpolation)
    mean = sums.a / sums.n
    # Published with this much added, so that an empty map has a score of nearly nothing.
    variance = sums.aa / sums.n - mean * mean + 1e-5
    r = ((sums.ab - mean * sums.b) / sums.n / variance).transpose(1, 2)
    if extremes:
        scores = (sixty(r), r[..., 3] - (r[..., 1] + r[..., 5]) / 2)
    else:
        scores = (
            (r[..., 2] + r[..., 4]) / 2 - (r[..., 0] + r[..., 3] + r[..., 6]) / 3,
            r[..., 3] - (r[..., 1] + r[..., 5]) / 2,
        )
    best = [s.max(1) for s in scores]
    blank = ~autocorrelograms.isfinite().flatten(1).any(1)
    found = [torch.where(blank, math.nan, b.values) for b in best]
    return GridScores(*found, *(limits[b.indices] for b in best))


def sixty(r: Float[Tensor, "*unit angle"]) -> Float[Tensor, "*unit"]:
    """The lower correlation at 60 and 120 degrees less the highest at 30, 90 and 150.

    Source: Sargolini et al. 2006, supporting methods.
    """
    return r[..., [2, 4]].amin(-1) - r[..., [0, 3, 6]].amax(-1)


def ninety(r: Float[Tensor, "*unit angle"]) -> Float[Tensor, "*unit"]:
    """The correlation at 90 degrees less the higher at 45 and 135."""
    return r[..., 3] - r[..., [1, 5]].amax(-1)


RULES: dict[str, Callable[[Tensor], GridScores]] = {
    "sargolini": peak_ring_scores,
    "langston": growing_ring_scores,
    "banino": set_ring_scores,
}
"""Published scores by the name of their first author."""


def grid_scores(
    autocorrelograms: Float[Tensor, "unit row column"], rule: str = "langston"
) -> GridScores:
    """Grid scores at 60 and at 90 degrees, by a published rule.

    Args:
        autocorrelograms: of the maps to be scored.
        rule: one of `RULES`.

    Raises:
        MapError: the rule is unknown, or the autocorrelograms have another shape.
    """
    if rule not in RULES:
        raise MapError(f"a grid score is one of {', '.join(RULES)}, not {rule!r}")
    return RULES[rule](autocorrelograms)
