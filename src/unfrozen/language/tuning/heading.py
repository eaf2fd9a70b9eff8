"""A few tokens asked of a head, not the whole vocabulary."""

import torch
from jaxtyping import Int
from torch import Tensor, nn

from unfrozen.language.tuning.linear import LinearCalls


class OnlyTokens(LinearCalls):
    """Within it, a head gives the logits of some tokens alone, in their order.

    In the last blocks of a small model, most of a pass goes into the other tokens' logits.  These
    few are computed in float32 whatever the rest is read in: a logit of 8 that is rounded to
    bfloat16 is off by up to 0.03, more than a small step along noise changes.

    Args:
        head: a linear map to the vocabulary.
        tokens: that are asked.
    """

    def __init__(self, head: nn.Linear, tokens: Int[Tensor, " token"]) -> None:
        super().__init__()
        self._head, self._tokens = head, tokens

    def linear(self, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Read the rows of these tokens, if it is the head that is asked."""
        if weight is not self._head.weight:
            return nn.functional.linear(inputs, weight, bias)
        tokens = self._tokens.to(weight.device)
        offset = None if bias is None else bias[tokens].float()
        with torch.autocast(weight.device.type, enabled=False):
            return nn.functional.linear(inputs.float(), weight[tokens].float(), offset)
