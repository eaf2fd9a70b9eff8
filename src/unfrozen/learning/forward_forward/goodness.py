"""Goodness of activity, and the losses that ask for much of it on what is real."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_EPSILON = 1e-8


def goodness(activity: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
    """Sum of the squares of a layer's activity, a number a sample.

    Source: Hinton 2022, section 2.

    Example:
        >>> import torch
        >>> goodness(torch.tensor([[3.0, 4.0]]))
        tensor([25.])
    """
    return activity.flatten(1).square().sum(1)


def of_one_length(activity: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
    """Activity scaled to a root mean square of one; all zeros stay so.

    The next layer must not read off how good the layer before found the sample: all that is passed
    on is the direction.

    Source: Hinton 2022, section 2.1 (layer normalisation without the mean).
    """
    flat = activity.flatten(1)
    # Squares overflow in half precision.
    wide = flat.to(torch.promote_types(flat.dtype, torch.float32))
    scale = wide.square().mean(1, keepdim=True).sqrt().clamp_min(_EPSILON).to(flat)
    scale = scale.clamp_min(torch.finfo(flat.dtype).tiny)
    return (flat / scale).view_as(activity)


def threshold_loss(
    real: Float[Tensor, " batch"], false: Float[Tensor, " other"], threshold: float
) -> Float[Tensor, ""]:
    """Negative log-likelihood that what is real lies above a threshold and what is false below.

    Args:
        real: goodness of real samples.
        false: of false ones.
        threshold: goodness at which a sample is as likely real as false.

    Source: Hinton 2022, eq. 1.
    """
    return F.softplus(threshold - real).mean() + F.softplus(false - threshold).mean()


def symmetric_loss(
    real: Float[Tensor, " batch"], false: Float[Tensor, " batch"], sharpness: float
) -> Float[Tensor, ""]:
    """Negative log-likelihood that the real one of a pair is the better: no threshold is needed.

    Args:
        real: goodness of real samples.
        false: of the false one that belongs to each.
        sharpness: α; the larger, the smaller a lead is enough.

    Source: Lee and Song 2023 (SymBa), eq. 3.
    """
    return F.softplus(-sharpness * (real - false)).mean()


def peer_loss(
    usual: Float[Tensor, " unit"], activity: Float[Tensor, "batch unit"], momentum: float
) -> tuple[Float[Tensor, ""], Float[Tensor, " unit"]]:
    """How far the usual activity of units is from that of their layer, and the usual from now on.

    Without it some units are always on and others never.

    Args:
        usual: running mean of each unit's activity on real samples, without a graph.
        activity: on real samples.
        momentum: how much of what was usual stays so.

    Source: Hinton 2022, section 3 (peer normalisation).
    """
    now = momentum * usual + (1 - momentum) * activity.mean(0)
    return (now.mean() - now).square().mean(), now.detach()
