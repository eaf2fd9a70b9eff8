"""Neurons by their Lagrangians: the activation is its gradient, and an energy comes with it.

A convex L(x) gives the activation g = dL/dx and the energy x · g - L(x), its Legendre transform at
g.  Descending the energy of a whole network along the activations then never raises it, because the
Hessian of L, which turns changes of x into changes of g, has no negative eigenvalue.

Source: Krotov 2021; Hoover et al. 2022 (HAMUX).
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import EnergyError

Lagrangian = Callable[[Tensor], Tensor]
"""Maps states [*batch, feature] to one number each [*batch]."""


def identity(x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """Of linear neurons: |x|^2 / 2."""
    return (x * x).sum(-1) / 2


def relu(x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """Of rectified neurons: Σ max(x, 0)^2 / 2."""
    return (x.relu() ** 2).sum(-1) / 2


def tanh(x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """Of neurons that saturate: Σ ln cosh x."""
    # ln cosh x without overflow.
    return (x.abs() + torch.nn.functional.softplus(-2 * x.abs()) - math.log(2)).sum(-1)


def softmax(x: Float[Tensor, "*batch d"], beta: float = 1.0) -> Float[Tensor, "*batch"]:
    """Of neurons that compete: ln Σ exp(beta x) / beta."""
    return (beta * x).logsumexp(-1) / beta


def sphere(x: Float[Tensor, "*batch d"], eps: float = 1e-12) -> Float[Tensor, "*batch"]:
    """Of neurons on a sphere: |x|."""
    return ((x * x).sum(-1) + eps).sqrt()


def layer_norm(
    x: Float[Tensor, "*batch d"],
    gain: float | Tensor = 1.0,
    bias: Float[Tensor, " d"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "*batch"]:
    """Of a LayerNorm with one gain for all features: d gain sqrt(var + eps) + bias · x.

    A gain for each feature has no Lagrangian: its Jacobian is not symmetric.

    Source: Hoover et al. 2023, equation 2.
    """
    deviation = (x.var(-1, correction=0) + eps).sqrt()
    found = x.shape[-1] * gain * deviation
    return found if bias is None else found + (x * bias).sum(-1)


LAGRANGIANS: dict[str, Lagrangian] = {
    "identity": identity,
    "relu": relu,
    "tanh": tanh,
    "softmax": softmax,
    "sphere": sphere,
    "layer-norm": layer_norm,
}
"""Name -> Lagrangian, of the neurons that a network can be made of."""


def activation(lagrangian: Lagrangian, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """G = dL/dx, with a graph if gradients are being recorded."""
    recording = torch.is_grad_enabled()
    with torch.enable_grad():
        if not (recording and x.requires_grad):
            x = x.detach().requires_grad_()
        (found,) = torch.autograd.grad(lagrangian(x).sum(), x, create_graph=recording)
    return found


def legendre(
    lagrangian: Lagrangian, x: Float[Tensor, "*batch d"], g: Float[Tensor, "*batch d"]
) -> Float[Tensor, "*batch"]:
    """X · g - L(x): the energy of neurons at x, whose activation is g."""
    return (x * g).sum(-1) - lagrangian(x)


def named(name: str) -> Lagrangian:
    """A Lagrangian by name.

    Raises:
        EnergyError: there is no such one.
    """
    if name not in LAGRANGIANS:
        raise EnergyError(f"no Lagrangian {name!r}: there are {', '.join(LAGRANGIANS)}")
    return LAGRANGIANS[name]
