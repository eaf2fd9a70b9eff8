"""SIGReg: latents pushed towards an isotropic Gaussian, one random direction at a time.

By Cramér and Wold, a distribution is the standard Gaussian when its projection on every direction
is.  Along each of M random unit directions, the characteristic function of the projected latents is
compared with that of a Gaussian, as Epps and Pulley do:

    SIGReg(Z) = mean over directions u of  n ∫ w(t) |φ_u(t) - exp(-t²/2)|² dt,
    φ_u(t) = mean over samples of exp(i t u·z),   w(t) = exp(-t²/2),

over t in [-3, 3], by the trapezoid rule on 17 knots of [0, 3], since both halves are equal.

Source: Balestriero and LeCun 2025 (LeJEPA); Epps and Pulley 1983.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError


@dataclass(frozen=True)
class SigregSettings:
    """How latents are compared with a Gaussian.

    Attributes:
        directions: M, drawn anew at each call.  64 do for 64 features; 256 cost more than a small
            encoder does.
        knots: of the trapezoid rule.
        largest: t up to which is integrated.
    """

    directions: int = 64
    knots: int = 17
    largest: float = 3.0

    def __post_init__(self) -> None:
        if self.directions < 1 or self.knots < 2 or not 0 < self.largest < math.inf:
            raise WorldError(
                "SIGReg takes a direction, two knots and a positive range at least, not "
                f"{self.directions}, {self.knots} and {self.largest}"
            )


def draw_directions(
    width: int, number: int, generator: torch.Generator, like: Tensor
) -> Float[Tensor, "d m"]:
    """Unit directions, uniform on the sphere.

    Args:
        width: d, features of a latent.
        number: m, of directions.
        generator: draws them.
        like: whose device and dtype they are to have.
    """
    drawn = torch.randn(width, number, generator=generator, device=generator.device)
    return (drawn / drawn.norm(dim=0)).to(like)


def sigreg(
    latents: Float[Tensor, "... n d"],
    directions: Float[Tensor, "d m"],
    settings: SigregSettings = SigregSettings(),
) -> Float[Tensor, ""]:
    """How far latents are from an isotropic Gaussian.

    Args:
        latents: n samples of d features; what comes before are groups that are compared each by
            itself, such as time steps, and averaged.
        directions: unit vectors to project on.
        settings: knots and range.

    Raises:
        WorldError: directions have another width, or there is only one sample.

    Source: Balestriero and LeCun 2025 (LeJEPA).
    """
    if latents.shape[-1] != len(directions) or latents.shape[-2] < 2:
        raise WorldError(
            f"SIGReg takes two samples or more of {len(directions)} features, not "
            f"{list(latents.shape)}"
        )
    return _EppsPulley.apply(latents @ directions, settings.knots, settings.largest)


def gaussian_level(settings: SigregSettings = SigregSettings()) -> float:
    """What SIGReg gives on average for samples of a Gaussian: the level at which there is no more.

    n E|φ - exp(-t²/2)|² = 1 - exp(-t²) for any number of samples, so it is the integral of
    w(t) (1 - exp(-t²)).

    Example:
        >>> round(gaussian_level(), 2)
        1.05
    """
    t, weights = _rule(settings.knots, settings.largest, torch.zeros((), dtype=torch.float64))
    return float((weights * (1 - torch.exp(-t.square()))).sum())


def _rule(knots: int, largest: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """Knots on [0, largest], and weights of both halves with the window in them."""
    t = torch.linspace(0, largest, knots, dtype=like.dtype, device=like.device)
    weights = torch.full_like(t, 2 * largest / (knots - 1))
    weights[0] /= 2
    weights[-1] /= 2
    return t, weights * torch.exp(-t.square() / 2)


class _EppsPulley(torch.autograd.Function):
    """The mean over groups and directions of projections [... n m], with its gradient.

    Knots are evenly spaced, so that exp(i t z) at each is that at the one before times exp(i δ z):
    one sine and cosine a projection instead of one a knot, and nothing kept between.
    """

    @staticmethod
    def forward(ctx: Any, projected: Tensor, knots: int, largest: float) -> Tensor:
        t, weights = _rule(knots, largest, projected)
        target = torch.exp(-t.square() / 2)
        n = projected.shape[-2]
        cos, sin = [], []
        for real, imaginary in _powers(projected, knots, largest):
            cos.append(real.mean(-2))
            sin.append(imaginary.mean(-2))
        real = torch.stack(cos, -1) - target
        imaginary = torch.stack(sin, -1)
        groups = real[..., 0].numel()
        ctx.save_for_backward(projected, 2 * weights * t * real, 2 * weights * t * imaginary)
        ctx.knots, ctx.largest, ctx.groups = knots, largest, groups
        return n * ((real.square() + imaginary.square()) @ weights).sum() / groups

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        # d/dz of n w |φ - target|² is 2 w t (-Re sin(tz) + Im cos(tz)): n cancels the mean's 1/n.
        projected, real, imaginary = ctx.saved_tensors
        gradient = torch.zeros_like(projected)
        for k, (cos, sin) in enumerate(_powers(projected, ctx.knots, ctx.largest)):
            gradient.addcmul_(cos, imaginary[..., k].unsqueeze(-2))
            gradient.addcmul_(sin, real[..., k].unsqueeze(-2), value=-1)
        return gradient * (grads[0] / ctx.groups), None, None


def _powers(projected: Tensor, knots: int, largest: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Cosines and sines of t z, knot after knot."""
    step = largest / (knots - 1) * projected
    cos, sin = step.cos(), step.sin()
    real, imaginary = torch.ones_like(cos), torch.zeros_like(sin)
    yield real, imaginary
    for _ in range(knots - 1):
        turned = real * cos - imaginary * sin
        imaginary = torch.addcmul(real * sin, imaginary, cos)
        real = turned
        yield real, imaginary
