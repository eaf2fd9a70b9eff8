"""Rate maps: what each unit does at each place, and how much of it place explains.

A world of places gives a rate a place, a continuous arena a rate a bin.  Where nobody ever was,
there is no rate, and the map says NaN.  A map of a raster has the y axis along its rows, lowest
first, and the x axis along its columns.
"""

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from unfrozen.errors import MapError


class RateMaps(NamedTuple):
    """What each unit does at each place.

    Attributes:
        rates: mean activity; NaN where nobody ever was.
        occupancy: steps spent at each place.
    """

    rates: Float[Tensor, "unit place"]
    occupancy: Int[Tensor, " place"]


class BinnedMaps(NamedTuple):
    """What each unit does in each bin of an arena.

    Attributes:
        rates: smoothed mean activity; NaN where nobody ever was.
        occupancy: steps spent in each bin, not smoothed.
        pixel: height and width of a bin, in the unit of the positions.
    """

    rates: Float[Tensor, "unit row column"]
    occupancy: Int[Tensor, "row column"]
    pixel: tuple[float, float]


class Information(NamedTuple):
    """What activity tells about place.

    Attributes:
        per_spike: bits a spike.
        per_second: bits a second, if rates are in spikes a second; else bits a step.
    """

    per_spike: Float[Tensor, " unit"]
    per_second: Float[Tensor, " unit"]


def rate_maps(
    activity: Float[Tensor, "step unit"], place: Int[Tensor, " step"], places: int
) -> RateMaps:
    """The mean activity of each unit at each place of a world.

    Args:
        activity: of each unit at each step.
        place: where each step was, from 0.
        places: how many there are in the world.

    Raises:
        MapError: the shapes differ, there is no step, or a place is not of the world.

    Example:
        >>> activity, place = torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])
        >>> rate_maps(activity, place, 3).rates.tolist()
        [[2.0, 5.0, nan]]
    """
    _check_walk(activity, place, places)
    occupancy = torch.bincount(place, minlength=places)
    sums = activity.new_zeros(places, activity.shape[1]).index_add_(0, place, activity)
    # Nought by nought is the NaN that marks a place nobody was at.
    return RateMaps((sums / occupancy[:, None]).T.contiguous(), occupancy)


def binned_maps(
    activity: Float[Tensor, "step unit"],
    position: Float[Tensor, "step 2"],
    bins: tuple[int, int],
    extent: tuple[tuple[float, float], tuple[float, float]],
    smoothing: float = 1.5,
) -> BinnedMaps:
    """The mean activity of each unit in each bin of an arena, smoothed by a Gaussian.

    The sums of activity and the time are smoothed alike, and then divided: a bin that was hardly
    visited counts for little among its neighbours.

    Args:
        activity: of each unit at each step.
        position: x and y at each step.
        bins: rows and columns.
        extent: lowest and highest x, and lowest and highest y; steps outside are left out.
        smoothing: standard deviation of the Gaussian, in bins; none at 0.

    Raises:
        MapError: the shapes differ, no step is inside, or bins, extent or smoothing make no sense.

    Source: Langston et al. 2010, supporting methods (bins, and a Gaussian over sums and time).
    """
    rows, columns = bins
    (left, right), (low, high) = extent
    if min(bins) < 1 or right <= left or high <= low or smoothing < 0:
        raise MapError("an arena takes a bin or more a side, an extent above 0, smoothing from 0")
    if position.shape != (len(activity), 2):
        raise MapError(
            f"positions are [step, 2] for {len(activity)} steps, not {tuple(position.shape)}"
        )
    size = position.new_tensor([(right - left) / columns, (high - low) / rows])
    cell = ((position - position.new_tensor([left, low])) / size).floor()
    # The far walls belong to the last bins.
    far = position.new_tensor([right, high])
    cell = torch.where(position == far, position.new_tensor([columns - 1, rows - 1]), cell)
    inside = ((cell >= 0) & (cell < position.new_tensor([columns, rows]))).all(1)
    cell = cell[inside].long()
    place = cell[:, 1] * columns + cell[:, 0]
    _check_walk(activity[inside], place, rows * columns)
    sums = activity.new_zeros(rows * columns, activity.shape[1])
    sums = sums.index_add_(0, place, activity[inside]).T.reshape(-1, rows, columns)
    occupancy = torch.bincount(place, minlength=rows * columns).reshape(rows, columns)
    time = occupancy.to(sums.dtype)
    if smoothing:
        along, across = (_gaussian(n, smoothing, sums) for n in bins)
        sums, time = along @ sums @ across, along @ time @ across
    rates = torch.where(occupancy > 0, sums / time, math.nan)
    return BinnedMaps(rates, occupancy, (float(size[1]), float(size[0])))


