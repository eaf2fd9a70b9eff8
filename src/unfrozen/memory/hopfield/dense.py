"""Dense associative memories: signs, coupled by more than pairs (Krotov and Hopfield 2016).

E(s) = -Σ_i F(x_i · s).  F(z) = z^2 is the classical network; z^n stores some d^(n-1) random
patterns, and exp(z) exponentially many (Demircigil et al. 2017).
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.binary import BinaryHopfield, Order, signs

# Numbers in the temporary tensors of a synchronous step.
_ROOM = 1 << 24


def power(degree: int, rectified: bool = False) -> Callable[[Tensor], Tensor]:
    """F(z) = z^n, or max(z, 0)^n.

    Source: Krotov and Hopfield 2016, equations 3 and 4.
    """

    def interaction(z: Tensor) -> Tensor:
        return (z.relu() if rectified else z) ** degree

    return interaction


class DenseHopfield(BinaryHopfield):
    """Interactions of a degree, or exponential ones.

    Overlaps are taken per feature, so that no power overflows; energies of degree n are those of
    the paper by d^-n.  Of the exponential, the energy is -ln Σ exp(x_i · s), which falls where the
    published sum falls.

    Args:
        key_width: features of a state and of a key.
        value_width: features of a value; those of a key by default.
        degree: n of F(z) = z^n; None for the exponential.
        rectified: F(z) = max(z, 0)^n, so that patterns do not store their opposites.
        order: as for `BinaryHopfield`.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: the degree is below 2, or the order unknown.

    Source: Krotov and Hopfield 2016, equations 1 to 5; Demircigil et al. 2017.
    """

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        degree: int | None = 3,
        rectified: bool = False,
        order: Order = "asynchronous",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(key_width, value_width, order=order, device=device, dtype=dtype)
        if degree is not None and degree < 2:
            raise MemoryShapeError(f"interactions are of degree 2 or more, not {degree}")
        self.degree, self.rectified = degree, rectified

    @property
    def settings(self) -> dict[str, Any]:
        """Widths, order, degree and rectification."""
        return {**super().settings, "degree": self.degree, "rectified": self.rectified}

    def _learn(self, keys: Tensor, values: Tensor, earlier_keys: Tensor) -> None:
        self._check_signs(keys, values)

    def energy(
        self,
        queries: Float[Tensor, "*batch key"],
        values: Float[Tensor, "*batch value"] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """E(s) = -Σ F(x_i · s / d), or -ln Σ exp(x_i · s)."""
        self._check_energy(queries, values)
        return -self._sum(queries @ self.keys.T)

    def _sum(self, overlaps: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        if self.degree is None:
            return overlaps.logsumexp(-1)
        return power(self.degree, self.rectified)(overlaps / self.key_width).sum(-1)

    def _gain(self, with_plus: Tensor, with_minus: Tensor) -> Tensor:
        """Positive where a feature of +1 has the lower energy: E(-1) - E(+1).

        Zero where it is no more than rounding: a state must not turn for that.
        """
        plus, minus = self._sum(with_plus), self._sum(with_minus)
        sizes = plus.abs() + minus.abs()
        if self.degree is not None and self.degree % 2 and not self.rectified:
            sizes = self._sum(with_plus.abs()) + self._sum(with_minus.abs())
        gain = plus - minus
        return gain.masked_fill(gain.abs() <= 8 * torch.finfo(gain.dtype).eps * sizes, 0.0)

    def answer(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The signs of the values weighed by F' of the overlaps."""
        self._check_queries(states)
        overlaps = states @ self.keys.T
        if self.degree is None:
            weights = overlaps.softmax(-1)
        else:
            weights = power(self.degree - 1, self.rectified)(overlaps / self.key_width)
        answers = weights @ self.values
        return signs(answers, torch.ones_like(answers))

    def _synchronous(self, states: Float[Tensor, "b key"]) -> Float[Tensor, "b key"]:
        keys, n = self.keys, max(1, len(self.keys))
        out = []
        rows = max(1, _ROOM // (n * self.key_width))
        for part in states.split(rows):
            others = (part @ keys.T)[:, None, :] - part[:, :, None] * keys.T
            out.append(signs(self._gain(others + keys.T, others - keys.T), part))
        return torch.cat(out) if out else states

    def _asynchronous(
        self, states: Float[Tensor, "b key"], order: Tensor
    ) -> Float[Tensor, "b key"]:
        states = states.clone()
        overlaps = states @ self.keys.T
        for i in order.tolist():
            key, now = self.keys[:, i], states[:, i]
            others = overlaps - torch.outer(now, key)
            new = signs(self._gain(others + key, others - key), now)
            if not torch.equal(new, now):
                overlaps = others + torch.outer(new, key)
                states[:, i] = new
        return states
