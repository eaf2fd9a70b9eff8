"""The Energy Transformer: one block whose tokens descend one energy (Hoover et al. 2023).

Tokens x are normalised to g by a LayerNorm that is the gradient of a Lagrangian.  Attention and a
Hopfield network each give g an energy, and x <- x - alpha dE/dg, T times with the same weights.
The energy falls: dE/dt = -Σ (dE/dg)^T H (dE/dg), with H, the Hessian of the Lagrangian, having no
negative eigenvalue as long as the LayerNorm has one gain for all features.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.energy.base import Descent
from unfrozen.energy.lagrangians import layer_norm
from unfrozen.errors import EnergyError

Mask = Bool[Tensor, "#b token token"]
"""True where a token (row) may see a token (column)."""


class EnergyLayerNorm(nn.Module):
    """LayerNorm with one gain for all features: g = gain (x - mean) / sqrt(var + eps) + bias.

    Args:
        width: features of a token.
        eps: keeps the root from zero.
        device: as for any module.
        dtype: as for any module.

    Source: Hoover et al. 2023, equation 1.
    """

    def __init__(
        self,
        width: int,
        eps: float = 1e-5,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.eps = eps
        # Kept positive, as the proof of descent needs, by the root of its square.
        self.raw_gain = nn.Parameter(torch.ones((), device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(width, device=device, dtype=dtype))

    @property
    def gain(self) -> Float[Tensor, ""]:
        """The gain, never negative."""
        return self.raw_gain.abs()

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """The activation g."""
        return self.gain * F.layer_norm(x, x.shape[-1:], eps=self.eps) + self.bias

    def lagrangian(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch"]:
        """One number a token, whose gradient is the activation."""
        return layer_norm(x, self.gain, self.bias, self.eps)


class EnergyAttention(nn.Module):
    """Attention as an energy: no values, and keys that move as well as queries.

    E = -(1/beta) Σ_h Σ_C ln Σ_B exp(beta K_hB · Q_hC), over the tokens B that C may see.

    Args:
        width: features of a token.
        heads: H.
        head_width: Y, features of a head.
        beta: inverse temperature; 1 / sqrt(head_width) by default.
        see_self: whether a token sees itself; not in the paper's sums, but in its code.
        device: as for any module.
        dtype: as for any module.

    Raises:
        EnergyError: a number is not positive.

    Source: Hoover et al. 2023, equation 3.
    """

    def __init__(
        self,
        width: int,
        heads: int = 12,
        head_width: int = 64,
        *,
        beta: float | None = None,
        see_self: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        beta = 1 / math.sqrt(max(head_width, 1)) if beta is None else beta
        if min(width, heads, head_width) < 1 or not 0 < beta < math.inf:
            raise EnergyError("attention takes positive widths, heads and beta")
        self.beta, self.see_self = beta, see_self
        shape = (heads, head_width, width)
        self.key = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.query = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        for weight in (self.key, self.query):
            nn.init.normal_(weight, std=1 / math.sqrt(width))

    def forward(
        self, g: Float[Tensor, "b token width"], mask: Mask | None = None
    ) -> Float[Tensor, " b"]:
        """The energy of each sample."""
        keys, queries = self._maps(g)
        scores = self._scores(keys, queries, mask)
        # A token that sees none has no energy, rather than an infinite one.
        blind = (scores == -math.inf).all(-1)
        return -scores.logsumexp(-1).masked_fill(blind, 0.0).sum((1, 2)) / self.beta

    def gradient(
        self, g: Float[Tensor, "b token width"], mask: Mask | None = None
    ) -> Float[Tensor, "b token width"]:
        """DE/dg in closed form: tokens move as queries, and as keys of others.

        Source: Hoover et al. 2023, equation 7.
        """
        keys, queries = self._maps(g)
        weights = self._scores(keys, queries, mask).softmax(-1)
        if mask is not None or keys.shape[2] == 1:  # a token that sees none
            weights = weights.nan_to_num(0.0)
        moved = torch.cat([weights @ keys, weights.mT @ queries], 1)
        # All heads in one product of matrices.
        together = torch.cat([self.query, self.key]).flatten(0, 1)
        return -(moved.transpose(1, 2).flatten(2) @ together)

    def _maps(self, g: Tensor) -> tuple[Tensor, Tensor]:
        together = F.linear(g, torch.cat([self.key, self.query]).flatten(0, 1))
        heads = together.unflatten(-1, (-1, self.key.shape[1])).transpose(1, 2)
        keys, queries = heads.chunk(2, 1)
        return keys, queries

    def _scores(self, keys: Tensor, queries: Tensor, mask: Mask | None) -> Tensor:
        scores = self.beta * queries @ keys.mT
        forbidden = None if mask is None else ~mask[:, None]
        if not self.see_self:
            own = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
            forbidden = own if forbidden is None else forbidden | own
        return scores if forbidden is None else scores.masked_fill(forbidden, -math.inf)


class HopfieldEnergy(nn.Module):
    """Each token among stored memories: E = -Σ_B Σ_mu G(xi_mu · g_B).

    Args:
        width: features of a token.
        memories: K.
        kind: "relu", G(z) = max(z, 0)^2 / 2; or "softmax", the log-sum-exp of a modern network.
        beta: of the softmax.
        device: as for any module.
        dtype: as for any module.

    Raises:
        EnergyError: a number is not positive, or the kind is unknown.

    Source: Hoover et al. 2023, equation 5; of "softmax", Ramsauer et al. 2021.
    """

    def __init__(
        self,
        width: int,
        memories: int,
        kind: Literal["relu", "softmax"] = "relu",
        *,
        beta: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(width, memories) < 1 or not 0 < beta < math.inf:
            raise EnergyError("a Hopfield energy takes positive widths, memories and beta")
        if kind not in ("relu", "softmax"):
            raise EnergyError(f"the kind is 'relu' or 'softmax', not {kind!r}")
        self.kind, self.beta = kind, beta
        self.memories = nn.Parameter(torch.empty(memories, width, device=device, dtype=dtype))
        nn.init.normal_(self.memories, std=1 / math.sqrt(width))

    def forward(self, g: Float[Tensor, "b token width"]) -> Float[Tensor, " b"]:
        """The energy of each sample."""
        overlaps = g @ self.memories.T
        if self.kind == "relu":
            return -(overlaps.relu() ** 2).sum((1, 2)) / 2
        return -(self.beta * overlaps).logsumexp(-1).sum(1) / self.beta

    def gradient(self, g: Float[Tensor, "b token width"]) -> Float[Tensor, "b token width"]:
        """DE/dg in closed form."""
        overlaps = g @ self.memories.T
        weights = overlaps.relu() if self.kind == "relu" else (self.beta * overlaps).softmax(-1)
        return -weights @ self.memories


class EnergyTransformer(nn.Module):
    """The block: T steps of size alpha down one energy, with one set of weights.

    Args:
        width: D, features of a token.
        heads: H.
        head_width: Y.
        memories: K; four times the width by default.
        steps: T.
        step_size: alpha.
        noise: standard deviation of the noise of each step while training, as of the paper's graph
            models; none by default.
        beta: of attention.
        see_self: whether a token attends to itself.
        kind: of the Hopfield energy.
        device: as for any module.
        dtype: as for any module.

    Raises:
        EnergyError: a number is out of its range.

    Source: Hoover et al. 2023, section 2.

    Example:
        >>> block = EnergyTransformer(8, heads=2, head_width=4, steps=3)
        >>> block(torch.zeros(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        width: int,
        heads: int = 12,
        head_width: int = 64,
        memories: int | None = None,
        *,
        steps: int = 12,
        step_size: float = 0.1,
        noise: float = 0.0,
        beta: float | None = None,
        see_self: bool = False,
        kind: Literal["relu", "softmax"] = "relu",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if steps < 0 or noise < 0 or not 0 < step_size < math.inf:
            raise EnergyError("a block takes no negative steps or noise, and a positive step size")
        self.steps, self.step_size, self.noise = steps, step_size, noise
        where = {"device": device, "dtype": dtype}
        self.norm = EnergyLayerNorm(width, **where)
        self.attention = EnergyAttention(
            width, heads, head_width, beta=beta, see_self=see_self, **where
        )
        count = 4 * width if memories is None else memories
        self.hopfield = HopfieldEnergy(width, count, kind, **where)

    def energy(
        self, x: Float[Tensor, "b token width"], mask: Mask | None = None
    ) -> Float[Tensor, " b"]:
        """E_ATT + E_HN of each sample.

        Raises:
            EnergyError: the tokens or the mask have another shape.
        """
        self._check(x, mask)
        g = self.norm(x)
        return self.attention(g, mask) + self.hopfield(g)

    def slope(
        self, x: Float[Tensor, "b token width"], mask: Mask | None = None
    ) -> Float[Tensor, "b token width"]:
        """DE/dg, against which tokens move."""
        g = self.norm(x)
        return self.attention.gradient(g, mask) + self.hopfield.gradient(g)

    def forward(
        self,
        x: Float[Tensor, "b token width"],
        mask: Mask | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b token width"]:
        """Tokens after T steps.

        Args:
            x: tokens.
            mask: true where a token (row) may see a token (column); a graph's edges, say.
            generator: draws the noise.

        Raises:
            EnergyError: the tokens or the mask have another shape.
        """
        return self.descend(x, mask, generator=generator).state

    def descend(
        self,
        x: Float[Tensor, "b token width"],
        mask: Mask | None = None,
        *,
        generator: torch.Generator | None = None,
        trajectory: bool = False,
    ) -> Descent:
        """The same, with the tokens and the energy on the way if asked for."""
        self._check(x, mask)
        way = [x]
        for _ in range(self.steps):
            x = x - self.step_size * self.slope(x, mask)
            if self.training and self.noise:
                drawn = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
                x = x + math.sqrt(self.step_size) * self.noise * drawn
            if trajectory:
                way.append(x)
        if not trajectory:
            return Descent(x, None, None, self.steps)
        energies = torch.stack([self.energy(state, mask) for state in way])
        return Descent(x, torch.stack(way), energies, self.steps)

    def _check(self, x: Tensor, mask: Tensor | None) -> None:
        width = self.norm.bias.shape[0]
        if x.ndim != 3 or x.shape[-1] != width:
            raise EnergyError(f"tokens are [batch, token, {width}], not {list(x.shape)}")
        n = x.shape[1]
        if mask is not None and (mask.ndim != 3 or mask.shape[1:] != (n, n)):
            raise EnergyError(f"the mask is [batch, {n}, {n}], not {list(mask.shape)}")
