"""Guides of light in SI units, and the grid across them on which light is known."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import LearningError


@dataclass(frozen=True)
class Grid:
    """A square of points across a guide, with its middle at the middle point.

    Attributes:
        points: a side; powers of two are transformed the fastest.
        spacing: between points, in metres.  Light is known up to the slope λ / (2 spacing).

    Raises:
        LearningError: there are fewer than two points, or no space between them.
    """

    points: int = 32
    spacing: float = 2e-6

    def __post_init__(self) -> None:
        if self.points < 2 or not 0 < self.spacing < math.inf:
            raise LearningError(
                f"a grid has 2 points or more and a positive spacing in metres, not {self}"
            )

    @property
    def width(self) -> float:
        """Of the whole window, in metres."""
        return self.points * self.spacing

    def axis(self) -> Float[Tensor, " points"]:
        """Positions along a side, in metres, in float64."""
        return (torch.arange(self.points, dtype=torch.float64) - self.points // 2) * self.spacing

    def squared_radius(self) -> Float[Tensor, "points points"]:
        """Squared distances from the middle, in square metres, in float64."""
        return _sum_of_squares(self.axis())

    def squared_wavenumber(self) -> Float[Tensor, "points points"]:
        """Squared transverse wavenumbers in the order of the FFT, in rad²/m², in float64."""
        frequencies = torch.fft.fftfreq(self.points, self.spacing, dtype=torch.float64)
        return _sum_of_squares(2 * math.pi * frequencies)


@dataclass(frozen=True)
class Guide:
    """A fibre whose index falls with the square of the radius: n² = n0² (1 - 2Δ r²/a²).

    In the paraxial approximation light in it is a harmonic oscillator: a beam off the axis swings
    with ω = sqrt(2Δ) / a = NA / (n0 a) radians a metre.  The parabola has no end here; what ends it
    in glass, the cladding at r = a, is an `Absorber`.

    Attributes:
        radius: a of the core, in metres.
        aperture: numerical aperture NA = n0 sqrt(2Δ); 0 for glass without a guide.
        index: n0 on the axis.
        kerr: n2, what the index gains by intensity, in m²/W; 3.2e-20 is silica's.
        wavelength: in vacuum, in metres.

    Raises:
        LearningError: a number is not what it has to be.

    Source: Agrawal, Nonlinear Fiber Optics, 2019, chapters 2 and 14; the defaults are of the 50/125
    fibre with pulses at 1030 nm in Oguz et al. 2023.

    Example:
        >>> f"{Guide().period * 1e3:.2f} mm, {Guide().mode_radius * 1e6:.1f} um"
        '0.57 mm, 6.4 um'
    """

    radius: float = 25e-6
    aperture: float = 0.2
    index: float = 1.45
    kerr: float = 3.2e-20
    wavelength: float = 1.03e-6

    def __post_init__(self) -> None:
        if not all(0 < x < math.inf for x in (self.radius, self.index, self.wavelength)):
            raise LearningError(f"radius, index and wavelength are positive, not as in {self}")
        if not 0 <= self.aperture < self.index or not math.isfinite(self.kerr):
            raise LearningError(
                f"aperture is from 0 to the index, and kerr is finite, not as in {self}"
            )

    @property
    def wavenumber(self) -> float:
        """In the glass, k = 2π n0 / λ, in rad/m."""
        return 2 * math.pi * self.index / self.wavelength

    @property
    def swing(self) -> float:
        """ω, by which beams swing about the axis, in rad/m."""
        return self.aperture / (self.index * self.radius)

    @property
    def period(self) -> float:
        """After which every intensity is back, mirrored at the axis: π / ω, in metres.

        After two of them it is back unmirrored.  Infinite without a guide.
        """
        return math.pi / self.swing if self.swing else math.inf

    @property
    def mode_radius(self) -> float:
        """Where the intensity of the lowest mode is 1/e² of that on the axis, in metres."""
        product = self.wavenumber * self.swing
        return math.sqrt(2 / product) if product else math.inf

    @property
    def kerr_rate(self) -> float:
        """Phase that intensity gains, 2π n2 / λ, in rad/m for each W/m²."""
        return 2 * math.pi * self.kerr / self.wavelength

    @property
    def critical_power(self) -> float:
        """Above which a beam collapses by focusing itself, 0.149 λ² / (n0 n2), in watts.

        Source: Fibich and Gaeta, Opt. Lett. 25, 335 (2000), for a Gaussian beam, 1.8962 / 4π.
        """
        scale = self.index * self.kerr
        return 1.8962 / (4 * math.pi) * self.wavelength**2 / scale if scale > 0 else math.inf

    def b_integral(self, power: float, waist: float, length: float) -> float:
        """Phase of the axis of a Gaussian beam that kept its width: B = 2π n2 I0 L / λ, in radians.

        Args:
            power: P in watts; the intensity on the axis is I0 = 2P / (π w²).
            waist: w, where intensity is 1/e² of that on the axis, in metres.
            length: L in metres.
        """
        return self.kerr_rate * 2 * power / (math.pi * waist**2) * length

    def power(self, b: float, waist: float, length: float) -> float:
        """The power that has this `b_integral`, in watts.

        Raises:
            LearningError: b is not 0 and the guide has no Kerr effect.
        """
        if b == 0:
            return 0.0
        one = self.b_integral(1.0, waist, length)
        if one == 0:
            raise LearningError("no power gives a B-integral in a guide whose kerr is 0")
        return b / one


@dataclass(frozen=True)
class Absorber:
    """A border of the grid that swallows what gets there, so that it does not come in again.

    Attributes:
        width: of the border along each side, in metres.
        rate: by which amplitude falls at the very rim, in 1/m; less with the square of the distance
            to it.

    Raises:
        LearningError: either is not positive.
    """

    width: float
    rate: float = 2e5

    def __post_init__(self) -> None:
        if not (0 < self.width < math.inf and 0 < self.rate < math.inf):
            raise LearningError(f"width and rate of an absorber are positive, not as in {self}")

    def rates(self, grid: Grid) -> Float[Tensor, "points points"]:
        """By which amplitude falls at every point, in 1/m, in float64."""
        half = grid.width / 2
        depth = ((grid.axis().abs() - (half - self.width)) / self.width).clamp(min=0)
        return self.rate * _sum_of_squares(depth)


def gaussian(
    grid: Grid, waist: float, power: float = 1.0, centre: tuple[float, float] = (0.0, 0.0)
) -> Float[Tensor, "points points"]:
    """Amplitude of a Gaussian beam at its waist, in sqrt(W)/m, so that its square is intensity.

    Args:
        grid: where.
        waist: w, where intensity is 1/e² of that on the axis, in metres.
        power: in watts.
        centre: y and x of its axis, in metres.

    Raises:
        LearningError: waist is not positive or power is negative.
    """
    if not waist > 0 or not power >= 0:
        raise LearningError(f"a beam has a waist and no negative power, not {waist} m, {power} W")
    axis = grid.axis()
    y, x = (torch.exp(-(((axis - c) / waist) ** 2)) for c in centre)
    return math.sqrt(2 * power / math.pi) / waist * torch.outer(y, x)


def _sum_of_squares(axis: Tensor) -> Tensor:
    return axis[:, None] ** 2 + axis[None, :] ** 2
