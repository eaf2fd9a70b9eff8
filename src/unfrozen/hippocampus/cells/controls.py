"""Controls: what a score would be if place, or the order of fields, meant nothing.

A control draws maps that keep something of the observed ones and break the rest: walks shifted in
time keep a unit's activity and the walk, but not which belongs to where; smoothed noise keeps how
far apart a map stays alike and which rates it has, but not where its fields are.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import neighbour_distance
from unfrozen.hippocampus.cells.maps import rate_maps

Control = Callable[[int, torch.Generator], Float[Tensor, "n unit place"]]
"""Draws that many maps of each unit."""

Score = Callable[[Float[Tensor, "unit place"]], Float[Tensor, " unit"]]
"""Scores each map."""

_BATCH = 8192


class Verdict(NamedTuple):
    """A score of each unit beside its control.

    Attributes:
        score: of the observed map.
        mean: of the control's scores.
        sd: of the control's scores.
        z: (score - mean) / sd.
        percentile: of the control's scores, how many are below the observed, in percent.
        p: (k + 1) / (n + 1), where k of n scores of the control are as high or higher.
        control: the scores themselves, NaN where a drawn map has none.
    """

    score: Float[Tensor, " unit"]
    mean: Float[Tensor, " unit"]
    sd: Float[Tensor, " unit"]
    z: Float[Tensor, " unit"]
    percentile: Float[Tensor, " unit"]
    p: Float[Tensor, " unit"]
    control: Float[Tensor, "n unit"]


def against(
    score: Score,
    maps: Float[Tensor, "unit place"],
    control: Control,
    n: int = 1000,
    *,
    generator: torch.Generator,
) -> Verdict:
    """A score of each unit beside those of maps that a control draws.

    Args:
        score: of any number of maps [unit, place] at once; one on rasters reshapes them itself.
        maps: those observed.
        control: see `circular_shifts` and `smoothed_noise`.
        n: maps drawn a unit.
        generator: of the draws.

    Returns:
        NaN of units without a score, or whose control has none.

    Raises:
        MapError: n is not positive, or the control draws other units or places.

    Source: Davison and Hinkley 1997, equation 4.11, for p.
    """
    if n < 1:
        raise MapError(f"a control takes one draw or more, not {n}")
    observed = score(maps)
    rows = max(1, _BATCH // len(maps))
    found = []
    for start in range(0, n, rows):
        count = min(rows, n - start)
        drawn = control(count, generator)
        if drawn.shape != (count, *maps.shape):
            raise MapError(
                f"a control of maps {tuple(maps.shape)} drew {tuple(drawn.shape[1:])}: give it the "
                "units and places that are scored"
            )
        found.append(score(drawn.flatten(0, 1)).reshape(count, -1))
    return compared(observed, torch.cat(found))


def compared(observed: Float[Tensor, " unit"], control: Float[Tensor, "n unit"]) -> Verdict:
    """Scores beside those of a control, however they came about.

    Args:
        observed: of each unit.
        control: of maps drawn; NaN is left out.
    """
    known = control.isfinite()
    n = known.sum(0)
    filled = torch.where(known, control, 0)
    mean = filled.sum(0) / n
    spread = torch.where(known, control - mean, 0).square().sum(0)
    sd = (spread / (n - 1).clamp(min=1)).sqrt()
    nothing = ~observed.isfinite() | (n == 0)
    # Scores that are the same but for rounding are as high.
    tie = 10 * torch.finfo(observed.dtype).eps * observed.abs()
    higher = (known & (control >= observed - tie)).sum(0)
    below = (known & (control < observed - tie)).sum(0)
    p = torch.where(nothing, math.nan, (higher + 1) / (n + 1))
    percentile = torch.where(nothing, math.nan, 100 * below / n)
    z = torch.where((sd > 0) & ~nothing, (observed - mean) / sd, math.nan)
    return Verdict(observed, mean, sd, z, percentile, p, control)


def circular_shifts(
    activity: Float[Tensor, "step unit"],
    place: Int[Tensor, " step"],
    places: int,
    least: int | None = None,
) -> Control:
    """A control that shifts activity in time against the walk, its end to the beginning.

    Args:
        activity: of each unit at each step.
        place: where each step was.
        places: how many there are in the world.
        least: steps that activity is shifted by at least, in either direction; a twentieth of the
            walk by default.

    Raises:
        MapError: as for `maps.rate_maps`; or the walk is too short for such shifts.

    Source: Langston et al. 2010, supporting methods (shifts of 20 s or more).
    """
    rates = rate_maps(activity, place, places)
    steps = len(place)
    least = max(1, steps // 20) if least is None else least
    if least < 1 or 2 * least > steps:
        raise MapError(f"a walk of {steps} steps cannot be shifted by {least} steps or more")
    # Twice in a row, a walk begun anywhere is a stretch of it.
    twice = torch.cat([activity, activity])
    occupancy = rates.occupancy.to(activity.dtype)

    def draw(n: int, generator: torch.Generator) -> Tensor:
        shifts = torch.randint(
            least, steps - least + 1, (n,), generator=generator, device=generator.device
        )
        drawn = activity.new_zeros(n, places, activity.shape[1])
        for sums, shift in zip(drawn, shifts.tolist(), strict=True):
            sums.index_add_(0, place, twice[shift : shift + steps])
        return drawn.transpose(1, 2) / occupancy

    return draw


def smoothed_noise(
    rates: Float[Tensor, "unit place"],
    coordinates: Float[Tensor, "place 2"],
    length: float | None = None,
) -> Control:
    """A control of smooth random maps with each unit's own rates and autocorrelation length.

    Noise with the covariance exp(-d² / 4 σ²), which is white noise smoothed by a Gaussian of
    standard deviation σ, is given the unit's rates in the order of its values.  σ is taken from
    how alike the unit's map is at neighbouring places.

    Args:
        rates: of a world, finite everywhere that a map is drawn; NaN stays where it is.
        coordinates: x and y of each place.
        length: σ for all units, in the unit of the coordinates, instead of each one's own.

    Raises:
        MapError: the shapes differ, the length is not positive, or places are at one point.

    Source: after the amplitude-adjusted surrogates of Theiler et al. 1992.
    """
    if rates.ndim != 2 or coordinates.shape != (rates.shape[1], 2):
        raise MapError(
            f"rates [unit, place] of shape {tuple(rates.shape)} take coordinates [place, 2], not "
            f"{tuple(coordinates.shape)}"
        )
    if length is not None and not 0 < length < math.inf:
        raise MapError(f"an autocorrelation length is positive and finite, not {length}")
    at = coordinates.to(rates.dtype)
    apart = torch.cdist(at, at, compute_mode="donot_use_mm_for_euclid_dist")
    if length is None:
        sigma = autocorrelation_lengths(rates, coordinates)
    else:
        sigma = rates.new_full((len(rates),), length)
    known = rates.isfinite()
    roots = torch.stack([_root(apart, float(s)) for s in sigma])
    # A place without a rate sorts last, and so is given none of the unit's.
    ordered = torch.where(known, rates, math.inf).sort(1).values

    def draw(n: int, generator: torch.Generator) -> Tensor:
        white = torch.randn(
            len(rates), n, rates.shape[1], generator=generator, dtype=rates.dtype,
            device=generator.device,
        )  # fmt: skip
        noise = (white.to(rates.device) @ roots).transpose(0, 1)
        order = torch.where(known, noise, math.inf).argsort(-1)
        drawn = torch.empty_like(noise)
        drawn.scatter_(-1, order, ordered.expand_as(noise))
        return torch.where(known, drawn, math.nan)

    return draw


def autocorrelation_lengths(
    rates: Float[Tensor, "unit place"], coordinates: Float[Tensor, "place 2"]
) -> Float[Tensor, " unit"]:
    """The σ of the Gaussian that would make white noise as alike at neighbouring places.

    Args:
        rates: NaN where nobody ever was.
        coordinates: x and y of each place.

    Returns:
        At least a fifth of the distance of neighbours, where nothing is smooth any more.

    Raises:
        MapError: two places are at one point.
    """
    at = coordinates.to(rates.dtype)
    spacing = neighbour_distance(at)
    apart = torch.cdist(at, at, compute_mode="donot_use_mm_for_euclid_dist")
    first, second = ((apart > 0) & (apart <= 1.1 * spacing)).nonzero().T
    known = rates.isfinite()
    centred = torch.where(known, rates - rates.nanmean(1, keepdim=True), 0)
    pairs = known[:, first] & known[:, second]
    alike = (centred[:, first] * centred[:, second]).sum(1) / pairs.sum(1)
    rho = alike / (centred.square().sum(1) / known.sum(1))
    # Between the bounds: hardly alike at neighbours, and hardly different over fifty spacings.
    rho = rho.nan_to_num(nan=0.0).clamp(math.exp(-6.25), math.exp(-1e-4))
    distance = apart[first, second].mean()
    return distance / (2 * (-rho.log()).sqrt())


def _root(apart: Tensor, sigma: float) -> Tensor:
    """A square root of the covariance of smoothed noise."""
    # Long lengths make it nearly singular, beyond what float32 can tell.
    covariance = torch.exp(-apart.double().square() / (4 * sigma * sigma))
    values, vectors = torch.linalg.eigh(covariance)
    return ((vectors * values.clamp(min=0).sqrt()) @ vectors.T).to(apart.dtype)
