"""Rotation of rasters about their centre: the same few bins and weights for all of one shape."""

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from unfrozen.errors import MapError

Interpolation = Literal["linear", "cubic"]


class Turn(NamedTuple):
    """From which bins a turned map is made.

    Attributes:
        bins: of the flattened map before the turn.
        weights: by which they are added.
    """

    bins: Int[Tensor, "kept tap"]
    weights: Float[Tensor, "kept tap"]


def rotated(
    maps: Float[Tensor, "unit row column"],
    angle: float,
    interpolation: Interpolation = "cubic",
) -> Float[Tensor, "unit row column"]:
    """Each map, turned about its centre; 0 where it turned away from.

    Args:
        maps: without NaN.
        angle: degrees, from the first row towards the first column.
        interpolation: "linear" between four bins, or by "cubic" splines over sixteen.

    Raises:
        MapError: the interpolation is unknown.

    Source: Unser, Aldroubi and Eden 1991 for interpolating splines.
    """
    rows, columns = maps.shape[1:]
    every = tuple(range(rows * columns))
    flat = coefficients(maps, interpolation).flatten(1)
    return apply(turn(rows, columns, angle, interpolation, every), flat).reshape(maps.shape)


def coefficients(
    maps: Float[Tensor, "unit row column"], interpolation: Interpolation
) -> Float[Tensor, "unit row column"]:
    """What a turn is applied to: the maps, or their spline coefficients."""
    if interpolation == "linear":
        return maps
    if interpolation != "cubic":
        raise MapError(f"interpolation is 'linear' or 'cubic', not {interpolation!r}")
    along, across = (_prefilter(n).to(maps) for n in maps.shape[1:])
    return along @ maps @ across.T


def apply(turned: Turn, flat: Float[Tensor, "unit bin"]) -> Float[Tensor, "unit kept"]:
    """Maps after a turn, one map a row."""
    # Units side by side are added as one vector: several times faster than a sparse matrix.
    table = flat.T.contiguous()
    bins, weights = turned.bins.to(flat.device), turned.weights.to(flat)
    return embedding_bag(bins, table, per_sample_weights=weights, mode="sum").T


@lru_cache(maxsize=128)
def turn(
    rows: int, columns: int, angle: float, interpolation: Interpolation, keep: tuple[int, ...]
) -> Turn:
    """The turn of maps of one shape, of which only some bins are kept."""
    c, s = (_tidy(f(math.radians(angle))) for f in (math.cos, math.sin))
    at = torch.tensor(keep, dtype=torch.long)
    y = (at // columns).double() - (rows - 1) / 2
    x = (at % columns).double() - (columns - 1) / 2
    from_y = c * y + s * x + (rows - 1) / 2
    from_x = -s * y + c * x + (columns - 1) / 2
    taps = {"linear": _linear, "cubic": _cubic}[interpolation]
    (at_y, weight_y), (at_x, weight_x) = taps(from_y, rows), taps(from_x, columns)
    bins = at_y[:, :, None] * columns + at_x[:, None, :]
    weights = weight_y[:, :, None] * weight_x[:, None, :]
    return Turn(bins.flatten(1), weights.flatten(1))


def _tidy(value: float) -> float:
    # A right angle moves bins onto bins, and not by a rounding beyond the last.
    return float(round(value)) if abs(value - round(value)) < 1e-12 else value


def _linear(at: Tensor, n: int) -> tuple[Tensor, Tensor]:
    low = at.floor()
    beyond = at - low
    taps = torch.stack([low, low + 1], 1).long()
    weights = torch.stack([1 - beyond, beyond], 1)
    inside = (taps >= 0) & (taps < n)
    return taps.clamp(0, n - 1), weights * inside


def _cubic(at: Tensor, n: int) -> tuple[Tensor, Tensor]:
    low = at.floor()
    u = at - low
    weights = torch.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], 1
    )
    taps = low[:, None].long() + torch.arange(-1, 3)
    # Beyond its ends a spline goes on as in a mirror; beyond its samples there is nothing.
    if n > 1:
        taps = (taps + 2 * (n - 1)) % (2 * (n - 1))
        taps = torch.where(taps >= n, 2 * (n - 1) - taps, taps)
    else:
        taps = taps * 0
    inside = (at >= -1e-9) & (at <= n - 1 + 1e-9)
    return taps, weights / 6 * inside[:, None]


@lru_cache(maxsize=32)
def _prefilter(n: int) -> Float[Tensor, "n n"]:
    """Samples to the coefficients of the cubic spline through them, mirrored at the ends."""
    if n == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    side = torch.full((n - 1,), 1 / 6, dtype=torch.float64)
    spline = torch.diag(torch.full((n,), 4 / 6, dtype=torch.float64))
    spline = spline + torch.diag(side, 1) + torch.diag(side, -1)
    spline[0, 1] = spline[-1, -2] = 2 / 6
    return torch.linalg.inv(spline)
