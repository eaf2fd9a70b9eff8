"""Light through a guide by the split-step Fourier method.

The paraxial equation with the Kerr effect, for a field E whose square is intensity, is

    dE/dz = i/(2k) ∇²E - i k ω² r²/2 E + i (2π n2/λ) |E|² E - α E.

Usual splitting takes diffraction apart from the parabola of the index and errs by both.  The two
together are a harmonic oscillator though, for which the phases of a splitting can be chosen so that
it is exact at any step h:

    exp(h (diffraction + index)) = P(tan(ωh/2)) D(sin(ωh)) P(tan(ωh/2)),

where P(t) is the phase -kω t r²/2 at a point and D(s) the phase -q² s/(2kω) at a transverse
wavenumber q.  P and the Kerr effect are both phases at a point, so they are applied together.  What
is left to err is the Kerr effect against the guide, by Strang's symmetric splitting to second
order; without the Kerr effect a guide takes no more steps than its sampling asks for.

Source: Agrawal 2019, section 2.4; Bader and Blanes, Phys. Rev. E 83, 046711 (2011) for the exact
splitting of an oscillator.
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Complex
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.optics.guide import Absorber, Grid, Guide

# Samples at once: so many of 32 x 32 stay in the cache of a core.
_POINTS_AT_ONCE = 65_536
# Steps longer than this part of a swing would need finer grids than the light itself.
_LONGEST = math.pi / 4


@dataclass(frozen=True)
class Span:
    """A length of guide, and how it is gone through.

    Attributes:
        grid: points across.
        guide: what light goes through.
        length: in metres.
        steps: along it.
        absorber: at the rim of the grid; None and what leaves on one side comes in on the other.

    Raises:
        LearningError: length or steps are not positive, or steps are longer than an eighth of a
            swing (4 steps to a self-image).
    """

    grid: Grid
    guide: Guide
    length: float
    steps: int
    absorber: Absorber | None = None

    def __post_init__(self) -> None:
        if not 0 < self.length < math.inf or self.steps < 1:
            raise LearningError(
                f"a span has a positive length in metres and 1 step or more, not "
                f"{self.length} and {self.steps}"
            )
        # Rounded, so that a whole number of periods takes a whole number of steps.
        least = math.ceil(round(self.length * self.guide.swing / _LONGEST, 9))
        if self.steps < least:
            raise LearningError(
                f"{self.steps} steps are too few for {self.length} m of this guide: take {least} "
                f"or more"
            )


class _Masks(NamedTuple):
    """What a field is multiplied by, all ready.

    Attributes:
        diffraction: of a step, at wavenumbers.
        ends: at points, of half a step, before the first and after the last.
        within: at points, of a whole step, between two.
        ends_kerr: phase by intensity, likewise.
        within_kerr: likewise.
    """

    diffraction: Tensor
    ends: Tensor
    within: Tensor
    ends_kerr: Tensor
    within_kerr: Tensor


@torch.no_grad()
def propagate(field: Complex[Tensor, "b y x"], span: Span) -> Complex[Tensor, "b y x"]:
    """The field at the end of a span.  No graph is kept: it is as opaque as the thing itself.

    Args:
        field: at its beginning, in sqrt(W)/m; complex64, or complex128 for more precision.
        span: the guide, its length and the steps along it.

    Raises:
        LearningError: the field is not complex or not of the span's grid.

    Source: see the module.
    """
    points = span.grid.points
    if field.ndim != 3 or tuple(field.shape[1:]) != (points, points):
        raise LearningError(
            f"the grid has {points} x {points} points, the field {tuple(field.shape)}"
        )
    if field.dtype not in (torch.complex64, torch.complex128):
        raise LearningError(f"a field is complex64 or complex128, not {field.dtype}")
    masks = _masks(span, field.dtype, field.device)
    if not len(field):
        return field.clone()
    at_once = max(1, _POINTS_AT_ONCE // points**2)
    parts = [_through(part, masks, span) for part in field.split(at_once)]
    return torch.cat(parts)


def _through(field: Tensor, masks: _Masks, span: Span) -> Tensor:
    kerr = span.guide.kerr != 0
    before = field
    field = _at_points(field.clone(), masks.ends, masks.ends_kerr, kerr)
    for left in range(span.steps, 0, -1):
        field = torch.fft.ifft2(torch.fft.fft2(field).mul_(masks.diffraction))
        last = left == 1
        field = _at_points(
            field,
            masks.ends if last else masks.within,
            masks.ends_kerr if last else masks.within_kerr,
            kerr,
        )
    if field.dtype == torch.complex64 and span.absorber is None:
        # FFTs in single precision lose some 1e-7 of the energy of rough fields a step, always down.
        field.mul_(_norm(before).div_(_norm(field).clamp_(min=1e-30))[:, None, None])
    return field


def _norm(field: Tensor) -> Tensor:
    return torch.linalg.vector_norm(torch.view_as_real(field), dim=(1, 2, 3))


def _at_points(field: Tensor, mask: Tensor, rate: Tensor, kerr: bool) -> Tensor:
    """The phases of index and Kerr effect, in place."""
    if kerr:
        # The product with the conjugate is several times faster than abs().
        phase = (field * field.conj()).real * rate
        field.mul_(torch.complex(phase.cos(), phase.sin_()))
    return field.mul_(mask)


@functools.lru_cache(maxsize=64)
def _masks(span: Span, dtype: torch.dtype, device: torch.device) -> _Masks:
    # In double precision first: phases at the rim are of many turns.
    guide, step = span.guide, span.length / span.steps
    k, swing = guide.wavenumber, guide.swing
    angle = swing * step
    reach = math.sin(angle) / swing if swing else step
    diffraction = _turn(-span.grid.squared_wavenumber() * reach / (2 * k))
    index = -k * swing * math.tan(angle / 2) / 2 * span.grid.squared_radius()
    loss = span.absorber.rates(span.grid) if span.absorber else torch.zeros_like(index)
    real = dtype.to_real()

    def points(share: float) -> tuple[Tensor, Tensor]:
        """Phases and loss at points over a share of a step, and what intensity adds to them."""
        length = share * step
        mask = _turn(2 * share * index) * torch.exp(-loss * length)
        # Intensity falls over the step: the integral of exp(-2αz).
        mean = torch.where(loss > 0, -torch.expm1(-2 * loss * length) / (2 * loss), length)
        return mask.to(device, dtype), (guide.kerr_rate * mean).to(device, real)

    ends, ends_kerr = points(0.5)
    within, within_kerr = points(1.0)
    return _Masks(diffraction.to(device, dtype), ends, within, ends_kerr, within_kerr)


def _turn(phase: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(phase), phase)
