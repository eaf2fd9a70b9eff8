"""A few tokens asked of a head, not the whole vocabulary."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class OnlyTokens(TorchFunctionMode):
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

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Give the rows of these tokens to `torch.nn.functional.linear`."""
        if func is nn.functional.linear and len(args) > 1 and args[1] is self._head.weight:
            bias = self._head.bias
            tokens = self._tokens.to(args[1].device)
            rows = args[1][tokens].float()
            offset = None if bias is None else bias[tokens].float()
            with torch.autocast(args[1].device.type, enabled=False):
                return func(args[0].float(), rows, offset)
        return func(*args, **(kwargs or {}))