def consistency(
    activity: Float[Tensor, "step unit"],
    place: Int[Tensor, " step"],
    places: int,
    *,
    adjusted: bool = False,
) -> Float[Tensor, " unit"]:
    """The share of a unit's variance over a walk that place explains: eta squared.

    Args:
        activity: of each unit at each step.
        place: where each step was, from 0.
        places: how many there are in the world.
        adjusted: correct for the chance share of few visits, by the degrees of freedom (epsilon
            squared); chance is then 0, and some units lie below it.

    Returns:
        1 if a unit always does the same at the same place; NaN of units that never change.

    Raises:
        MapError: as for `rate_maps`.

    Source: Kelley 1935 for epsilon squared.
    """
    maps = rate_maps(activity, place, places)
    centred = activity - activity.mean(0)
    total = (centred * centred).sum(0)
    left = activity - maps.rates.T[place]
    within = (left * left).sum(0)
    still = activity.amax(0) == activity.amin(0)
    if adjusted:
        visited = int((maps.occupancy > 0).sum())
        steps = len(activity)
        # Nothing is left to tell variance from noise when no place was seen twice.
        free = math.nan if steps == visited else (steps - 1) / (steps - visited)
        within = within * free
    return torch.where(still, math.nan, 1 - within / total)


def reliability(
    activity: Float[Tensor, "step unit"],
    place: Int[Tensor, " step"],
    places: int,
    *,
    by: Literal["visit", "time"] = "visit",
) -> Float[Tensor, " unit"]:
    """Split-half reliability: how alike two maps are, each of half of a walk.

    Args:
        activity: of each unit at each step.
        place: where each step was, from 0.
        places: how many there are in the world.
        by: "visit" takes every other step at each place; "time" the first half of the walk and
            the second.

    Returns:
        Pearson's correlation of the halves over the places in both; NaN for fewer than three
        places, and for maps without variance.

    Raises:
        MapError: as for `rate_maps`; or the split is unknown.
    """
    _check_walk(activity, place, places)
    steps = len(place)
    if by == "time":
        second = torch.arange(steps, device=place.device) >= steps // 2
    elif by == "visit":
        order = place.argsort(stable=True)
        counts = torch.bincount(place, minlength=places)
        starts = counts.cumsum(0) - counts
        rank = torch.empty_like(place)
        rank[order] = torch.arange(steps, device=place.device) - starts[place[order]]
        second = rank % 2 == 1
    else:
        raise MapError(f"a walk is split by 'visit' or by 'time', not by {by!r}")
    if bool(second.all()) or not bool(second.any()):
        return activity.new_full((activity.shape[1],), math.nan)
    early, late = (rate_maps(activity[h], place[h], places).rates for h in (~second, second))
    return correlation(early, late)


def information(rates: Float[Tensor, "unit ..."], occupancy: Num[Tensor, "..."]) -> Information:
    """Spatial information: I = Σ_i p_i (λ_i / λ) log2(λ_i / λ) bits a spike, λ I bits a second.

    Args:
        rates: λ_i, none negative; NaN where nobody ever was.
        occupancy: time at each place, from which p_i is taken over the places with a rate.

    Returns:
        NaN a spike of units that are never active.

    Raises:
        MapError: the shapes differ, a rate is negative, or a time is.

    Source: Skaggs et al. 1993.

    Example:
        >>> information(torch.tensor([[0.0, 2.0]]), torch.tensor([1, 1])).per_spike.item()
        1.0
    """
    flat, share = _shares(rates, occupancy)
    mean = (share * flat).sum(1)
    ratio = flat / mean[:, None]
    per_spike = (share * torch.special.xlogy(ratio, ratio)).sum(1) / math.log(2)
    silent = mean == 0
    per_spike = torch.where(silent, math.nan, per_spike)
    return Information(per_spike, torch.where(silent, 0, per_spike * mean))


