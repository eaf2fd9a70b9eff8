"""Landmark correction: what is seen tells where the walk is, where the code has drifted.

Path integration adds up small errors.  A place that looks like one remembered, at a code near to
that place's, very likely is that place: the code is drawn to the remembered one.  The memory is the
same, asked by sensation as well as by position; a null pattern at a threshold keeps the code as it
is where nothing remembered is near.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from unfrozen.hippocampus.tem_t.model import TemT


@dataclass(frozen=True)
class Correction:
    """How landmarks correct a code.

    Attributes:
        threshold: cosine between keys at which a memory and the null pattern draw, as a share of
            the way from how like neighbouring places are to being the same.
        beta: inverse temperature among memories of the same symbol; the model's own by default.
        rate: how much of the way the code goes to what is retrieved.
    """

    threshold: float = 0.8
    beta: float | None = None
    rate: float = 0.5


def corrected(
    model: "TemT",
    symbols: Int[Tensor, "b t"],
    actions: Int[Tensor, "b t"],
    correction: Correction,
) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b t d"]]:
    """Codes along walks before and after what is seen there corrects them.

    Args:
        model: whose codes and keys.
        symbols: what was seen.
        actions: what led there.
        correction: how.
    """
    b, t = symbols.shape
    codes = model.positions.start(b)
    apart = model.spacing()
    threshold = apart + correction.threshold * (1 - apart)
    same = symbols[:, :, None] == symbols[:, None, :]
    asked, kept, keys = [], [], []
    for now in range(t):
        codes = model.positions.step(codes, actions[:, now])
        asked.append(codes)
        if now:
            codes = _drawn(
                model, codes, torch.stack(kept, 1), torch.stack(keys, 1), same[:, now, :now],
                threshold, correction,
            )  # fmt: skip
        kept.append(codes)
        keys.append(model.key(codes))
    return torch.stack(asked, 1), torch.stack(kept, 1)


def _drawn(
    model: "TemT",
    codes: Float[Tensor, "b d"],
    kept: Float[Tensor, "b n d"],
    keys: Float[Tensor, "b n d"],
    same: Tensor,
    threshold: float,
    correction: Correction,
) -> Float[Tensor, "b d"]:
    cosines = (keys @ model.key(codes)[:, :, None])[..., 0]
    cosines = cosines.masked_fill(~same, -1e9)
    null = torch.full_like(cosines[:, :1], threshold)
    beta = model.log_beta.exp() if correction.beta is None else correction.beta
    weights = (beta * torch.cat([null, cosines], 1)).softmax(1)
    found = (weights[:, None, 1:] @ kept)[:, 0]
    drawn = found + weights[:, :1] * codes
    return model.positions.settle(codes + correction.rate * (drawn - codes))
