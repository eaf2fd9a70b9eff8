"""The classical Hopfield network: signs, coupled in pairs (Hopfield 1982).

E(s) = -1/2 s^T W s, with W symmetric and of zero diagonal; s_i <- sign((W s)_i).  Three rules give
W: Hebb's, which holds 0.138 d random patterns with few errors; Storkey's, which holds
d/sqrt(2 ln d); and the pseudo-inverse, which holds any that are linearly independent.
"""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.binary import BinaryHopfield, Order, signs

Rule = Literal["hebb", "storkey", "pseudo-inverse"]
# Features whose mutual couplings are followed one by one while the rest is one product.
_BLOCK = 64


def hebb(keys: Float[Tensor, "n key"]) -> Float[Tensor, "key key"]:
    """W = X^T X / d without its diagonal.

    Source: Hopfield 1982, equation 2.
    """
    return _without_diagonal(keys.T @ keys / keys.shape[1])


def storkey(
    coupling: Float[Tensor, "key key"], key: Float[Tensor, " key"]
) -> Float[Tensor, "key key"]:
    """W after one more pattern: Hebb's term less what the network says of it already.

    W_ij += (x_i x_j - x_i h_ji - h_ij x_j) / d, where h_ij = Σ_{k ≠ i, j} W_ik x_k.

    Source: Storkey 1997, equation 3.
    """
    fields = (coupling @ key)[:, None] - coupling * key[None, :]
    step = torch.outer(key, key) - key[:, None] * fields.T - fields * key[None, :]
    return _without_diagonal(coupling + step / len(key))


def pseudo_inverse(keys: Float[Tensor, "n key"]) -> Float[Tensor, "key key"]:
    """The projection on the span of the patterns, without its diagonal.

    Source: Personnaz et al. 1985; Kanter and Sompolinsky 1987 for the diagonal.
    """
    return _without_diagonal(_duals(keys).T @ keys)


def _duals(keys: Float[Tensor, "n key"]) -> Float[Tensor, "n key"]:
    """The rows that are one with their own pattern and zero with the others."""
    return torch.linalg.pinv(keys.double()).T.to(keys)


def energy(
    states: Float[Tensor, "*batch key"], coupling: Float[Tensor, "key key"]
) -> Float[Tensor, "*batch"]:
    """E(s) = -1/2 s^T W s.

    Source: Hopfield 1982, equation 7.
    """
    return -0.5 * (states @ coupling * states).sum(-1)


def _without_diagonal(matrix: Tensor) -> Tensor:
    return matrix - torch.diag(matrix.diagonal())


class ClassicalHopfield(BinaryHopfield):
    """The network of 1982, in a matrix.

    Args:
        key_width: features of a state and of a key.
        value_width: features of a value; those of a key by default.
        rule: "hebb", "storkey" or "pseudo-inverse".
        order: as for `BinaryHopfield`.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: the rule or the order is unknown.

    Source: Hopfield 1982; values as Kosko 1988.

    Example:
        >>> memory = ClassicalHopfield(4)
        >>> _ = memory.write(torch.tensor([[1.0, 1, -1, -1]]))
        >>> memory.read(torch.tensor([-1.0, 1, -1, -1])).tolist()
        [1.0, 1.0, -1.0, -1.0]
    """

    coupling: Tensor
    duals: Tensor
    _growing = (*BinaryHopfield._growing, "duals")

    def __init__(
        self,
        key_width: int,
        value_width: int | None = None,
        *,
        rule: Rule = "hebb",
        order: Order = "asynchronous",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(key_width, value_width, order=order, device=device, dtype=dtype)
        if rule not in ("hebb", "storkey", "pseudo-inverse"):
            raise MemoryShapeError(f"the rule is hebb, storkey or pseudo-inverse, not {rule!r}")
        self.rule: Rule = rule
        zeros = self.written_keys.new_zeros
        self.register_buffer("coupling", zeros(key_width, key_width))
        # Of the pseudo-inverse; the other rules ask with the patterns themselves.
        self.register_buffer("duals", zeros(0, key_width))

    @property
    def settings(self) -> dict[str, Any]:
        """Widths, order and rule."""
        return {**super().settings, "rule": self.rule}

    def _reset(self) -> None:
        self.coupling = torch.zeros_like(self.coupling)
        self.duals = self.duals[:0]

    def _learn(self, keys: Tensor, values: Tensor, earlier_keys: Tensor) -> None:
        self._check_signs(keys, values)
        if self.rule == "pseudo-inverse":
            every = torch.cat([earlier_keys, keys])
            self.coupling, self.duals = pseudo_inverse(every), _duals(every)
            return
        coupling = self.coupling
        if self.rule == "hebb":
            coupling = coupling + hebb(keys)
        else:
            for key in keys:
                coupling = storkey(coupling, key)
        self.coupling = coupling

    def energy(
        self,
        queries: Float[Tensor, "*batch key"],
        values: Float[Tensor, "*batch value"] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """See the function `energy`; of states as they are, signs or not."""
        self._check_energy(queries, values)
        return energy(queries, self.coupling)

    def answer(self, states: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The signs of the associated values; of auto-association, one more update."""
        self._check_queries(states)
        if self.key_width == self.value_width and self._is_auto():
            return self.update(states)
        asked = self.duals if self.rule == "pseudo-inverse" else self.keys
        answers = states @ asked.T @ self.values
        return signs(answers, torch.ones_like(answers))

    def _is_auto(self) -> bool:
        return not self.keys.is_meta and torch.equal(self.keys, self.values)

    def _synchronous(self, states: Float[Tensor, "b key"]) -> Float[Tensor, "b key"]:
        return signs(states @ self.coupling, states, self._rounding())

    def _rounding(self) -> Tensor:
        """How far a field that is zero may be from it: a state must not turn for that."""
        return 8 * torch.finfo(self.coupling.dtype).eps * (1 + self.coupling.abs().sum(0).max())

    def _asynchronous(
        self, states: Float[Tensor, "b key"], order: Tensor
    ) -> Float[Tensor, "b key"]:
        states, rounding = states.clone(), self._rounding()
        for block in order.split(_BLOCK):
            coupling = self.coupling[:, block]
            fields, inner = states @ coupling, coupling[block]
            now = states[:, block]
            for i in range(len(block)):
                new = signs(fields[:, i], now[:, i], rounding)
                flipped = new - now[:, i]
                if bool(flipped.any()):
                    fields = fields + torch.outer(flipped, inner[i])
                    now[:, i] = new
            states[:, block] = now
        return states
