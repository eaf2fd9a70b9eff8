"""Modern continuous Hopfield networks: attention, and its sparse relatives.

E(xi) = -beta^-1 lse(beta X xi) + 1/2 xi·xi + beta^-1 ln n + 1/2 M^2, whose descent by the
concave-convex procedure is xi <- X^T softmax(beta X xi): with beta = 1/sqrt(d), the attention of a
transformer (Ramsauer et al. 2021).  Any potential of `unfrozen.memory.separation` takes the place
of the log-sum-exp: sparse ones retrieve exactly, in one step (Hu et al. 2023; Santos et al. 2024).
"""

import math
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.network import HopfieldNetwork
from unfrozen.memory.separation import SOFTMAX, entmax, potential, uniform_entropy

Similarity = Literal["dot", "euclidean"]


def energy(
    states: Float[Tensor, "*batch key"],
    keys: Float[Tensor, "n key"],
    beta: float | Tensor,
    alpha: float = SOFTMAX,
) -> Float[Tensor, "*batch"]:
    """E(xi) = -beta^-1 Psi(beta X xi) + 1/2 xi·xi + beta^-1 H(uniform) + 1/2 M^2.

    Psi is the potential of `separation`; for alpha 1 the log-sum-exp, and H(uniform) = ln n.

    Args:
        states: xi.
        keys: X, one a row; M is the norm of the longest.
        beta: inverse temperature.
        alpha: 1 for softmax, 2 for sparsemax.

    Returns:
        The energy, between 0 and 2 M^2 for states in the hull of the keys.

    Source: Ramsauer et al. 2021, equation 2; Santos et al. 2024 for alpha above 1.
    """
    largest = (keys * keys).sum(-1).max()
    mixed = potential(beta * states @ keys.T, alpha) / beta
    constant = uniform_entropy(len(keys), alpha) / beta + largest / 2
    return (states * states).sum(-1) / 2 - mixed + constant


def update(
    states: Float[Tensor, "*batch key"],
    keys: Float[Tensor, "n key"],
    beta: float | Tensor,
    alpha: float = SOFTMAX,
) -> Float[Tensor, "*batch key"]:
    """Xi <- X^T entmax(beta X xi): a step of size 1 down the gradient of `energy`.

    Source: Ramsauer et al. 2021, equation 3.
    """
    return entmax(beta * states @ keys.T, alpha) @ keys


class Recalled(NamedTuple):
    """What queries of many memories retrieve.

    Attributes:
        values: mixed by the weights.
        weights: how much of each pattern a query takes; all zero where a query may take none.
    """

    values: Float[Tensor, "*batch q value"]
    weights: Float[Tensor, "*batch q n"]


def recall(
    queries: Float[Tensor, "*batch q key"],
    keys: Float[Tensor, "*batch n key"],
    values: Float[Tensor, "*batch n value"],
    beta: float | Tensor,
    allowed: Bool[Tensor, "*batch q n"] | None = None,
) -> Recalled:
    """V^T softmax(beta K xi): one step of a memory of pairs, for many memories side by side.

    Args:
        queries: xi.
        keys: K, one a row.
        values: V, one a row.
        beta: inverse temperature, for all queries or one each ([*batch, q, 1]).
        allowed: the patterns that a query may take, such as those written before it.

    Source: Ramsauer et al. 2021, equation 10; Whittington et al. 2022, equation 5.
    """
    scores = beta * queries @ keys.mT
    if allowed is None:
        weights = scores.softmax(-1)
    else:
        # A query that may take nothing would be a softmax of nothing: not a number.
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1) * allowed
    return Recalled(weights @ values, weights)


def kernel_energy(
    states: Float[Tensor, "*batch key"], keys: Float[Tensor, "n key"], beta: float | Tensor
) -> Float[Tensor, "*batch"]:
    """E(xi) = -beta^-1 ln Σ_i exp(-beta/2 |x_i - xi|^2): a density of Gaussians, upside down.

    For keys of one norm it differs from `energy` by a constant.

    Source: Saha et al. 2023; Hoover et al. 2024, equation 4.
    """
    return -(-beta * squared_distances(states, keys) / 2).logsumexp(-1) / beta


def squared_distances(
    states: Float[Tensor, "*batch key"], keys: Float[Tensor, "n key"]
) -> Float[Tensor, "*batch n"]:
    """|x_i - xi|^2, none below zero."""
    norms = (states * states).sum(-1, keepdim=True) + (keys * keys).sum(-1)
    return (norms - 2 * states @ keys.T).clamp(min=0)


class ModernHopfield(HopfieldNetwork):
    """Stores real patterns, exponentially many for its width, and reads them by attention.

    Args:
        key_width: features of a state and of a key.
        value_width: features of a value; those of a key by default.
        beta: inverse temperature; 1/sqrt(key_width) by default, as attention has it.  Small ones
            mix all patterns, large ones pick one.
        alpha: 1 for softmax, 2 for sparsemax, between them and above: see `separation.entmax`.
        similarity: "dot", or "euclidean", which asks for near rather than for large patterns.
        tolerance: as for `HopfieldNetwork`.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: beta is not positive, alpha is below 1, or the similarity is unknown.

    Source: Ramsauer et al. 2021; Santos et al. 2024.

    Example:
        >>> memory = ModernHopfield(2, beta=8.0)
        >>> _ = memory.write(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> memory.read(torch.tensor([0.8, 0.1])).round(decimals=2).tolist()
        [1.0, 0.0]
    """

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        beta: float | None = None,
        alpha: float = SOFTMAX,
        similarity: Similarity = "dot",
        tolerance: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(key_width, value_width, tolerance=tolerance, device=device, dtype=dtype)
        beta = 1 / math.sqrt(key_width) if beta is None else beta
        if not 0 < beta < math.inf:
            raise MemoryShapeError(f"beta must be positive and finite, not {beta}")
        if not 1 <= alpha < math.inf:
            raise MemoryShapeError(f"alpha runs from 1 (softmax) by 2 (sparsemax) up, not {alpha}")
        if similarity not in ("dot", "euclidean"):
            raise MemoryShapeError(f"the similarity is 'dot' or 'euclidean', not {similarity!r}")
        self.beta, self.alpha, self.similarity = float(beta), float(alpha), similarity

    @property
    def settings(self) -> dict[str, Any]:
        """Widths, tolerance, beta, alpha and similarity."""
        own = {"beta": self.beta, "alpha": self.alpha, "similarity": self.similarity}
        return {**super().settings, **own}

    def weights(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch n"]:
        """How much of each pattern a state takes: attention."""
        self._check_queries(states)
        return entmax(self._scores(states), self.alpha)

    def _scores(self, states: Tensor) -> Tensor:
        if self.similarity == "dot":
            return self.beta * states @ self.keys.T
        return -self.beta * squared_distances(states, self.keys) / 2

    def energy(
        self,
        queries: Float[Tensor, "*batch key"],
        values: Float[Tensor, "*batch value"] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """The energy of states: of "dot" as `energy` has it, of "euclidean" as `kernel_energy`.

        Raises:
            MemoryShapeError: another width, values were given, or the memory is empty.
        """
        self._check_energy(queries, values)
        if self.similarity == "dot":
            return energy(queries, self.keys, self.beta, self.alpha)
        constant = uniform_entropy(len(self.keys), self.alpha) / self.beta
        return constant - potential(self._scores(queries), self.alpha) / self.beta

    def update(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch key"]:
        """Xi <- X^T entmax(scores): energy never rises (the concave-convex procedure)."""
        return self.weights(states) @ self.keys

    def answer(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The values, mixed by the weights."""
        return self.weights(states) @ self.values
