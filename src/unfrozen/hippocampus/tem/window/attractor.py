"""Conjunctive codes, and the steps of the attractor that retrieves them from a Hebbian memory.

Source: Whittington et al. 2020, STAR Methods (p = f_p(g~ ∘ x~), attractor and Hebbian learning).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from unfrozen.memory.linear.hebbian import BlockMask

LEAK = 0.01
"""Slope of f_p below zero."""


def activate(p: Float[Tensor, "*batch place"]) -> Float[Tensor, "*batch place"]:
    """A leaky ReLU of what is clipped to -1 and 1 (f_p)."""
    return F.leaky_relu(p.clamp(-1, 1), LEAK)


def slope(p: Float[Tensor, "*batch place"]) -> Float[Tensor, "*batch place"]:
    """The derivative of `activate`, as autograd has it at the corners."""
    return torch.where(p > 0, p.new_ones(()), LEAK) * (p.abs() <= 1)


def conjoin(
    sampled: Float[Tensor, "*batch cell"], senses: Float[Tensor, "*batch cell feature"]
) -> Float[Tensor, "*batch place"]:
    """P = f_p(g~ ∘ x~): the outer product of a stream's sampled code and what it sees."""
    return activate((sampled[..., None] * senses).flatten(-2))


class Iteration(NamedTuple):
    """One step of an attractor.

    Attributes:
        rows: conjunctive cells that move, the first so many; the others stay as they are.
        blocks: how many blocks of the memory's mask these are.
    """

    rows: int
    blocks: int


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


def iterations(sizes: Sequence[int], stops: Sequence[int]) -> tuple[Iteration, ...]:
    """The steps of a retrieval in which slow streams stop early.

    Args:
        sizes: of the streams.
        stops: after how many iterations each stream stops, one at least; none later than the one
            before it.
    """
    assert all(a >= b for a, b in pairwise(stops)), "the first streams move longest"
    assert min(stops) >= 1, "all streams move once"
    moving = [sum(stop > i for stop in stops) for i in range(max(stops))]
    return tuple(Iteration(sum(sizes[:blocks]), blocks) for blocks in moving)
