"""Both ends of an optical transform: the modulator that writes numbers on light, and the camera."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.optics.guide import Grid


@dataclass(frozen=True)
class Modulator:
    """Writes a row of numbers on a beam, as phases of a square image.

    Numbers fill the least square that holds them, row by row, and zeros fill the rest of it.

    Attributes:
        depth: phase of a 1, in radians.
        extent: side of the image on the beam, in metres.

    Raises:
        LearningError: extent is not positive, or depth not finite.
    """

    depth: float = math.pi / 2
    extent: float = 44e-6

    def __post_init__(self) -> None:
        if not 0 < self.extent < math.inf or not math.isfinite(self.depth):
            raise LearningError(f"a modulator has a finite depth and an extent, not {self}")

    def phases(self, x: Float[Tensor, "b feature"], grid: Grid) -> Float[Tensor, "b y x"]:
        """What light gains at every point of a grid, in radians, smoothly from pixel to pixel.

        Args:
            x: numbers, from 0 to 1 if depth is to mean what it says.
            grid: points of the beam.
        """
        side = square_side(x.shape[1])
        image = torch.nn.functional.pad(x, (0, side**2 - x.shape[1])).view(-1, side, side)
        onto = _tents(grid, self.extent, side).to(x.device, x.dtype)
        return self.depth * (onto @ image @ onto.T)


@dataclass(frozen=True)
class Camera:
    """Sees intensity, as means over square pixels.

    Attributes:
        pixels: a side.
        extent: side of what it sees, in metres; around the axis.
        photons: that a pixel catches at the mean intensity of the input over the extent, for shot
            noise; None for a camera without it.
        bits: of its converter, whose full scale is `ceiling`; None for unrounded numbers.
        ceiling: full scale, in units of that mean intensity.

    Raises:
        LearningError: a number is not positive.
    """

    pixels: int = 14
    extent: float = 50e-6
    photons: float | None = None
    bits: int | None = None
    ceiling: float = 8.0

    def __post_init__(self) -> None:
        asked = (self.pixels, self.extent, self.photons, self.bits, self.ceiling)
        if not all(0 < x < math.inf for x in asked if x is not None):
            raise LearningError(f"numbers of a camera are positive, not as in {self}")

    def see(
        self,
        field: Complex[Tensor, "b y x"],
        grid: Grid,
        power: float,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b pixel"]:
        """Intensities, where 1 is the input's power spread evenly over the extent.

        Args:
            field: light, in sqrt(W)/m.
            grid: its points.
            power: of the input, in watts.
            generator: of shot noise.

        Raises:
            LearningError: there is noise and no generator.
        """
        intensity = (field * field.conj()).real
        boxes = _boxes(grid, self.extent, self.pixels).to(intensity.device, intensity.dtype)
        seen = (boxes @ intensity @ boxes.T).flatten(1).mul_(self.extent**2 / power)
        return self.read(seen, generator)

    def read(
        self, seen: Float[Tensor, "b pixel"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b pixel"]:
        """What the electronics make of intensities: noise, then as many levels as there are.

        Args:
            seen: in units of the mean intensity.
            generator: of shot noise.

        Raises:
            LearningError: there is noise and no generator.
        """
        if self.photons is not None:
            if generator is None:
                raise LearningError("shot noise is drawn from a generator: give one")
            seen = torch.poisson(seen * self.photons, generator) / self.photons
        if self.bits is not None:
            levels = (2**self.bits - 1) / self.ceiling
            seen = (seen.clamp(max=self.ceiling) * levels).round_() / levels
        return seen


def square_side(number: int) -> int:
    """Side of the least square that holds so many pixels."""
    return math.isqrt(max(number, 1) - 1) + 1


def _tents(grid: Grid, extent: float, side: int) -> Float[Tensor, "points side"]:
    """Weights of an image's pixels at a grid's points: linear between pixels, means of many."""
    pixel = extent / side
    centres = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * pixel
    distance = (grid.axis()[:, None] - centres[None, :]).abs()
    width = max(pixel, grid.spacing)
    weights = (1 - distance / width).clamp(min=0)
    # Where points lie further apart than pixels, several of these share one.
    return weights * (pixel / width)


def _boxes(grid: Grid, extent: float, side: int) -> Float[Tensor, "side points"]:
    """Share of each pixel that each point of the grid covers."""
    pixel = extent / side
    begin = (torch.arange(side, dtype=torch.float64) - side / 2)[:, None] * pixel
    axis = grid.axis()[None, :]
    high = torch.minimum(begin + pixel, axis + grid.spacing / 2)
    low = torch.maximum(begin, axis - grid.spacing / 2)
    return (high - low).clamp(min=0) / pixel
