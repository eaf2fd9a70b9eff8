"""What networks of signs share: states of +1 and -1, updated all at once or one by one."""

from abc import abstractmethod
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.network import HopfieldNetwork

Order = Literal["asynchronous", "synchronous"]


def signs(x: Tensor, otherwise: Tensor, floor: float | Tensor = 0.0) -> Tensor:
    """+1 and -1; where x is zero, or below a floor of rounding, what stands there otherwise."""
    return torch.where(x.abs() <= floor, otherwise, x.sign())


class BinaryHopfield(HopfieldNetwork):
    """A network whose states and keys are signs.  Queries of other numbers are taken by sign.

    Args:
        key_width: features of a state and of a key.
        value_width: features of a value; those of a key by default.
        order: "asynchronous", one feature after the other, by which energy never rises; or
            "synchronous", all at once, by which a state may also swing between two.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: the order is unknown.
    """

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        order: Order = "asynchronous",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(key_width, value_width, tolerance=0.0, device=device, dtype=dtype)
        if order not in ("asynchronous", "synchronous"):
            raise MemoryShapeError(f"the order is 'asynchronous' or 'synchronous', not {order!r}")
        self.order: Order = order

    @property
    def settings(self) -> dict[str, Any]:
        """Widths and order."""
        widths = {"key_width": self.key_width, "value_width": self.value_width}
        return {**widths, "order": self.order}

    @abstractmethod
    def _synchronous(self, states: Float[Tensor, "b key"]) -> Float[Tensor, "b key"]:
        """Every feature from the same state."""

    @abstractmethod
    def _asynchronous(
        self, states: Float[Tensor, "b key"], order: Tensor
    ) -> Float[Tensor, "b key"]:
        """One feature after the other, each from what the ones before have left."""

    def update(
        self, states: Float[Tensor, "*batch key"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "*batch key"]:
        """One step of all features.

        Args:
            states: signs.
            generator: for an asynchronous step, draws the order of the features, one for the
                batch; in their own order without.
        """
        self._check_queries(states)
        rows = states.reshape(-1, self.key_width)
        if self.order == "synchronous" or states.is_meta:
            return self._synchronous(rows).reshape(states.shape)
        if generator is None:
            order = torch.arange(self.key_width, device=states.device)
        else:
            order = torch.randperm(self.key_width, generator=generator, device=generator.device).to(
                states.device
            )
        return self._asynchronous(rows, order).reshape(states.shape)

    def _starting(self, queries: Tensor) -> Tensor:
        return signs(queries, torch.ones_like(queries))

    def _rest(self) -> float:
        return 0.0

    def _check_signs(self, keys: Tensor, values: Tensor) -> None:
        for name, tensor in (("keys", keys), ("values", values)):
            if not bool((tensor.abs() == 1).all()):
                raise MemoryShapeError(
                    f"the {name} of a {type(self).__name__} are +1 and -1: take their signs first"
                )
