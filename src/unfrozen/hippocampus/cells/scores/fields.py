"""Place fields: the connected parts of a map where a unit is active."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.components import components, raster_neighbours

THRESHOLD = 0.3
"""Of the highest rate, what makes a field (Solstad et al. 2008, supporting methods)."""


class PlaceFields(NamedTuple):
    """The fields of each unit.

    Attributes:
        number: how many.
        size: mean number of places of a field; NaN without one.
        largest: number of places of the largest.
        peak: highest rate of the map; NaN of maps without any.
        labels: which field each place is in, counted from 1; 0 for none.
    """

    number: Int[Tensor, " unit"]
    size: Float[Tensor, " unit"]
    largest: Int[Tensor, " unit"]
    peak: Float[Tensor, " unit"]
    labels: Int[Tensor, "unit place"]


def place_fields(
    rates: Float[Tensor, "unit place"],
    neighbours: Int[Tensor, "place k"],
    threshold: float = THRESHOLD,
    smallest: int = 1,
) -> PlaceFields:
    """The fields of each unit: neighbouring places above a share of its highest rate.

    Args:
        rates: none negative; NaN where nobody ever was, which is in no field.
        neighbours: of each place, -1 for none; for flattened rasters, those of
            `components.raster_neighbours`.
        threshold: share of the highest rate, from 0 to below 1.
        smallest: places that a field has to have.

    Returns:
        No field for units that are never active.

    Raises:
        MapError: the shapes differ, a rate is negative, or the threshold makes no sense.

    Example:
        >>> line = raster_neighbours(1, 5)
        >>> place_fields(torch.tensor([[3.0, 2.0, 0.0, 1.0, 0.0]]), line).number.item()
        2
    """
    if rates.ndim != 2 or neighbours.ndim != 2 or len(neighbours) != rates.shape[1]:
        raise MapError(
            f"rates [unit, place] of shape {tuple(rates.shape)} take the neighbours of each "
            f"place, not {tuple(neighbours.shape)}"
        )
    if not 0 <= threshold < 1 or smallest < 1:
        raise MapError("a field takes a share from 0 to below 1, and one place or more")
    if bool((rates < 0).any()):
        raise MapError("rates are not negative: shift or rectify activity that is")
    filled = rates.nan_to_num(nan=-1.0)
    peak = filled.amax(1)
    # Of a silent unit, every place would be as high as the highest.
    mask = (filled > threshold * peak[:, None]) & (filled > 0)
    parts = components(mask, neighbours)
    sizes = torch.zeros(len(rates), rates.shape[1] + 1, dtype=torch.long, device=rates.device)
    sizes.scatter_add_(1, parts, mask.long())
    sizes[:, 0] = 0
    kept = sizes >= smallest
    number = kept.sum(1)
    covered = (sizes * kept).sum(1)
    labels = torch.where(kept, kept.cumsum(1), 0).gather(1, parts)
    return PlaceFields(
        number=number,
        size=covered.to(rates.dtype) / torch.where(number > 0, number, math.nan).to(rates.dtype),
        largest=(sizes * kept).amax(1),
        peak=torch.where(rates.isfinite().any(1), peak, math.nan),
        labels=labels,
    )


def raster_fields(
    maps: Float[Tensor, "unit row column"], threshold: float = THRESHOLD, smallest: int = 1
) -> PlaceFields:
    """The fields of maps on a raster, whose bins are neighbours by their sides.

    Args:
        maps: none negative; NaN where nobody ever was.
        threshold: share of the highest rate.
        smallest: bins that a field has to have.

    Returns:
        With labels [unit, bin], the rows of a raster one after another.

    Raises:
        MapError: as for `place_fields`.
    """
    if maps.ndim != 3:
        raise MapError(f"a raster has maps [unit, row, column], not {tuple(maps.shape)}")
    neighbours = raster_neighbours(*maps.shape[1:]).to(maps.device)
    return place_fields(maps.flatten(1), neighbours, threshold, smallest)
