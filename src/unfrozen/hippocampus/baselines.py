"""What a map is compared with: networks that see the same walks and have no structure of their own.

Both take what the TEM-transformer takes, the symbols before a step and the actions up to it, and
give log-probabilities of the symbol at the step.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from unfrozen.errors import MapError


class GruBaseline(nn.Module):
    """A gated recurrent network.

    Args:
        n_actions: how many actions there are.
        n_symbols: how many symbols.
        width: of its state.
        generator: draws its parameters.
    """

    def __init__(
        self,
        n_actions: int,
        n_symbols: int = 45,
        width: int = 192,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.inputs = _Inputs(n_actions, n_symbols)
        self.cell = nn.GRU(self.inputs.width, width, batch_first=True)
        self.reader = nn.Linear(width, n_symbols)
        _redraw(self, generator)

    def forward(
        self, symbols: Int[Tensor, "b t"], actions: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t symbol"]:
        """Log-probabilities of the symbol at each step."""
        return self.reader(self.cell(self.inputs(symbols, actions))[0]).log_softmax(-1)


class TransformerBaseline(nn.Module):
    """A causal transformer with fixed, sinusoidal positions: it counts steps, not places.

    Args:
        n_actions: how many actions there are.
        n_symbols: how many symbols.
        width: of its tokens.
        layers: of them.
        heads: of each.
        generator: draws its parameters.

    Raises:
        MapError: the width is odd or no multiple of the heads.

    Source: Vaswani et al. 2017.
    """

    def __init__(
        self,
        n_actions: int,
        n_symbols: int = 45,
        width: int = 128,
        layers: int = 2,
        heads: int = 4,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if width % 2 or width % heads:
            raise MapError(f"a width of {width} is odd or no multiple of {heads} heads")
        self.width = width
        self.inputs = _Inputs(n_actions, n_symbols)
        self.embed = nn.Linear(self.inputs.width, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.reader = nn.Linear(width, n_symbols)
        _redraw(self, generator)

    def forward(
        self, symbols: Int[Tensor, "b t"], actions: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t symbol"]:
        """Log-probabilities of the symbol at each step."""
        tokens = self.embed(self.inputs(symbols, actions))
        t = tokens.shape[1]
        mask = torch.ones(t, t, dtype=torch.bool, device=tokens.device).triu(1)
        states = self.blocks(tokens + _sinusoids(t, self.width).to(tokens), mask=mask)
        return self.reader(states).log_softmax(-1)


class _Inputs(nn.Module):
    """The symbol before and the action of each step, as one vector of ones and zeros."""

    def __init__(self, n_actions: int, n_symbols: int) -> None:
        super().__init__()
        if n_actions < 1 or n_symbols < 2:
            raise MapError(f"a model needs actions and symbols, not {n_actions} and {n_symbols}")
        self.n_actions, self.n_symbols = n_actions, n_symbols
        self.width = n_actions + n_symbols

    def forward(
        self, symbols: Int[Tensor, "b t"], actions: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t d"]:
        before = torch.cat([torch.full_like(symbols[:, :1], -1), symbols[:, :-1]], 1)
        hot = [
            (numbers[..., None] == torch.arange(n, device=symbols.device)).float()
            for numbers, n in ((before, self.n_symbols), (actions, self.n_actions))
        ]
        return torch.cat(hot, -1)


def _sinusoids(t: int, width: int) -> Float[Tensor, "t d"]:
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(t)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def _redraw(module: nn.Module, generator: torch.Generator | None) -> None:
    """Parameters from a generator of the caller's, where torch draws from the global one."""
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            bound = 1 / math.sqrt(parameter.shape[-1])
            nn.init.uniform_(parameter, -bound, bound, generator)
        elif "bias" in name:
            nn.init.zeros_(parameter)
