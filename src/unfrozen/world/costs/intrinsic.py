"""What an agent is born with: costs that nothing it does can change (LeCun 2022, section 3.2)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from unfrozen.world.costs.base import Term


@dataclass(frozen=True, eq=False)
class Effort(Term):
    """What acting costs: |a|^2 at each time."""

    immutable: ClassVar[bool] = True
    name: str = field(default="effort", kw_only=True)

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """The squared length of each action."""
        return actions.square().sum(2)


@dataclass(frozen=True, eq=False)
class Danger(Term):
    """What hurts, wherever it is met.

    Attributes:
        hazard: states [b, t, d] -> how much each hurts [b, t].
    """

    hazard: Callable[[Tensor], Tensor]
    immutable: ClassVar[bool] = True
    name: str = field(default="danger", kw_only=True)

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """How much each state hurts."""
        return self.hazard(states)
