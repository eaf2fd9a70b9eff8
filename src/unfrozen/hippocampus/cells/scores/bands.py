"""Band cells: how much of a map is one plane wave, how long it is and where it points."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError

_PADDING = 4
_CHUNK = 512
_ROUNDS = 3


class PlaneWaves(NamedTuple):
    """The plane wave that explains most of each map; NaN of maps without variance.

    Attributes:
        share: of the map's variance that it explains, from 0 to 1.
        wavelength: in the unit of the pixel.
        orientation: of the wave vector, across the bands, in degrees anticlockwise from the x
            axis, from 0 to below 180.
    """

    share: Float[Tensor, " unit"]
    wavelength: Float[Tensor, " unit"]
    orientation: Float[Tensor, " unit"]


def plane_waves(
    maps: Float[Tensor, "unit row column"],
    pixel: float = 1.0,
    longest: float | None = None,
) -> PlaneWaves:
    """The best plane wave of each map, by least squares over many frequencies.

    At each frequency k, cosine and sine of 2π k·r are fitted to the map less its mean: Lomb's
    periodogram in two dimensions, which stays exact where bins are unknown.  It counts all of a
    plane wave's variance, whether or not it fits the arena a whole number of times.  Frequencies
    a quarter of a wave an arena apart are looked at first, and then finer ones about the best.

    Args:
        maps: with rows along y; NaN where nobody ever was.
        pixel: side of a bin.
        longest: wavelength that counts, in the unit of the pixel; the longer side of the map by
            default, so that slopes do not pass for waves.

    Raises:
        MapError: the maps have another shape, or a length is not positive.

    Source: Krupic, Burgess and O'Keefe 2012 (Fourier power of maps); Lomb 1976 (least squares).
    """
    if maps.ndim != 3 or maps.shape[1] * maps.shape[2] < 4:
        raise MapError(f"waves take maps [unit, row, column], not {tuple(maps.shape)}")
    rows, columns = maps.shape[1:]
    longest = pixel * max(rows, columns) if longest is None else longest
    if pixel <= 0 or longest <= 0:
        raise MapError(f"a pixel and a wavelength are positive, not {pixel} and {longest}")
    parts = [_waves(part, pixel, longest) for part in maps.split(_CHUNK)]
    return PlaneWaves(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _waves(maps: Tensor, pixel: float, longest: float) -> tuple[Tensor, Tensor, Tensor]:
    rows, columns = maps.shape[1:]
    known = maps.isfinite()
    count = known.sum((1, 2), keepdim=True).clamp(min=1)
    x = torch.where(known, maps, 0)
    largest = x.abs().amax((1, 2), keepdim=True)
    x = torch.where(known, x - x.sum((1, 2), keepdim=True) / count, 0)
    total = x.square().sum((1, 2))
    grid = (_PADDING * rows, _PADDING * columns)
    ky, kx = (torch.fft.fftfreq(n, device=maps.device, dtype=maps.dtype) for n in grid)
    frequency = torch.hypot(ky[:, None], kx)
    # A wave and its mirror are one, and of each only half has to be looked at.
    half = (kx > 0) | ((kx == 0) & (ky[:, None] >= 0))
    chosen = (half & (frequency * longest >= pixel * (1 - 1e-4)) & (frequency <= 0.5)).nonzero()
    wave = torch.fft.fft2(x, s=grid)[:, chosen[:, 0], chosen[:, 1]]
    visits = known[:1] if bool((known == known[:1]).all()) else known
    twice = torch.fft.fft2(visits.to(x.dtype), s=grid)
    twice = twice[:, (2 * chosen[:, 0]) % grid[0], (2 * chosen[:, 1]) % grid[1]]
    # With C = cos and S = sin at the bins: Σ C² and Σ S² are (n ± Re M(2k)) / 2, Σ C S follows.
    n = count.flatten(1).to(x.dtype)
    cc, ss, cs = (n + twice.real) / 2, (n - twice.real) / 2, -twice.imag / 2
    c, s = wave.real, -wave.imag
    determinant = cc * ss - cs * cs
    explained = (ss * c * c - 2 * cs * c * s + cc * s * s) / determinant
    # At the finest frequencies, and between few bins, sine and cosine may be one.
    single = determinant <= 1e-4 * n * n
    fallback = torch.where(cc > ss, c * c / cc.clamp(min=1e-6), s * s / ss.clamp(min=1e-6))
    explained = torch.where(single, fallback, explained)
    best = explained.argmax(1)
    frequency = torch.stack([ky[chosen[best, 0]], kx[chosen[best, 1]]], 1)
    bounds = (pixel / longest, 0.5)
    share, frequency = _refined(x, known, frequency, bounds)
    flat = total <= (10 * torch.finfo(x.dtype).eps * largest.flatten()) ** 2 * count.flatten()
    ky, kx = frequency.unbind(1)
    return (
        torch.where(flat, math.nan, share.clamp(0, 1)),
        torch.where(flat, math.nan, pixel / frequency.norm(dim=1)),
        torch.where(flat, math.nan, torch.atan2(ky, kx).rad2deg() % 180),
    )


def _refined(
    x: Tensor, known: Tensor, frequency: Tensor, bounds: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """The best share between the frequencies looked at so far, and where it is."""
    rows, columns = x.shape[1:]
    units = torch.arange(len(x), device=x.device)
    around = torch.cartesian_prod(torch.arange(-1, 2), torch.arange(-1, 2)).to(x)
    step = x.new_tensor([1 / rows, 1 / columns]) / _PADDING
    share = x.new_zeros(len(x))
    for _ in range(_ROUNDS):
        step = step / 2
        tried = frequency[:, None] + around * step
        length = tried.norm(dim=-1)
        shares = _shares(x.flatten(1), known.flatten(1), tried, columns)
        # Where it began is within the bounds but for a rounding, and stays to be chosen.
        within = (length >= bounds[0] * (1 - 1e-4)) & (length <= bounds[1] * (1 + 1e-4))
        share, best = torch.where(within, shares, -1).max(1)
        frequency = tried[units, best]
    return share, frequency


def _shares(x: Tensor, known: Tensor, frequencies: Tensor, columns: int) -> Tensor:
    """What cosine, sine and a constant explain of the variance [unit, frequency]."""
    at = torch.arange(x.shape[1], device=x.device)
    bins = torch.stack([at // columns, at % columns]).to(x)
    phase = 2 * math.pi * frequencies @ bins
    seen = known[:, None].to(x.dtype)
    n = seen.sum(-1, keepdim=True).clamp(min=1)
    c, s = ((w - (w * seen).sum(-1, keepdim=True) / n) * seen for w in (phase.cos(), phase.sin()))
    cc, ss, cs = (c * c).sum(-1), (s * s).sum(-1), (c * s).sum(-1)
    xc, xs = ((x[:, None] * w).sum(-1) for w in (c, s))
    determinant = cc * ss - cs * cs
    explained = (ss * xc * xc - 2 * cs * xc * xs + cc * xs * xs) / determinant
    single = torch.where(cc > ss, xc * xc / cc.clamp(min=1e-6), xs * xs / ss.clamp(min=1e-6))
    explained = torch.where(determinant > 1e-4 * n[..., 0] ** 2, explained, single)
    return explained / x.square().sum(-1, keepdim=True)
