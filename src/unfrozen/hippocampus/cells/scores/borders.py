"""Border cells: fields that run along a wall."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.hippocampus.cells.scores.fields import THRESHOLD, raster_fields


class BorderScores(NamedTuple):
    """How far each unit's fields are those of a border.

    Attributes:
        score: (coverage - distance) / (coverage + distance), from -1 to 1; NaN without a field.
        coverage: the largest share of a wall that one field is at.
        distance: mean distance of the fields from the nearest wall, weighted by the rate, as a
            share of half the shorter side.
    """

    score: Float[Tensor, " unit"]
    coverage: Float[Tensor, " unit"]
    distance: Float[Tensor, " unit"]


def border_scores(
    maps: Float[Tensor, "unit row column"], threshold: float = THRESHOLD, smallest: int = 1
) -> BorderScores:
    """The border score of maps of a rectangular arena.

    A field is at a wall in those rows or columns whose outermost known bin is in it.  The distance
    is that of the middles of bins, so that a wall of n bins can have 1 - 2 / (n + 1) at most.

    Args:
        maps: none negative, with one wall a side; NaN where nobody ever was.
        threshold: share of the highest rate that makes a field.
        smallest: bins that a field has to have.

    Raises:
        MapError: as for `fields.raster_fields`.

    Source: Solstad et al. 2008, supporting methods.
    """
    fields = raster_fields(maps, threshold, smallest)
    units, rows, columns = maps.shape
    labels = fields.labels.reshape(units, rows, columns)
    known = maps.isfinite()
    coverage = maps.new_zeros(units)
    # With every wall in turn as the first row, those outermost bins are the first known ones.
    for turns in range(4):
        turned, seen = (torch.rot90(m, turns, (1, 2)) for m in (labels, known))
        coverage = coverage.maximum(_coverage(turned, seen).to(maps.dtype))
    within = torch.where(labels > 0, maps, 0)
    weight = within.flatten(1)
    distance = (weight @ _from_wall(rows, columns, maps).flatten()) / weight.sum(1)
    score = (coverage - distance) / (coverage + distance)
    none = fields.number == 0
    found = (score, coverage, distance)
    return BorderScores(*(torch.where(none, math.nan, f) for f in found))


def _coverage(labels: Tensor, known: Bool[Tensor, "unit row column"]) -> Tensor:
    """The largest share of the first row that one field is at."""
    first = known.to(torch.uint8).argmax(1, keepdim=True)
    at = labels.gather(1, first).squeeze(1)
    counts = labels.new_zeros(len(labels), int(labels.max()) + 1)
    counts.scatter_add_(1, at, torch.ones_like(at))
    counts[:, 0] = 0
    return counts.amax(1) / labels.shape[2]


def _from_wall(rows: int, columns: int, like: Tensor) -> Tensor:
    sides = []
    for n in (rows, columns):
        middle = torch.arange(n, device=like.device, dtype=like.dtype) + 0.5
        sides.append(middle.minimum(n - middle))
    return torch.minimum(sides[0][:, None], sides[1]) / (min(rows, columns) / 2)
