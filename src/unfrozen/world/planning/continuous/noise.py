"""Noise that is correlated in time: candidates that go somewhere rather than tremble."""

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError


def correlated_noise(
    shape: tuple[int, int, int],
    correlation: float,
    generator: torch.Generator | None = None,
    *,
    like: Tensor | None = None,
) -> Float[Tensor, "n t a"]:
    """AR(1) noise of unit variance: e_0 = w_0, then e_t = beta e_{t-1} + sqrt(1 - beta^2) w_t.

    Two steps k apart correlate by beta^k.

    Args:
        shape: rows, times, numbers of an action.
        correlation: beta; 0 is white noise.
        generator: draws w.
        like: whose dtype and device to take.

    Raises:
        WorldError: beta is not in [0, 1).
    """
    n, t, a = shape
    dtype = torch.get_default_dtype() if like is None else like.dtype
    device = None if like is None else like.device
    white = torch.randn(n, t, a, generator=generator, dtype=dtype, device=device)
    return filter_of(t, correlation).to(white) @ white


def filter_of(t: int, correlation: float) -> Float[Tensor, "t t"]:
    """The lower triangle L that turns white noise into AR(1) noise: (L L^T)_{ij} = beta^|i - j|.

    Raises:
        WorldError: beta is not in [0, 1).
    """
    if not 0 <= correlation < 1:
        raise WorldError(f"noise correlates by a number from 0 to below 1, not by {correlation}")
    at = torch.arange(t, dtype=torch.float64)
    powers = torch.as_tensor(correlation, dtype=torch.float64) ** (at[:, None] - at).clamp(min=0)
    fresh = torch.full((t,), (1 - correlation**2) ** 0.5, dtype=torch.float64)
    fresh[:1] = 1.0
    return (powers * fresh).tril()
