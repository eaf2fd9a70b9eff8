"""How an autocorrelogram agrees with itself turned, within rings about its centre."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.grids.rotation import (
    Interpolation,
    apply,
    coefficients,
    turn,
)

_CHUNK = 512


class Moments(NamedTuple):
    """Sums over the bins of each ring: of an autocorrelogram, and of it turned.

    Attributes:
        n: bins known in both.
        a: of the autocorrelogram.
        b: of it turned.
        aa: squares of the first.
        bb: squares of the second.
        ab: products.
    """

    n: Float[Tensor, "unit angle ring"]
    a: Float[Tensor, "unit angle ring"]
    b: Float[Tensor, "unit angle ring"]
    aa: Float[Tensor, "unit angle ring"]
    bb: Float[Tensor, "unit angle ring"]
    ab: Float[Tensor, "unit angle ring"]

    def pearson(self) -> Float[Tensor, "unit angle ring"]:
        """Pearson's correlation; NaN without variance or with fewer than three bins."""
        n = self.n.clamp(min=1)
        va, vb = self.aa - self.a * self.a / n, self.bb - self.b * self.b / n
        noise = 20 * torch.finfo(self.a.dtype).eps * self.n
        r = (self.ab - self.a * self.b / n) / (va * vb).sqrt()
        return torch.where((va > noise) & (vb > noise) & (self.n >= 3), r.clamp(-1, 1), math.nan)


def rotation_correlations(
    autocorrelograms: Float[Tensor, "unit row column"],
    angles: Sequence[float],
    inner: float | Float[Tensor, " unit"],
    outer: float | Float[Tensor, " unit"],
    interpolation: Interpolation = "cubic",
) -> Float[Tensor, "unit angle"]:
    """Pearson's correlation of each autocorrelogram with itself turned, within a ring.

    Args:
        autocorrelograms: bins that are NaN in it, or turned, are left out.
        angles: degrees.
        inner: radius in bins at which the ring begins, for all units or for each.
        outer: radius in bins at which it ends.
        interpolation: of what is turned.

    Returns:
        NaN where fewer than three bins are known, or they have no variance.

    Raises:
        MapError: the autocorrelograms have another shape, or the interpolation is unknown.
    """
    check(autocorrelograms)
    radius = radii(*autocorrelograms.shape[1:]).to(autocorrelograms)
    limits = [
        torch.as_tensor(r, dtype=radius.dtype, device=radius.device).reshape(-1, 1, 1)
        for r in (inner, outer)
    ]
    rings = (radius[:, None] >= limits[0]) & (radius[:, None] <= limits[1])
    rings = rings.expand(len(autocorrelograms), -1, -1)
    return moments(autocorrelograms, angles, rings, interpolation).pearson().squeeze(-1)


def moments(
    autocorrelograms: Float[Tensor, "unit row column"],
    angles: Sequence[float],
    rings: Tensor,
    interpolation: Interpolation,
) -> Moments:
    """The sums of `Moments` within rings.

    Args:
        autocorrelograms: with NaN where nothing is known.
        angles: degrees.
        rings: which bins each ring has, [bin, ring] for all units or [unit, bin, ring] for each.
        interpolation: of what is turned.
    """
    rows, columns = autocorrelograms.shape[1:]
    angles = tuple(float(a) for a in angles)
    used = rings.any(-1) if rings.ndim == 2 else rings.any(-1).any(0)
    if rings.ndim == 3:
        # Rings of their own for each unit would be turned anew at every call.
        radius = radii(rows, columns).to(used.device)
        used = radius <= radius[used].amax().ceil() if bool(used.any()) else used
    keep = tuple(used.nonzero().squeeze(1).tolist())
    rings = rings[..., used, :].to(autocorrelograms.dtype)
    known = autocorrelograms.isfinite()
    complete = bool(known.flatten(1)[:, used].all())
    parts = []
    for start in range(0, len(autocorrelograms), _CHUNK):
        chosen = slice(start, start + _CHUNK)
        valid = known[chosen]
        a = torch.where(valid, autocorrelograms[chosen], 0)
        turned = coefficients(a, interpolation).flatten(1)
        b = torch.stack(
            [apply(turn(rows, columns, t, interpolation, keep), turned) for t in angles], 1
        )
        a = a.flatten(1)[:, None, used]
        within = rings if rings.ndim == 2 else rings[chosen]
        if rings.ndim == 3:
            within = within[:, None]
            a, b = a[:, :, None], b[:, :, None]
        parts.append(_sums(a, b, within, None if complete else _joint(valid, angles, keep)))
    return Moments(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _joint(valid: Tensor, angles: Sequence[float], keep: tuple[int, ...]) -> Tensor:
    """Where an autocorrelogram is known, and it turned is too [unit, angle, bin]."""
    rows, columns = valid.shape[1:]
    # One pattern of visits for all units is turned once.
    same = bool((valid == valid[:1]).all())
    flat = (valid[:1] if same else valid).flatten(1).float()
    # What lies beyond the raster is 0 for all, and no bin that is unknown.
    ones = torch.ones_like(flat[:1])
    turned = []
    for angle in angles:
        by = turn(rows, columns, angle, "linear", keep)
        turned.append(apply(by, flat) > apply(by, ones) - 1e-3)
    joint = torch.stack(turned, 1) & (flat[:, list(keep)] > 0.5)[:, None]
    return joint.expand(len(valid), -1, -1)


def _sums(a: Tensor, b: Tensor, rings: Tensor, joint: Tensor | None) -> Moments:
    if joint is None:
        n = rings.sum(-2, keepdim=True).expand(*b.shape[:-1], rings.shape[-1])
    else:
        joint = joint.to(b.dtype).reshape(b.shape)
        a, b = a * joint, b * joint
        n = joint @ rings
    a = a.expand_as(b)
    found = [n, *(m @ rings for m in (a, b, a * a, b * b, a * b))]
    return Moments(*(m.reshape(*b.shape[:2], -1) for m in found))


@lru_cache(maxsize=32)
def radii(rows: int, columns: int) -> Float[Tensor, " bin"]:
    """How far each bin is from the centre of a raster, in bins."""
    y = torch.arange(rows).double() - (rows - 1) / 2
    x = torch.arange(columns).double() - (columns - 1) / 2
    return torch.hypot(y[:, None], x[None, :]).flatten()


def check(autocorrelograms: Tensor) -> None:
    """That these are autocorrelograms, with a bin in the middle.

    Raises:
        MapError: they have another shape, or sides that are even.
    """
    shape = tuple(autocorrelograms.shape)
    if autocorrelograms.ndim != 3 or shape[1] % 2 == 0 or shape[2] % 2 == 0:
        raise MapError(f"autocorrelograms are [unit, row, column] with odd sides, not {shape}")
