"""Fixed optical transforms for between the layers of a network: a fibre, and a random medium.

All take rows of numbers to rows of numbers, by one interface, and keep no graph: they stand for a
thing on a table that cannot be differentiated.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.optics.ends import Camera, Modulator
from unfrozen.learning.optics.guide import Absorber, Grid, Guide, gaussian
from unfrozen.learning.optics.propagation import Span, propagate


@dataclass(frozen=True)
class FibreSettings:
    """A beam, what is written on it, the fibre it goes through, and what sees it.

    Attributes:
        modulator: at the input.
        camera: at the output.
        b: B-integral of the beam, in radians, which says how strong the Kerr effect is: the phase
            that the axis of the unmodulated beam would gain if it kept its width; 0 for a linear
            fibre.  `power` says it in watts.
        waist: of the beam, in metres.
        length: of the fibre, in metres.
        steps: along it.
        guide: the fibre across.
        grid: points across.
        absorber: around them.

    As they are, the fibre is three quarters of a self-image long, the Kerr effect changes images of
    digits by a quarter, and halving the step changes them by less than a hundredth.

    Raises:
        LearningError: b is negative, or an image does not fit on the grid.

    Source: Oguz et al. 2023 for the arrangement.  Their five metres are 9,000 self-images: here a
        short fibre stands for it, with a Kerr effect that is as strong by more power.
    """

    modulator: Modulator = field(default_factory=Modulator)
    camera: Camera = field(default_factory=Camera)
    b: float = 0.14
    waist: float = 20e-6
    length: float = 0.427e-3
    steps: int = 42
    guide: Guide = field(default_factory=Guide)
    grid: Grid = field(default_factory=Grid)
    absorber: Absorber | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.b) or self.b < 0:
            raise LearningError(f"a B-integral is not negative, not {self.b}")
        widest = max(self.modulator.extent, self.camera.extent)
        if widest > self.grid.width * (1 + 1e-9):
            raise LearningError(f"an image of {widest} m does not fit on {self.grid.width} m")

    @property
    def power(self) -> float:
        """Of the beam, in watts; 1 of a linear fibre, in which it does not matter."""
        return self.guide.power(self.b, self.waist, self.length) if self.b else 1.0

    @property
    def span(self) -> Span:
        """What light goes through."""
        guide = self.guide if self.b else replace(self.guide, kerr=0.0)
        return Span(self.grid, guide, self.length, self.steps, self.absorber)

    def at_power(self, power: float) -> "FibreSettings":
        """The same with a beam of so many watts."""
        return replace(self, b=self.guide.b_integral(power, self.waist, self.length))

    def linear(self) -> "FibreSettings":
        """The same without the Kerr effect."""
        return replace(self, b=0.0)


class Fibre(nn.Module):
    """Phase-modulated light through a multimode fibre onto a camera.

    Args:
        settings: all of it.
        generator: of the camera's shot noise, if it has any.

    Example:
        >>> fibre = Fibre(FibreSettings(b=0.14, camera=Camera(pixels=14)))
        >>> fibre(torch.zeros(3, 784)).shape
        torch.Size([3, 196])
    """

    def __init__(
        self,
        settings: FibreSettings = FibreSettings(),
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.generator = generator
        # Such as whether steps are enough: not at the first batch only.
        self._span, self._power = settings.span, settings.power
        self.features = settings.camera.pixels**2
        """How many numbers a camera image has."""

    @torch.no_grad()
    def forward(self, x: Float[Tensor, "b feature"]) -> Float[Tensor, "b pixel"]:
        """Camera images of samples, detached; 1 is the beam spread evenly over the camera.

        Args:
            x: numbers that become phases, from 0 to 1 if depth is to mean what it says.

        Raises:
            LearningError: x is not rows of numbers.
        """
        field = propagate(self.field(x), self._span)
        settings = self.settings
        seen = settings.camera.see(field, settings.grid, self._power, self.generator)
        return seen.to(x.dtype)

    @torch.no_grad()
    def field(self, x: Float[Tensor, "b feature"]) -> Complex[Tensor, "b y x"]:
        """The modulated beam at the beginning of the fibre, in sqrt(W)/m.

        Args:
            x: as for `forward`.
        """
        settings = self.settings
        phases = settings.modulator.phases(_rows(x), settings.grid)
        beam = gaussian(settings.grid, settings.waist, self._power).to(phases.device, phases.dtype)
        return torch.complex(beam * phases.cos(), beam * phases.sin())

    def extra_repr(self) -> str:
        """As printed."""
        return f"b={self.settings.b}, length={self.settings.length}, pixels={self.features}"


class RandomMedium(nn.Module):
    """Phase-modulated light through a fixed random matrix onto a camera: a control for a fibre.

    It mixes as thoroughly as can be, linearly, and knows of no neighbourhoods.

    Args:
        features: numbers of a sample.
        settings: modulator and camera are used, but not what they say of places.
        seed: of the matrix.
        kind: gaussian has independent complex entries; unitary has orthonormal rows or columns,
            as a medium without loss.
        generator: of the camera's shot noise, if it has any.

    Raises:
        LearningError: there are no features, or the kind is unknown.

    Source: Saade et al., ICASSP 2016, for random matrices of scattering media.
    """

    matrix: Tensor

    def __init__(
        self,
        features: int,
        settings: FibreSettings = FibreSettings(),
        *,
        seed: int,
        kind: Literal["gaussian", "unitary"] = "gaussian",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if features < 1 or kind not in ("gaussian", "unitary"):
            raise LearningError(
                f"a random medium has features and is gaussian or unitary, not {features}, {kind!r}"
            )
        self.settings = settings
        self.generator = generator
        self.features = settings.camera.pixels**2
        """How many numbers a camera image has."""
        source = torch.Generator().manual_seed(seed)
        shape = (features, self.features)
        drawn = torch.randn(shape, dtype=torch.complex64, generator=source, device="cpu")
        if kind == "unitary":
            tall = drawn if features >= self.features else drawn.mT
            q, r = torch.linalg.qr(tall)
            # By the phases of R, as uniformly distributed as the unitary group asks.
            q = q * torch.sgn(torch.diagonal(r))
            drawn = (q if features >= self.features else q.mT) * math.sqrt(max(shape))
        # A mean intensity of 1, as of a fibre whose light all meets the camera.
        self.register_buffer("matrix", drawn / math.sqrt(features), persistent=False)

    @torch.no_grad()
    def forward(self, x: Float[Tensor, "b feature"]) -> Float[Tensor, "b pixel"]:
        """Camera images of samples, detached.

        Args:
            x: numbers that become phases.

        Raises:
            LearningError: x is not rows of so many numbers.
        """
        if _rows(x).shape[1] != len(self.matrix):
            raise LearningError(f"the medium takes {len(self.matrix)} features, not {x.shape[1]}")
        phases = self.settings.modulator.depth * _rows(x)
        light = torch.polar(torch.ones_like(phases), phases)
        field = light @ self.matrix.to(light.dtype)
        seen = (field * field.conj()).real
        return self.settings.camera.read(seen, self.generator).to(x.dtype)


def _rows(x: Tensor) -> Tensor:
    """Samples in a precision that has complex numbers."""
    if x.ndim != 2 or not x.is_floating_point():
        raise LearningError(f"samples are rows of real numbers, not {tuple(x.shape)} of {x.dtype}")
    x = x.detach()
    return x if x.dtype == torch.float64 else x.float()
