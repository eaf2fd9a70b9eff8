"""Object-vector cells: the same field at the same distance and direction of every object."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import neighbour_distance
from unfrozen.hippocampus.cells.maps import correlation

FEWEST = 8
"""Offsets that two objects have to share."""


class ObjectMaps(NamedTuple):
    """What each unit does about each object.

    Attributes:
        maps: mean rate at each offset from the object; NaN where there is none.
        offsets: x and y from the object.
    """

    maps: Float[Tensor, "object unit offset"]
    offsets: Float[Tensor, "offset 2"]


class ObjectVectors(NamedTuple):
    """How alike a unit's maps about objects are, and where their peak is.

    Attributes:
        score: mean correlation over pairs of objects, from -1 to 1; NaN where they share too few
            offsets, or a map has no variance.
        distance: of the peak of the mean map from the object.
        direction: of that peak from the object, in degrees anticlockwise from the x axis.
    """

    score: Float[Tensor, " unit"]
    distance: Float[Tensor, " unit"]
    direction: Float[Tensor, " unit"]


def object_maps(
    rates: Float[Tensor, "unit place"],
    coordinates: Float[Tensor, "place 2"],
    objects: Float[Tensor, "object 2"],
    reach: float | None = None,
    width: float | None = None,
) -> ObjectMaps:
    """Maps about each object of one world.

    Args:
        rates: NaN where nobody ever was.
        coordinates: x and y of each place.
        objects: x and y of each object.
        reach: longest distance from an object; every one by default.
        width: side of the bins into which offsets are sorted; the distance of neighbouring places
            by default.

    Raises:
        MapError: the shapes differ, or a length is not positive.
    """
    shapes = coordinates.shape == (rates.shape[-1], 2) and objects.shape[1:] == (2,)
    if rates.ndim != 2 or not shapes or len(objects) == 0:
        raise MapError(
            "maps about objects take rates [unit, place], coordinates [place, 2] and objects "
            f"[object, 2], not {tuple(rates.shape)}, {tuple(coordinates.shape)} and "
            f"{tuple(objects.shape)}"
        )
    coordinates, objects = coordinates.to(rates.dtype), objects.to(rates)
    width = neighbour_distance(coordinates) if width is None else width
    reach = math.inf if reach is None else reach
    if width <= 0 or reach <= 0:
        raise MapError(f"a bin and a reach are positive, not {width} and {reach}")
    from_object = coordinates - objects[:, None]
    near = from_object.norm(dim=-1) <= reach
    cell = (from_object / width).round().long()
    offsets, index = torch.unique(cell[near], dim=0, return_inverse=True)
    at = torch.zeros(near.shape, dtype=torch.long, device=rates.device)
    at[near] = index
    maps = []
    for place, close in zip(at, near, strict=True):
        known = (rates.isfinite() & close).to(rates.dtype)
        empty = rates.new_zeros(len(rates), len(offsets))
        sums = empty.index_add(1, place, torch.where(known > 0, rates, 0))
        maps.append(sums / empty.index_add(1, place, known))
    return ObjectMaps(torch.stack(maps), offsets * width)


def object_vector_scores(
    rates: Float[Tensor, "unit place"],
    coordinates: Float[Tensor, "place 2"],
    objects: Float[Tensor, "object 2"],
    reach: float | None = None,
    width: float | None = None,
    fewest: int = FEWEST,
) -> ObjectVectors:
    """How alike the maps about two objects or more are.

    The map about one object also shows the field of another; a reach below the distance of the
    objects leaves it out.

    Args:
        rates: NaN where nobody ever was.
        coordinates: x and y of each place.
        objects: x and y of two objects or more.
        reach: as for `object_maps`.
        width: as for `object_maps`.
        fewest: offsets that two objects have to share.

    Raises:
        MapError: as for `object_maps`; or there are fewer than two objects.

    Source: Høydal et al. 2019, methods (the correlation of vector maps about two objects).
    """
    found = object_maps(rates, coordinates, objects, reach, width)
    if len(objects) < 2:
        raise MapError("vectors to one object are those to one place: score two objects or more")
    first, second = torch.combinations(torch.arange(len(objects))).T
    pairs = correlation(found.maps[first], found.maps[second], fewest)
    mean = found.maps.nanmean(0)
    peak = found.offsets[mean.nan_to_num(nan=-math.inf).argmax(1)]
    unknown = ~mean.isfinite().any(1)
    distance = torch.where(unknown, math.nan, peak.norm(dim=1))
    direction = torch.atan2(peak[:, 1], peak[:, 0]).rad2deg() % 360
    return ObjectVectors(pairs.mean(0), distance, torch.where(unknown, math.nan, direction))
