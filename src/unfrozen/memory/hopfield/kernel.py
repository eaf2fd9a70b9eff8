"""Energies of kernel densities: of finite support, and of random features in a fixed size.

An energy -ln Σ k(x_i, xi) is a density estimate upside down; its descent is the mean shift.  The
Gaussian kernel is `ModernHopfield` with the Euclidean similarity.  Here are the Epanechnikov
kernel, whose log-sum-relu energy stores patterns exactly and makes new minima where supports
overlap (Hoover et al. 2025), and the Gaussian in random features, which holds any number of
patterns in one vector (Hoover et al. 2024).
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.modern import squared_distances
from unfrozen.memory.hopfield.network import HopfieldNetwork

# Inside the logarithms, so that they are finite where no pattern is near.
_FLOOR = 1e-6
_HALVINGS = 30


def log_sum_relu_energy(
    states: Float[Tensor, "*batch key"], keys: Float[Tensor, "n key"], beta: float | Tensor
) -> Float[Tensor, "*batch"]:
    """E(xi) = -beta^-1 ln(eps + Σ_i relu(1 - beta/2 |x_i - xi|^2)).

    A pattern is a minimum to the bit if no other is within sqrt(2 / beta) of it.

    Source: Hoover et al. 2025, equation 5.
    """
    bumps = (1 - beta * squared_distances(states, keys) / 2).relu().sum(-1)
    return -(_FLOOR + bumps).log() / beta


class EpanechnikovHopfield(HopfieldNetwork):
    """The log-sum-relu energy: a state moves to the mean of the patterns within reach.

    Where none is within sqrt(2 / beta) the energy is flat; a state there goes to the nearest.

    Args:
        key_width: features of a state and of a key.
        value_width: features of a value; those of a key by default.
        beta: inverse squared width of the kernel.
        tolerance: as for `HopfieldNetwork`.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: beta is not positive and finite.

    Source: Hoover et al. 2025.
    """

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        beta: float = 1.0,
        tolerance: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(key_width, value_width, tolerance=tolerance, device=device, dtype=dtype)
        self.beta = _positive("beta", beta)

    @property
    def settings(self) -> dict[str, Any]:
        """Widths, tolerance and beta."""
        return {**super().settings, "beta": self.beta}

    def weights(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch n"]:
        """Equal for the patterns within reach; one for the nearest where none is."""
        self._check_queries(states)
        distances = squared_distances(states, self.keys)
        within = distances < 2 / self.beta
        nearest = torch.zeros_like(within).scatter(-1, distances.argmin(-1, keepdim=True), True)
        taken = torch.where(within.any(-1, keepdim=True), within, nearest).to(states.dtype)
        return taken / taken.sum(-1, keepdim=True)

    def energy(
        self,
        queries: Float[Tensor, "*batch key"],
        values: Float[Tensor, "*batch value"] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """See `log_sum_relu_energy`."""
        self._check_energy(queries, values)
        return log_sum_relu_energy(queries, self.keys, self.beta)

    def update(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch key"]:
        """The mean of the patterns within reach: a mean shift, which never raises the energy."""
        return self.weights(states) @ self.keys

    def answer(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The mean of their values."""
        return self.weights(states) @ self.values


class RandomFeatureHopfield(HopfieldNetwork):
    """The Gaussian kernel's energy in random features: E(xi) = -beta^-1 ln <phi(xi), Σ phi(x_i)>.

    What reading needs is one sum of fixed size, to which a write adds and from which forgetting
    takes, however many patterns there are; the patterns themselves are kept only to be forgotten.
    The error of the kernel falls with the root of the number of features, and drowns the energy
    where beta is large: where they see no pattern near, states stay where they are.

    Args:
        key_width: features of a state and of a key.
        value_width: features of a value; those of a key by default.
        beta: inverse squared width of the kernel.
        features: number of random frequencies Y; phi has twice as many numbers.
        seed: of the frequencies.
        tolerance: as for `HopfieldNetwork`.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: beta is not positive and finite, or there are no features.

    Source: Hoover et al. 2024, equations 7 to 9; Rahimi and Recht 2007.
    """

    frequencies: Tensor
    sums: Tensor

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        beta: float = 1.0,
        features: int = 4096,
        seed: int = 0,
        tolerance: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(key_width, value_width, tolerance=tolerance, device=device, dtype=dtype)
        if features < 1:
            raise MemoryShapeError(f"random features number one or more, not {features}")
        self.beta, self.features, self.seed = _positive("beta", beta), features, seed
        generator = torch.Generator("cpu").manual_seed(seed)
        drawn = torch.randn(
            features, key_width, generator=generator, dtype=torch.float64, device="cpu"
        )
        like = self.written_keys
        self.register_buffer("frequencies", (math.sqrt(self.beta) * drawn).to(like))
        # A column for the density, then one for each feature of a value.
        self.register_buffer("sums", like.new_zeros(2 * features, 1 + self.value_width))

    @property
    def settings(self) -> dict[str, Any]:
        """Widths, tolerance, beta, features and seed."""
        own = {"beta": self.beta, "features": self.features, "seed": self.seed}
        return {**super().settings, **own}

    def phi(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch feature"]:
        """Cosines and sines of the states' phases, of norm one.

        The product of two states' features is near the kernel of the two.
        """
        phases = states @ self.frequencies.T
        return torch.cat([phases.cos(), phases.sin()], -1) / math.sqrt(self.features)

    def _reset(self) -> None:
        self.sums = torch.zeros_like(self.sums)

    def _learn(self, keys: Tensor, values: Tensor, earlier_keys: Tensor) -> None:
        columns = torch.cat([torch.ones_like(values[:, :1]), values], 1)
        self.sums = self.sums + self.phi(keys).T @ columns

    def energy(
        self,
        queries: Float[Tensor, "*batch key"],
        values: Float[Tensor, "*batch value"] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """The energy as the features have it."""
        self._check_energy(queries, values)
        density = self.phi(queries) @ self.sums[:, 0]
        return -density.clamp(min=_FLOOR).log() / self.beta

    def update(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch key"]:
        """A step down the gradient: of size 1, the mean shift, or less where that would rise."""
        self._check_queries(states)
        phases = states @ self.frequencies.T
        cosines, sines = phases.cos(), phases.sin()
        of_cosine, of_sine = self.sums[:, 0].split(self.features)
        scale = 1 / math.sqrt(self.features)
        density = (cosines @ of_cosine + sines @ of_sine) * scale
        # Where noise drowns the density its logarithm is cut off, and has no slope.
        seen = (density > _FLOOR).to(density.dtype)
        density = density.clamp(min=_FLOOR)
        slopes = (cosines * of_sine - sines * of_cosine) * scale
        uphill = slopes @ self.frequencies * (seen / density / self.beta)[..., None]
        if states.is_meta:
            return states + uphill
        now = self.energy(states)
        size, moved = torch.ones_like(now), states + uphill
        for _ in range(_HALVINGS):
            rises = self.energy(moved) > now
            if not bool(rises.any()):
                return moved
            size = torch.where(rises, size / 2, size)
            moved = states + size[..., None] * uphill
        return torch.where((self.energy(moved) > now)[..., None], states, moved)

    def answer(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The values, weighed by the kernel as the features have it."""
        self._check_queries(states)
        mixed = self.phi(states) @ self.sums
        return mixed[..., 1:] / mixed[..., :1].clamp(min=_FLOOR)


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise MemoryShapeError(f"{name} must be positive and finite, not {value}")
    return float(value)
