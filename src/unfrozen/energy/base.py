"""Energies, and the one descent for all of them.

An energy maps a state to one number a sample.  Hopfield states, the tokens of an Energy
Transformer, plans and costs all move down one, by its gradient: a closed form where the energy has
one, automatic differentiation where it has none.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import EnergyError


class Energy(nn.Module, ABC):
    """A module whose output is one number a sample."""

    @abstractmethod
    def forward(self, state: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
        """The energy of each sample."""

    def gradient(self, state: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """How fast the energy rises with each number of the state.

        A subclass that knows it in closed form overrides this.  The default differentiates, with a
        graph if gradients are being recorded, so that training can go through a descent.
        """
        recording = torch.is_grad_enabled()
        with torch.enable_grad():
            if not (recording and state.requires_grad):
                state = state.detach().requires_grad_()
            (found,) = torch.autograd.grad(self(state).sum(), state, create_graph=recording)
        return found


@dataclass(frozen=True)
class Descent:
    """The way of a state down an energy.

    Attributes:
        state: where it ended.
        trajectory: every state, the first and the last among them; None if not asked for.
        energies: theirs, one a sample (of a graph, one for all its nodes); None if not asked for.
        steps: how many were taken.
    """

    state: Float[Tensor, "b ..."]
    trajectory: Float[Tensor, "time b ..."] | None
    energies: Float[Tensor, "time sample"] | None
    steps: int


def descend(
    energy: Callable[[Tensor], Tensor],
    state: Float[Tensor, "b ..."],
    steps: int,
    step_size: float | Tensor,
    *,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
    tolerance: float | None = None,
    trajectory: bool = False,
    differentiable: bool = False,
) -> Descent:
    """Follow the gradient of an energy downhill: x <- x - step_size dE/dx + sqrt(2 step) noise z.

    Args:
        energy: one number a sample; an `Energy`'s closed form is used if it has one.
        state: where to start.
        steps: how many at most.
        step_size: of each.
        noise: standard deviation of Langevin noise before it is scaled by the step's root.
        generator: draws the noise.
        tolerance: end when no number of the state moves by more than this.
        trajectory: whether to keep the way and its energies.
        differentiable: whether gradients flow through the descent, for training.

    Returns:
        The way, and where it ended.

    Raises:
        EnergyError: steps, noise or tolerance are negative, the step is not positive, or the energy
            is not one number a sample.

    Example:
        >>> bowl = lambda x: (x**2).sum(-1) / 2
        >>> descend(bowl, torch.tensor([[4.0]]), steps=2, step_size=0.5).state.item()
        1.0
    """
    if steps < 0 or noise < 0 or (tolerance is not None and tolerance < 0):
        raise EnergyError("a descent takes no negative steps, noise or tolerance")
    size = float(step_size.detach().min()) if isinstance(step_size, Tensor) else step_size
    if not 0 < size < math.inf:
        raise EnergyError(f"the step size is positive and finite, not {size}")
    slope = energy.gradient if isinstance(energy, Energy) else _Plain(energy).gradient
    with torch.set_grad_enabled(differentiable):
        way, taken = [state], 0
        for _ in range(steps):
            moved = state - step_size * slope(state)
            if noise:
                drawn = torch.randn(
                    state.shape, generator=generator, device=state.device, dtype=state.dtype
                )
                moved = moved + math.sqrt(2 * size) * noise * drawn
            taken += 1
            rests = tolerance is not None and bool(((moved - state).abs() <= tolerance).all())
            state = moved
            if trajectory:
                way.append(state)
            if rests:
                break
        if not trajectory:
            return Descent(state, None, None, taken)
        energies = torch.stack([energy(x) for x in way])
        return Descent(state, torch.stack(way), energies, taken)


class _Plain(Energy):
    """A function as an energy."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, state: Tensor) -> Tensor:
        found = self.function(state)
        if found.shape != state.shape[:1]:
            raise EnergyError(
                f"an energy is one number a sample, {state.shape[0]} of them, not a tensor of "
                f"shape {list(found.shape)}"
            )
        return found
