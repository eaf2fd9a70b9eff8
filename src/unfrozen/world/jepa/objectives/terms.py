"""What latents are trained for, a pure function a term.

z are latents, in time order within a window; ẑ are predictions of them; a are actions.  Means are
taken over features too, so that a weight means the same at any width.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError


def starts(steps: int, horizon: int, stride: int) -> range:
    """At which steps of a window predictions begin.

    Args:
        steps: t, of the window.
        horizon: K, steps that each prediction goes on for.
        stride: steps between two starts.

    Raises:
        WorldError: no prediction of that length fits into the window.

    Example:
        >>> list(starts(17, horizon=8, stride=4))
        [0, 4, 8]
    """
    if min(horizon, stride) < 1 or steps <= horizon:
        raise WorldError(
            f"{horizon} steps cannot be predicted every {stride} in a window of {steps}: take a "
            "longer window or a shorter horizon"
        )
    return range(0, steps - horizon, stride)


def ahead(
    sequence: Float[Tensor, "b t d"], horizon: int, stride: int, skip: int
) -> Float[Tensor, "b s k d"]:
    """The pieces of a sequence that predictions need, a piece for each start.

    Args:
        sequence: latents, or actions, of windows.
        horizon: k, length of each piece.
        stride: steps between two starts.
        skip: where the first piece begins: 1 for latents to be predicted, 0 for actions.
    """
    return sequence[:, skip:].unfold(1, horizon, stride).mT


def prediction(
    predicted: Float[Tensor, "b s k d"], targets: Float[Tensor, "b s k d"]
) -> Float[Tensor, ""]:
    """Mean over steps k, starts s and features of (ẑ - z)².

    The gradient goes into whatever side carries one: into both, or, with detached targets, into the
    predictions alone.

    Source: Assran et al. 2023 (I-JEPA); over several steps, Sobal et al. 2025 (PLDM).
    """
    return (predicted - targets).square().mean()


def variance(
    latents: Float[Tensor, "... n d"], floor: float = 1.0, eps: float = 1e-4
) -> Float[Tensor, ""]:
    """Mean over features of max(0, floor - sqrt(var + eps)): each is to vary, over the n samples.

    Args:
        latents: samples; what comes before are groups, averaged.
        floor: γ, the standard deviation that is enough.
        eps: keeps the root from zero, where its gradient has no end.

    Raises:
        WorldError: there is one sample only.

    Source: Bardes et al. 2022 (VICReg), eq. 1 and 2.
    """
    _several(latents)
    return (floor - (latents.var(-2) + eps).sqrt()).relu().mean()


def covariance(latents: Float[Tensor, "... n d"]) -> Float[Tensor, ""]:
    """Mean over pairs i ≠ j of C_ij², with C the covariance of features over the n samples.

    The paper divides the sum by d, not by the d (d - 1) pairs: its term is this times d - 1.

    Args:
        latents: samples; what comes before are groups, averaged.

    Raises:
        WorldError: there is one sample only, or one feature.

    Source: Bardes et al. 2022 (VICReg), eq. 3 and 4.
    """
    _several(latents)
    n, d = latents.shape[-2:]
    if d < 2:
        raise WorldError("one feature has no covariance with another: take two or more")
    centred = latents - latents.mean(-2, keepdim=True)
    squares = (centred.mT @ centred / (n - 1)).square()
    off = squares.sum((-2, -1)) - squares.diagonal(dim1=-2, dim2=-1).sum(-1)
    return off.mean() / (d * (d - 1))


def time_similarity(latents: Float[Tensor, "b t d"]) -> Float[Tensor, ""]:
    """Mean of (z_(t+1) - z_t)²: what lies close in time is to lie close.

    Source: Sobal et al. 2025 (PLDM).
    """
    return latents.diff(dim=1).square().mean()


def inverse_dynamics(
    guessed: Float[Tensor, "b t a"], actions: Float[Tensor, "b t a"]
) -> Float[Tensor, ""]:
    """Mean of (a - f(z_t, z_(t+1)))²: latents are to tell what was done.

    It keeps what the actions move, where regularisers are content with a background that varies.

    Source: Pathak et al. 2017; Sobal et al. 2025 (PLDM).
    """
    return (guessed - actions).square().mean()


def place(
    looked: Float[Tensor, "b t n"], active: Float[Tensor, "b t n"], eps: float = 1e-6
) -> Float[Tensor, ""]:
    """Mean of KL(where something is seen | where the map is asked), in nats.

    Whether walls hold is learnt from the few steps that hit one, and only by a model that reads the
    map where it is; this tells it where that is at every step, from pixels alone.

    Args:
        looked: attention of latents, over n places of a map.
        active: share of what is seen of the dynamics that lies at each place.
        eps: keeps logarithms finite.
    """
    return (active * ((active + eps) / (looked + eps)).log()).sum(-1).mean()


def _several(latents: Tensor) -> None:
    if latents.shape[-2] < 2:
        raise WorldError("statistics of latents take two samples or more")


@torch.no_grad()
def follow(averaged: list[Tensor], online: list[Tensor], tau: float) -> None:
    """θ̄ <- τ θ̄ + (1 - τ) θ, in place: an encoder that follows another as a moving average.

    Args:
        averaged: θ̄, parameters of the encoder of targets.
        online: θ, those that are trained, in the same order.
        tau: τ, share that is kept.

    Raises:
        WorldError: τ is no share.

    Source: Grill et al. 2020 (BYOL), eq. 1.

    Example:
        >>> slow = torch.tensor([1.0])
        >>> follow([slow], [torch.tensor([0.0])], tau=0.75)
        >>> slow
        tensor([0.7500])
    """
    if not 0 <= tau <= 1:
        raise WorldError(f"a moving average keeps a share of 0 to 1, not {tau}")
    for slow, fast in zip(averaged, online, strict=True):
        slow.lerp_(fast, 1 - tau)
