"""Where a walk is, from actions alone: position encodings that actions drive.

A transformer's position encodings count tokens.  Here they are the state of a recurrent network
that actions move, so that two ways to one place end in one code.  Free matrices may learn any
structure; rotations of planes learn those in which the order of actions does not matter, and need
no loop over time: angles add up.
"""

import math
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from unfrozen.errors import MapError

Activation = Literal["linear", "relu", "tanh"]

_ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh}
# Radians that an action turns a plane by, at the start: wavelengths of some ten places and more.
_TURN = 0.8
_TINY = 1e-6


@runtime_checkable
class Positions(Protocol):
    """A code of position that actions drive."""

    width: int

    def start(self, b: int) -> Float[Tensor, "b d"]:
        """Codes of walks that begin."""
        ...

    def step(self, codes: Float[Tensor, "b d"], actions: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """Codes after an action; where it is -1, of a walk that begins."""
        ...

    def along(self, actions: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """Codes along walks that begin with the first action."""
        ...

    def settle(self, codes: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """The nearest code that an action could have led to."""
        ...


class FreePositions(nn.Module):
    """e' = f(e W_a), with a matrix an action.

    Matrices begin as rotations by small angles, so that an action and a walk of many are neither
    forgotten nor blown up.

    Args:
        n_actions: how many actions there are.
        width: of a code.
        activation: f: "linear", "relu" (codes are never negative) or "tanh".
        norm: keep the mean square of a code at one, without which a linear code grows or shrinks
            along a walk.
        generator: draws the rotations.

    Raises:
        MapError: the activation is unknown, or a size is not positive.

    Source: Whittington et al. 2022, equation 7.
    """

    def __init__(
        self,
        n_actions: int,
        width: int,
        activation: Activation = "linear",
        norm: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            raise MapError(f"a code is {', '.join(_ACTIVATIONS)}, not {activation!r}")
        _check_sizes(n_actions, width)
        self.n_actions, self.width, self.norm = n_actions, width, norm
        self.activation = _ACTIVATIONS[activation]()
        drawn = torch.randn(n_actions, width, width, generator=generator)
        skew = (drawn - drawn.mT) * (_TURN / 2 / math.sqrt(2 * width))
        self.matrices = nn.Parameter(torch.matrix_exp(skew))
        self.origin = nn.Parameter(torch.randn(width, generator=generator))

    def settle(self, codes: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Of mean square one, if codes are normalised; none negative, if none can be."""
        if isinstance(self.activation, nn.ReLU):
            codes = codes.relu()
        if not self.norm:
            return codes
        return codes * (codes.square().mean(-1, keepdim=True) + _TINY).rsqrt()

    def start(self, b: int) -> Float[Tensor, "b d"]:
        """One code for all, which is learnt."""
        return self.settle(self.activation(self.origin)).expand(b, -1)

    def step(self, codes: Float[Tensor, "b d"], actions: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """E' = f(e W_a)."""
        chosen = self._one_hot(actions)
        return self._move(codes, chosen, self.start(len(codes)), (actions < 0)[:, None])

    def along(self, actions: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """One step after the other."""
        begun = self.start(len(actions))
        chosen, begins = self._one_hot(actions), (actions < 0)[..., None]
        codes, path = begun, []
        for t in range(actions.shape[1]):
            codes = self._move(codes, chosen[:, t], begun, begins[:, t])
            path.append(codes)
        return torch.stack(path, 1)

    def _one_hot(self, actions: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch a"]:
        numbers = torch.arange(self.n_actions, device=actions.device)
        return (actions[..., None] == numbers).to(self.matrices)

    def _move(self, codes: Tensor, chosen: Tensor, begun: Tensor, begins: Tensor) -> Tensor:
        # One product with all matrices, of codes put where their action's matrix is: several times
        # faster than gathering a matrix for every walk.
        spread = (chosen[:, :, None] * codes[:, None, :]).flatten(1)
        moved = self.settle(self.activation(spread @ self.matrices.flatten(0, 1)))
        return torch.where(begins, begun, moved)


class RotaryPositions(nn.Module):
    """Planes that actions turn by learnt angles: e = (cos φ, sin φ), φ' = φ + θ_a.

    Args:
        n_actions: how many actions there are.
        width: of a code: twice the number of planes.
        generator: draws the angles.

    Raises:
        MapError: the width is odd, or a size is not positive.

    Source: Su et al. 2021 for rotary encodings; angles by action as in Whittington et al. 2022,
        section 3, where the matrices commute.
    """

    def __init__(
        self, n_actions: int, width: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        _check_sizes(n_actions, width)
        if width % 2:
            raise MapError(f"codes of turning planes have an even width, not {width}")
        self.n_actions, self.width = n_actions, width
        drawn = torch.randn(n_actions, width // 2, generator=generator)
        self.angles = nn.Parameter(_TURN * drawn)

    def settle(self, codes: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Each plane's part of length one."""
        cos, sin = codes.chunk(2, -1)
        scale = (cos.square() + sin.square() + _TINY).rsqrt()
        return torch.cat([cos * scale, sin * scale], -1)

    def start(self, b: int) -> Float[Tensor, "b d"]:
        """All angles zero."""
        half = self.width // 2
        return torch.cat([self.angles.new_ones(b, half), self.angles.new_zeros(b, half)], -1)

    def step(self, codes: Float[Tensor, "b d"], actions: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """Turn every plane by its angle."""
        angles = self.angles[actions.clamp(min=0)]
        cos, sin = codes.chunk(2, -1)
        c, s = angles.cos(), angles.sin()
        turned = torch.cat([cos * c - sin * s, sin * c + cos * s], -1)
        return torch.where((actions < 0)[:, None], self.start(len(codes)), turned)

    def along(self, actions: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """All steps at once: angles add up, from where each walk begins."""
        begins = actions < 0
        turns = torch.where(begins[..., None], 0.0, self.angles[actions.clamp(min=0)])
        angles = turns.cumsum(1)
        times = torch.arange(actions.shape[1], device=actions.device)
        begun = torch.where(begins, times, -1).cummax(1).values
        at = begun.clamp(min=0)[..., None].expand_as(angles)
        angles = angles - torch.where(begun[..., None] >= 0, angles.gather(1, at), 0.0)
        return torch.cat([angles.cos(), angles.sin()], -1)


def _check_sizes(n_actions: int, width: int) -> None:
    if n_actions < 1 or width < 1:
        raise MapError(f"a code needs an action and a feature, not {n_actions} and {width}")
