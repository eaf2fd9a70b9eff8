"""What a planner asks of a model: what happens next, and after a row of actions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError


@runtime_checkable
class Dynamics(Protocol):
    """What happens next, as far as a planner asks."""

    def step(
        self, state: Float[Tensor, "b d"], action: Float[Tensor, "b a"]
    ) -> Float[Tensor, "b d"]:
        """The states that actions lead to, one a row."""
        ...


@dataclass(frozen=True)
class FunctionDynamics:
    """A function as a model of the world.

    Attributes:
        function: (states [b, d], actions [b, a]) -> the next states [b, d].

    Example:
        >>> point = FunctionDynamics(lambda state, action: state + action)
        >>> rollout(point, torch.zeros(1, 1), torch.ones(1, 3, 1)).flatten().tolist()
        [1.0, 2.0, 3.0]
    """

    function: Callable[[Tensor, Tensor], Tensor]

    def step(
        self, state: Float[Tensor, "b d"], action: Float[Tensor, "b a"]
    ) -> Float[Tensor, "b d"]:
        """The states that actions lead to, one a row."""
        return self.function(state, action)


def rollout(
    dynamics: Dynamics, start: Float[Tensor, "b d"], actions: Float[Tensor, "b t a"]
) -> Float[Tensor, "b t d"]:
    """What a row of actions leads to, as the model has it.

    Gradients flow through it to the start and to the actions, unless they are switched off.

    Args:
        dynamics: the model.
        start: where each row begins.
        actions: what is done at each step.

    Returns:
        The state after each action; the start is not among them.

    Raises:
        WorldError: shapes do not fit, there is no step, or the model changes the state's shape.
    """
    if start.ndim != 2 or actions.ndim != 3 or len(start) != len(actions):
        raise WorldError(
            "a rollout takes starts [b, d] and actions [b, t, a] of as many rows, not "
            f"{list(start.shape)} and {list(actions.shape)}"
        )
    if actions.shape[1] == 0:
        raise WorldError("a rollout has at least one step: give actions [b, t, a] with t > 0")
    state, states = start, []
    for action in actions.unbind(1):
        state = dynamics.step(state, action)
        if state.shape != start.shape:
            raise WorldError(
                f"the model turns states of shape {list(start.shape)} into {list(state.shape)}: "
                "a step keeps the shape"
            )
        states.append(state)
    return torch.stack(states, 1)
