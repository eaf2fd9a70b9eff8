"""A Hebbian matrix kept as the list of its writes: exact, and of low rank.

A memory that fades and learns, W_n = decay W_(n-1) + rate v_n k_n^T, answers a query q after n
writes with

    W_n q = decay^n W_0 q + Σ_s rate decay^(n-1-s) v_s (k_s · q),

so that the matrix itself need not be made.  That spares, for a network that is trained through its
writes, one matrix a step in the graph of gradients: keys and values carry the gradient, the base
W_0 carries none.  `fold` makes the matrix when the graph is cut.

All is batched: each of b memories has its own base and writes, while decay and rate are shared.

Source: Ba et al. 2016, section 2 (fast weights as attention to the recent past).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Writes(NamedTuple):
    """Writes since the base, oldest first.

    Attributes:
        keys: k.
        values: v.
    """

    keys: Float[Tensor, "b n key"]
    values: Float[Tensor, "b n value"]


class Fading(NamedTuple):
    """What is left, when each query comes, of the base and of each write; see `fading`.

    Attributes:
        base: decay^n.
        writes: rate decay^(n-1-s), zero for those that are yet to come.
    """

    base: Float[Tensor, " q"]
    writes: Float[Tensor, "q n"]

    def at(self, query: int) -> "Fading":
        """That of one query, for the writes before it, where query q comes after q writes."""
        return Fading(self.base[query : query + 1], self.writes[query : query + 1, :query])


class BlockMask(NamedTuple):
    """Which blocks of keys reach which blocks of values: Σ_f into_f out_of_f^T, of zeros and ones.

    Attributes:
        into: one at the values of block f, zero elsewhere.
        out_of: one at all keys that reach block f.
    """

    into: Float[Tensor, "block value"]
    out_of: Float[Tensor, "block key"]

    def dense(self) -> Float[Tensor, "value key"]:
        """The mask as a matrix."""
        return self.into.T @ self.out_of


def no_writes(base: Float[Tensor, "b value key"]) -> Writes:
    """The empty list."""
    b, value, key = base.shape
    return Writes(base.new_empty(b, 0, key), base.new_empty(b, 0, value))


def write(writes: Writes, keys: Float[Tensor, "b key"], values: Float[Tensor, "b value"]) -> Writes:
    """One more write to each memory."""
    return Writes(
        torch.cat([writes.keys, keys[:, None]], 1), torch.cat([writes.values, values[:, None]], 1)
    )


def fading(before: Int[Tensor, " q"], n: int, decay: float, rate: float, like: Tensor) -> Fading:
    """Powers of the decay.

    Args:
        before: how many of the writes each query comes after.
        n: how many writes there are.
        decay: what a write leaves of all before it.
        rate: of a write.
        like: a tensor of the dtype and on the device that are wanted.
    """
    # In float64, as powers of a number close to one lose digits.
    last = before.to(like.device, torch.float64)
    age = last[:, None] - 1 - torch.arange(n, dtype=torch.float64, device=like.device)
    weights = torch.where(age >= 0, rate * decay ** age.clamp(min=0), 0.0)
    return Fading((decay**last).to(like), weights.to(like))


def read_base(
    base: Float[Tensor, "b value key"], queries: Float[Tensor, "b q key"]
) -> Float[Tensor, "b q value"]:
    """W_0 q, before it fades."""
    return queries @ base.mT


def read_writes(
    writes: Writes,
    queries: Float[Tensor, "b q key"],
    weights: Float[Tensor, "q n"],
    mask: BlockMask | None = None,
) -> Float[Tensor, "b q value"]:
    """Σ_s weights_s v_s (k_s · q): attention without a softmax.

    With a mask, Σ_s weights_s Σ_f into_f ∘ v_s (k_s · (out_of_f ∘ q)): one dot product for each
    block of values.
    """
    if mask is None:
        return (queries @ writes.keys.mT * weights) @ writes.values
    q = queries.shape[1]
    heard = (queries[:, :, None] * mask.out_of).flatten(1, 2)
    overlaps = (heard @ writes.keys.mT).unflatten(1, (q, -1)) * weights[:, None]
    answers = overlaps.flatten(1, 2) @ writes.values
    return (answers.unflatten(1, (q, -1)) * mask.into).sum(2)


def read(
    base: Float[Tensor, "b value key"],
    writes: Writes,
    queries: Float[Tensor, "b q key"],
    left: Fading,
    mask: BlockMask | None = None,
) -> Float[Tensor, "b q value"]:
    """What the memory answers to queries that each come after some of its writes.

    Args:
        base: W_0, masked already if there is a mask.
        writes: since.
        queries: q.
        left: what each query finds of the base and of each write.
        mask: of each write's outer product; none of its entries is zero by default.
    """
    of_base = left.base[:, None] * read_base(base, queries)
    return of_base + read_writes(writes, queries, left.writes, mask)


@torch.no_grad()
def fold(
    base: Float[Tensor, "b value key"],
    writes: Writes,
    decay: float,
    rate: float,
    limit: float | None = None,
    mask: BlockMask | None = None,
) -> Float[Tensor, "b value key"]:
    """The matrix W_n itself, without a gradient.

    Args:
        base: W_0.
        writes: since.
        decay: what a write leaves of all before it.
        rate: of a write.
        limit: entries are clipped to it.  Here, after all writes: a matrix that is clipped after
            every one differs where an entry passed the limit and came back.
        mask: of each write's outer product.
    """
    n = writes.keys.shape[1]
    left = fading(torch.tensor([n]), n, decay, rate, base)
    values = writes.values * left.writes[0, :, None]
    if mask is None:
        matrix = torch.baddbmm(base, values.mT, writes.keys, beta=decay**n)
    else:
        matrix = (values.mT @ writes.keys).mul_(mask.dense()).add_(base, alpha=decay**n)
    return matrix if limit is None else matrix.clamp_(-limit, limit)