def sparsity(
    rates: Float[Tensor, "unit ..."], occupancy: Num[Tensor, "..."]
) -> Float[Tensor, " unit"]:
    """(Σ p_i λ_i)^2 / Σ p_i λ_i^2: the share of a world in which a unit is active.

    Args:
        rates: λ_i, none negative; NaN where nobody ever was.
        occupancy: time at each place.

    Returns:
        1 for units that are as active everywhere, near 0 for a single small field; NaN for units
        that are never active.

    Raises:
        MapError: as for `information`.

    Source: Skaggs et al. 1996.
    """
    flat, share = _shares(rates, occupancy)
    return (share * flat).sum(1) ** 2 / (share * flat * flat).sum(1)


def correlation(
    first: Float[Tensor, "*unit place"], second: Float[Tensor, "*unit place"], fewest: int = 3
) -> Float[Tensor, "*unit"]:
    """Pearson's correlation of maps over the places where both have a rate.

    Args:
        first: NaN where there is none.
        second: NaN where there is none.
        fewest: places that have to be in both.

    Returns:
        NaN where there are fewer places, or one of the maps has no variance over them.
    """
    both = first.isfinite() & second.isfinite()
    n = both.sum(-1)
    x, y = (torch.where(both, m, 0) for m in (first, second))
    count = n.clamp(min=1)[..., None]
    x, y = (torch.where(both, m - m.sum(-1, keepdim=True) / count, 0) for m in (x, y))
    xx, yy, xy = (x * x).sum(-1), (y * y).sum(-1), (x * y).sum(-1)
    # What is left of a constant after its mean is taken off is rounding, not variance.
    tiny = (10 * torch.finfo(first.dtype).eps) ** 2
    scales = [torch.where(both, m, 0).square().sum(-1) * tiny for m in (first, second)]
    known = (n >= fewest) & (xx > scales[0]) & (yy > scales[1])
    r = xy / (xx * yy).sqrt()
    return torch.where(known, r.clamp(-1, 1), math.nan)


def _check_walk(activity: Tensor, place: Tensor, places: int) -> None:
    if activity.ndim != 2 or place.shape != activity.shape[:1] or len(place) == 0:
        raise MapError(
            "a walk takes activity [step, unit] and a place a step, one step or more, not "
            f"{tuple(activity.shape)} and {tuple(place.shape)}"
        )
    if int(place.min()) < 0 or int(place.max()) >= places:
        raise MapError(
            f"places run from 0 to {places - 1}, not {int(place.min())} to {int(place.max())}"
        )


def _gaussian(n: int, sigma: float, like: Tensor) -> Float[Tensor, "n n"]:
    at = torch.arange(n, device=like.device, dtype=like.dtype)
    return torch.exp(-(((at[:, None] - at) / sigma) ** 2) / 2)


def _shares(rates: Tensor, occupancy: Tensor) -> tuple[Tensor, Tensor]:
    """Rates without NaN [unit, place], and the share of time of each place that has one."""
    if rates.ndim < 2 or rates.shape[1:] != occupancy.shape:
        raise MapError(
            f"rates [unit, place] of shape {tuple(rates.shape)} take the time at each place, not "
            f"{tuple(occupancy.shape)}"
        )
    flat, time = rates.flatten(1), occupancy.flatten().to(rates.dtype)
    known = flat.isfinite()
    flat = torch.where(known, flat, 0)
    if bool((flat < 0).any()) or bool((time < 0).any()):
        raise MapError("rates and times are not negative: shift or rectify activity that is")
    time = torch.where(known, time, 0)
    return flat, time / time.sum(1, keepdim=True)
