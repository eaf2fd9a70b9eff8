"""Log-probabilities of tokens, with their gradient, in little memory.

In float32 the logits of a few hundred places fill hundreds of megabytes, and every step of a
softmax over them passes through all that.  Here a few rows at a time are taken, while they are in
the cache.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

# Bytes of float32 logits that are worked on at once: what a core's cache holds, and far more where
# every call costs the same.
_CPU, _ELSEWHERE = 2**21, 2**28


def token_log_probabilities(
    logits: Float[Tensor, "*place vocabulary"], tokens: Int[Tensor, "*place"]
) -> Float[Tensor, "*place"]:
    """The log-probability of one token at every place, in float32.

    Args:
        logits: of any precision.
        tokens: which token at each place.

    Returns:
        What ``logits.float().log_softmax(-1)`` holds there; its gradient has the logits' precision.
    """
    said: Tensor = _Said.apply(logits.flatten(0, -2), tokens.flatten())
    return said.view(tokens.shape)


class _Said(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, tokens: Tensor) -> Tensor:
        said = torch.empty(len(logits), device=logits.device)
        total = torch.empty_like(said)
        for rows in _parts(logits):
            part = logits[rows].float()
            total[rows] = part.logsumexp(1)
            said[rows] = part.gather(1, tokens[rows, None])[:, 0] - total[rows]
        ctx.save_for_backward(logits, tokens, total)
        return said

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        logits, tokens, total = ctx.saved_tensors
        found = torch.empty_like(logits)
        for rows in _parts(logits):
            share = logits[rows].float().sub_(total[rows, None]).exp_()
            share.mul_(-grad[rows, None])
            found[rows] = share.scatter_add_(1, tokens[rows, None], grad[rows, None])
        return found, None


def _parts(logits: Tensor) -> list[slice]:
    size = _CPU if logits.device.type == "cpu" else _ELSEWHERE
    step = max(1, size // (4 * logits.shape[1]))
    return [slice(i, i + step) for i in range(0, len(logits), step)]
