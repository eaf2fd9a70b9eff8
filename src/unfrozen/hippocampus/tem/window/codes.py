"""The abstract code g: moved by actions, told by memory, and the weighted mean of the two.

Source: Whittington et al. 2020, STAR Methods, transition and inference of g.  The networks of all
streams are computed as one, whose matrices are made of a block for each stream.
"""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


class Belief(NamedTuple):
    """A normal distribution of each cell of a code.

    Attributes:
        mean: where it is.
        deviation: how little sure that is.
    """

    mean: Float[Tensor, "*batch cell"]
    deviation: Float[Tensor, "*batch cell"]


class Layers(NamedTuple):
    """Weights of a network of one hidden layer, of ELUs."""

    hidden: Float[Tensor, "unit in"]
    hidden_bias: Float[Tensor, " unit"]
    out: Float[Tensor, "out unit"]
    out_bias: Float[Tensor, " out"]

    def __call__(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """What it makes of an input."""
        return F.linear(F.elu(F.linear(x, self.hidden, self.hidden_bias)), self.out, self.out_bias)


def squash(code: Float[Tensor, "*batch cell"], objects: int = 0) -> Float[Tensor, "*batch cell"]:
    """Clip to -1 and 1 (f_g); cells of objects, the first, are leaky ReLUs besides."""
    code = code.clamp(-1, 1)
    if objects == 0:
        return code
    return torch.cat([F.leaky_relu(code[..., :objects], 0.01), code[..., objects:]], -1)


def first_transitions(
    actions: int,
    still: int | None,
    units: int,
    sizes: Sequence[int],
    turn: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "action unit"], Float[Tensor, "unit to out_of"]]:
    """Weights of `transitions` before training.

    Args:
        actions: how many.
        still: which of them moves nothing.
        units: between an action and its matrix.
        sizes: cells by stream.
        turn: by how much each action turns each stream, in planes of its own; of 0 nothing moves,
            so that the next code is best foretold by this one.
        generator: draws them.
    """
    hidden, cells = torch.empty(actions, units, device="cpu"), sum(sizes)
    uniform(generator)(hidden)
    if not turn:
        return hidden, torch.zeros(units, cells, cells, device="cpu")
    wanted = torch.zeros(actions, cells, cells, device="cpu")
    for at, size in zip(accumulate(sizes, initial=0), sizes, strict=False):
        drawn = torch.randn(actions, size, size, generator=generator, device="cpu")
        skew = turn * (drawn - drawn.mT) / math.sqrt(2 * size)
        block = slice(at, at + size)
        wanted[:, block, block] = torch.matrix_exp(skew) - torch.eye(size, device="cpu")
    rows = [a for a in range(actions) if a != still]
    out = torch.linalg.pinv(torch.tanh(hidden[rows])) @ wanted[rows].flatten(1)
    return hidden, out.unflatten(1, (cells, cells))


def transitions(
    actions: Float[Tensor, "action feature"],
    hidden: Float[Tensor, "feature unit"],
    out: Float[Tensor, "unit to out_of"],
    mask: Float[Tensor, "to out_of"],
) -> Float[Tensor, "action to out_of"]:
    """D_a = f(a), by an MLP without biases, so that an action of zeros moves nothing.

    Args:
        actions: a row for each, one-hot, or zero for the one that stays.
        hidden: weights to tanh units.
        out: weights from them to a matrix.
        mask: which cells a cell hears of.
    """
    return torch.einsum("au,uij->aij", torch.tanh(actions @ hidden), out) * mask


def moves(
    code: Float[Tensor, "*batch cell"],
    table: Float[Tensor, "cell action_cell"],
    actions: Int[Tensor, "*batch"],
) -> Float[Tensor, "*batch cell"]:
    """D_a g of each sample's action, from a product with the matrices of all actions.

    That is cheaper than a matrix of its own for each sample, of which gradients would be kept.

    Args:
        code: g.
        table: D of all actions side by side, see `side_by_side`.
        actions: which of them each sample takes.
    """
    of_all = (code @ table).unflatten(-1, (-1, code.shape[-1]))
    taken = actions[..., None, None].expand(*code.shape[:-1], 1, code.shape[-1])
    return of_all.gather(-2, taken).squeeze(-2)


def side_by_side(matrices: Float[Tensor, "action to out_of"]) -> Float[Tensor, "out_of action_to"]:
    """The matrices of all actions as one, which is multiplied from the left."""
    return matrices.permute(2, 0, 1).flatten(1)


def deviation(raw: Float[Tensor, "*batch cell"], scale: float, offset: float) -> Tensor:
    """Exp(scale tanh(raw) + offset), which stays between two bounds."""
    return torch.exp(scale * torch.tanh(raw) + offset)


def agree(one: Belief, other: Belief) -> Belief:
    """The product of two beliefs: the mean of both, weighted by their precisions."""
    a, b = one.deviation**-2, other.deviation**-2
    both = a + b
    return Belief((one.mean * a + other.mean * b) / both, both.rsqrt())


def draw(
    shape: Sequence[int],
    fill: Callable[[Tensor], object],
    device: torch.device | str | None,
    dtype: torch.dtype | None,
) -> nn.Parameter:
    """A parameter that is drawn where the generator is, and then put where it belongs."""
    drawn = torch.empty(tuple(shape), device="cpu")
    fill(drawn)
    device = torch.get_default_device() if device is None else device
    return nn.Parameter(drawn.to(device, torch.get_default_dtype() if dtype is None else dtype))


def copied(values: Tensor) -> Callable[[Tensor], object]:
    """Fill with these."""
    return lambda t: t.copy_(values)


def truncated(std: float, generator: torch.Generator) -> Callable[[Tensor], object]:
    """Fill with normal numbers of a deviation, drawn anew beyond two of them."""
    return lambda t: nn.init.trunc_normal_(t, 0.0, std, -2 * std, 2 * std, generator)


def uniform(generator: torch.Generator) -> Callable[[Tensor], object]:
    """Fill as Glorot and Bengio have it."""
    return lambda t: nn.init.xavier_uniform_(t, generator=generator)


class StreamNetwork(nn.Module):
    """A network of one hidden layer for each stream.

    Args:
        widths: inputs of each.
        hidden: units of each.
        outs: outputs of each.
        generator: draws the weights.
        std: of the output weights, truncated normal; uniform by default.
        device: as for any module.
        dtype: as for any module.
    """

    def __init__(
        self,
        widths: Sequence[int],
        hidden: Sequence[int],
        outs: Sequence[int],
        generator: torch.Generator,
        std: float | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        last = uniform(generator) if std is None else truncated(std, generator)
        self.hidden = nn.ParameterList()
        self.out = nn.ParameterList()
        for width, units, size in zip(widths, hidden, outs, strict=True):
            self.hidden.append(draw((units, width), uniform(generator), device, dtype))
            self.out.append(draw((size, units), last, device, dtype))
        self.hidden_bias = draw((sum(hidden),), nn.init.zeros_, device, dtype)
        self.out_bias = draw((sum(outs),), nn.init.zeros_, device, dtype)

    def layers(self) -> Layers:
        """All of them as one network, made once for many steps."""
        return Layers(
            torch.block_diag(*self.hidden), self.hidden_bias,
            torch.block_diag(*self.out), self.out_bias,
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """What each stream's network makes of its own inputs."""
        return self.layers()(x)
