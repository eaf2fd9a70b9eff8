"""The lattice that fields form: its spacing and its orientation, from the nearest peaks."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.components import flooded
from unfrozen.hippocampus.cells.grids.rings import check

CENTRAL = 0.2
"""The central field of an autocorrelogram is what is above this and hangs together with lag 0."""

_LOWEST = 0.1
_CHUNK = 4096


class Peaks(NamedTuple):
    """The peaks of autocorrelograms about the central field, the nearest first.

    Attributes:
        offsets: x and y from the centre, in bins; NaN where there are fewer.
        found: how many there are at all.
    """

    offsets: Float[Tensor, "unit peak 2"]
    found: Int[Tensor, " unit"]


class Lattice(NamedTuple):
    """The lattice of a unit's fields; NaN of units with too few peaks.

    Attributes:
        spacing: median distance of neighbouring fields, in the unit of the pixel.
        orientation: of the lattice, in degrees anticlockwise from the x axis, below 360 degrees
            divided by the symmetry.
        distortion: longest distance by shortest, among the nearest peaks; 1 for a regular one.
        peaks: x and y of the nearest peaks from the centre, in the unit of the pixel.
    """

    spacing: Float[Tensor, " unit"]
    orientation: Float[Tensor, " unit"]
    distortion: Float[Tensor, " unit"]
    peaks: Float[Tensor, "unit peak 2"]


def lattice(
    autocorrelograms: Float[Tensor, "unit row column"],
    symmetry: int = 6,
    pixel: float = 1.0,
) -> Lattice:
    """Spacing and orientation of the fields of each unit, from the nearest peaks.

    Args:
        autocorrelograms: of maps with rows along y, lowest first.
        symmetry: 6 for hexagonal lattices, 4 for square ones: as many peaks are taken.
        pixel: side of a bin.

    Raises:
        MapError: the autocorrelograms have another shape, or the symmetry is neither.

    Source: Hafting et al. 2005 for spacing and orientation.
    """
    if symmetry not in (4, 6):
        raise MapError(f"lattices are square (4) or hexagonal (6), not {symmetry}")
    offsets = nearest_peaks(autocorrelograms, symmetry).offsets * pixel
    away = offsets.norm(dim=-1)
    angle = torch.atan2(offsets[..., 1], offsets[..., 0]) * symmetry
    turn = 2 * math.pi
    mean = torch.atan2(angle.sin().mean(1), angle.cos().mean(1)) % turn
    # A turn that is one by a rounding is none.
    mean = torch.where(turn - mean < 1e-5, 0, mean)
    return Lattice(
        # The median of an even number of peaks is between the two in the middle.
        spacing=away.sort(1).values[:, symmetry // 2 - 1 : symmetry // 2 + 1].mean(1),
        orientation=mean.rad2deg() / symmetry,
        distortion=away.amax(1) / away.amin(1),
        peaks=offsets,
    )


def nearest_peaks(autocorrelograms: Float[Tensor, "unit row column"], count: int) -> Peaks:
    """The peaks nearest to the centre, without the central field.

    A peak is above 0.1 and above the eight bins about it; where it lies between bins is the top of
    a parabola in either direction.

    Args:
        autocorrelograms: NaN is no peak.
        count: how many.

    Raises:
        MapError: the autocorrelograms have another shape.
    """
    check(autocorrelograms)
    parts = [_nearest(part, count) for part in autocorrelograms.split(_CHUNK)]
    return Peaks(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _nearest(autocorrelograms: Tensor, count: int) -> Peaks:
    rows, columns = autocorrelograms.shape[1:]
    s = autocorrelograms.nan_to_num(nan=-2.0)
    around = torch.nn.functional.pad(s, (1, 1, 1, 1), value=-2.0)
    peak = (s > _LOWEST) & ~central_field(autocorrelograms)
    for dy, dx in ((a, b) for a in range(3) for b in range(3) if (a, b) != (1, 1)):
        other = around[:, dy : dy + rows, dx : dx + columns]
        # Of two bins that are the same, the first is the peak.
        peak &= s > other if (dy, dx) < (1, 1) else s >= other
    # At the rim nothing tells a peak from a slope that goes on.
    peak[:, [0, -1]] = False
    peak[:, :, [0, -1]] = False
    dy = _top(*(around[:, k : k + rows, 1:-1] for k in range(3)))
    dx = _top(*(around[:, 1:-1, k : k + columns] for k in range(3)))
    y = torch.arange(rows, device=s.device)[:, None] - (rows - 1) / 2 + dy
    x = torch.arange(columns, device=s.device) - (columns - 1) / 2 + dx
    away = torch.where(peak, torch.hypot(y, x), math.inf).flatten(1)
    short = max(0, count - away.shape[1])
    distance, at = torch.nn.functional.pad(away, (0, short), value=math.inf).topk(
        count, dim=1, largest=False
    )
    at = at.clamp(max=rows * columns - 1)
    offsets = torch.stack([m.flatten(1).gather(1, at) for m in (x, y)], -1)
    offsets = torch.where(distance.isfinite()[..., None], offsets, math.nan)
    return Peaks(offsets.to(autocorrelograms.dtype), peak.sum((1, 2)))


def _top(before: Tensor, at: Tensor, after: Tensor) -> Tensor:
    bend = before - 2 * at + after
    shift = (before - after) / (2 * bend)
    # Next to the unknown, and on a plateau, there is no parabola.
    known = (before > -1.5) & (after > -1.5) & (bend < 0)
    return torch.where(known, shift.clamp(-0.5, 0.5), 0)


def central_field(
    autocorrelograms: Float[Tensor, "unit row column"], threshold: float = CENTRAL
) -> Bool[Tensor, "unit row column"]:
    """The bins that hang together with lag 0 above a threshold."""
    return flooded(autocorrelograms > threshold)


def central_radius(
    autocorrelograms: Float[Tensor, "unit row column"], threshold: float = CENTRAL
) -> Float[Tensor, " unit"]:
    """The radius in bins of a disc as large as the central field."""
    area = central_field(autocorrelograms, threshold).sum((1, 2)).to(autocorrelograms.dtype)
    return (area / math.pi).sqrt()
