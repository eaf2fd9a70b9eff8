"""Weights in bfloat16 that are rounded once, not at every pass.

Autocast rounds a frozen weight again in every pass.  In a pass of two blocks on a few short texts
that takes as long as the products do.
"""

from collections.abc import Sequence

import torch
from jaxtyping import BFloat16
from torch import Tensor, nn

from unfrozen.language.tuning.linear import LinearCalls

_State = tuple[int, int]


class KeptRounded(LinearCalls):
    """Within it, frozen weights of linear maps are read from copies in bfloat16.

    A weight has a copy from the second pass on that finds it as the pass before did, and as long as
    nothing is written to it.  Weights that get a gradient, or that move at every step, have none.
    Others that read the same model at the same time see nothing of it.

    Args:
        modules: whose linear maps it is about; where there are none, it does nothing.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        maps = (part for module in modules for part in module.modules())
        # By identity: tensors compare by their numbers.
        self._weights = {id(m.weight): m.weight for m in maps if isinstance(m, nn.Linear)}
        self._seen: dict[int, _State] = {}
        self._copies: dict[int, BFloat16[Tensor, "rows columns"]] = {}

    @property
    def n_bytes(self) -> int:
        """Of all copies."""
        return sum(copy.numel() * copy.element_size() for copy in self._copies.values())

    def __enter__(self) -> "KeptRounded":
        for key, weight in self._weights.items():
            now = (weight.data_ptr(), weight._version)
            same, self._seen[key] = self._seen.get(key) == now, now
            wanted = weight.requires_grad and torch.is_grad_enabled()
            if not same or wanted or weight.dtype != torch.float32:
                self._copies.pop(key, None)
            elif key not in self._copies:
                self._copies[key] = weight.detach().bfloat16()
        super().__enter__()
        return self

    def linear(self, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Read the copy in place of the weight, if there is one."""
        return nn.functional.linear(inputs, self._copies.get(id(weight), weight), bias)
