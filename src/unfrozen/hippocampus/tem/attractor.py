"""Conjunctive codes, and their retrieval from a Hebbian memory by an attractor.

The memories stand on `unfrozen.memory.linear.hebbian`: within a window of training they are lists
of their writes, exact as long as no entry passes the limit.  They are clipped to it when the window
ends, as in the authors' second version, where the paper clips after every write.

Source: Whittington et al. 2020, STAR Methods (p = f_p(g~ ∘ x~), attractor and Hebbian learning).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from unfrozen.memory.linear.hebbian import (
    BlockMask,
    Fading,
    Writes,
    read_base,
    read_writes,
)

_LEAK = 0.01


def activate(p: Float[Tensor, "*batch place"]) -> Float[Tensor, "*batch place"]:
    """A leaky ReLU of what is clipped to -1 and 1 (f_p)."""
    return F.leaky_relu(p.clamp(-1, 1), _LEAK)


def conjoin(
    sampled: Float[Tensor, "*batch cell"], senses: Float[Tensor, "*batch cell feature"]
) -> Float[Tensor, "*batch place"]:
    """P = f_p(g~ ∘ x~): the outer product of a stream's sampled code and what it sees."""
    return activate((sampled[..., None] * senses).flatten(-2))


def pairs(old: Tensor, retrieved: Tensor) -> tuple[Tensor, Tensor]:
    """Key and value of a write, p + p^ and p - p^: nothing is written that is known already."""
    return old + retrieved, old - retrieved


class Iteration(NamedTuple):
    """One step of an attractor.

    Attributes:
        rows: conjunctive cells that move, the first so many.
        moving: the same, as a mask; None where all move.
        mask: of the memory's writes, into those that move; None of one whose cells all reach all.
    """

    rows: int
    moving: Bool[Tensor, " place"] | None
    mask: BlockMask | None


def block_mask(sizes: Sequence[int], reach: Bool[Tensor, "to out_of"]) -> BlockMask:
    """A mask of blocks: which of them reach which.

    Args:
        sizes: of the blocks.
        reach: whether a block (row) is reached by a block (column).
    """
    widths = torch.tensor(list(sizes))
    into = torch.eye(len(widths)).repeat_interleave(widths, 1)
    return BlockMask(into, reach.float().repeat_interleave(widths, 1))


def hierarchy(streams: int, free: int = 0) -> Bool[Tensor, "to out_of"]:
    """Slow streams reach themselves and faster ones.

    Args:
        streams: from the fastest to the slowest.
        free: of the first streams that reach all, and that all reach.
    """
    reach = torch.ones(streams, streams, dtype=torch.bool).triu()
    reach[:, :free] = True
    reach[:free] = True
    return reach


def iterations(
    mask: BlockMask, sizes: Sequence[int], stops: Sequence[int]
) -> tuple[Iteration, ...]:
    """The steps of a retrieval in which slow streams stop early.

    Args:
        mask: of the memory, one block a stream.
        sizes: of the streams.
        stops: after how many iterations each stream stops; none later than the one before it.
    """
    assert all(a >= b for a, b in pairwise(stops)), "the first streams move longest"
    steps = []
    for i in range(max(stops)):
        moving = sum(stop > i for stop in stops)
        rows = sum(sizes[:moving])
        which = torch.arange(mask.into.shape[1], device=mask.into.device) < rows
        own = BlockMask(mask.into[:moving], mask.out_of[:moving])
        steps.append(Iteration(rows, None if moving == len(sizes) else which, own))
    return tuple(steps)


def retrieve(
    start: Float[Tensor, "b q place"],
    base: Float[Tensor, "b place place"],
    writes: Writes,
    left: Fading,
    steps: Sequence[Iteration],
    kappa: float,
    first: Float[Tensor, "b q place"] | None = None,
) -> Float[Tensor, "b q place"]:
    """Retrieve by an attractor: h <- f_p(kappa h + M h).

    Args:
        start: states that have been activated.
        base: the memory before the writes; no gradient goes to it.
        writes: since.
        left: what each query finds of the base and of each write.
        steps: of the attractor.
        kappa: what a state keeps in a step.
        first: what the base answers to the start, where that is known: of all steps of a window
            at once, it is read from memory once.

    Returns:
        The states after the last step.
    """
    h, width = start, start.shape[2]
    faded = left.base[:, None]
    for i, (rows, moving, mask) in enumerate(steps):
        known = first if i == 0 and first is not None else read_base(base[:, :rows], h)
        if known.shape[2] < width:
            known = F.pad(known, (0, width - rows))
        new = activate(kappa * h + faded * known + read_writes(writes, h, left.writes, mask))
        h = new if moving is None else torch.where(moving, new, h)
    return h
