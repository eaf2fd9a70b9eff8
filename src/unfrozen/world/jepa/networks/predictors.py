"""Predictors: the latent after an action."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import WorldError
from unfrozen.world.jepa.networks.encoders import perceptron


class ResidualPredictor(nn.Module):
    """z' = z + f(z, a, r): a perceptron tells the change.

    Args:
        width: d, features of a latent.
        inputs: features of the action, and of what was read of the map.
        hidden: units of each of two layers.
        layered: whether latents are normalised one by one.

    Source: residual predictors of latents as in Maes et al. 2026 (LeWM), without the transformer.
    """

    def __init__(self, width: int, inputs: int, hidden: int, layered: bool) -> None:
        super().__init__()
        self.change = perceptron(width + inputs, hidden, width, layers=2)
        self.layered = layered

    def forward(
        self, state: Float[Tensor, "b d"], given: Float[Tensor, "b i"]
    ) -> Float[Tensor, "b d"]:
        """Latents one step on."""
        return _at_size(state + self.change(torch.cat([state, given], -1)), self.layered)


class GruPredictor(nn.Module):
    """z' = GRU(a, r; z): a cell whose hidden state is the latent itself.

    Args:
        width: d, features of a latent.
        inputs: features of the action, and of what was read of the map.
        hidden: not used; a cell has as many units as the latent has features.
        layered: whether latents are normalised one by one, as then are predictions: a cell alone
            cannot leave [-1, 1] once it is in there.

    Source: Cho et al. 2014; as a predictor, Sobal et al. 2025 (PLDM).
    """

    def __init__(self, width: int, inputs: int, hidden: int, layered: bool) -> None:
        super().__init__()
        self.cell = nn.GRUCell(inputs, width)
        self.layered = layered

    def forward(
        self, state: Float[Tensor, "b d"], given: Float[Tensor, "b i"]
    ) -> Float[Tensor, "b d"]:
        """Latents one step on."""
        return _at_size(self.cell(given, state), self.layered)


def _at_size(state: Tensor, layered: bool) -> Tensor:
    return F.layer_norm(state, state.shape[-1:]) if layered else state


PREDICTORS: dict[str, Callable[[int, int, int, bool], nn.Module]] = {
    "mlp": ResidualPredictor,
    "gru": GruPredictor,
}
"""Name -> predictor."""


def predictor(name: str, width: int, inputs: int, hidden: int, layered: bool) -> nn.Module:
    """A predictor by its name.

    Raises:
        WorldError: there is none of that name.
    """
    if name not in PREDICTORS:
        raise WorldError(f"there is no predictor {name!r}: choose from {', '.join(PREDICTORS)}")
    return PREDICTORS[name](width, inputs, hidden, layered)
