"""Linear maps of a model answered in another way, for the length of a block."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class LinearCalls(TorchFunctionMode, ABC):
    """Within it, `linear` answers what `torch.nn.functional.linear` is asked, in this thread."""

    @abstractmethod
    def linear(self, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """The answer, from whatever else the function would have been given."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Pass everything else on as it is."""
        kwargs = kwargs or {}
        return (self.linear if func is nn.functional.linear else func)(*args, **kwargs)
