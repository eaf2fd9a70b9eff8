"""A float32 number as two halves: a bfloat16 that is near it, and what that lacks.

The first halves of all patterns lie together, so that a scan at half the memory traffic and a
multiple of the arithmetic speed needs no second copy of the patterns; both halves together give
every number back to the bit.
"""

import torch
from jaxtyping import BFloat16, Float32, Int16
from torch import Tensor

_HALF = 1 << 15

UNIT = 2.0**-8
"""Largest relative error of a number rounded to bfloat16."""


def split(
    numbers: Float32[Tensor, "*shape"],
) -> tuple[BFloat16[Tensor, "*shape"], Int16[Tensor, "*shape"]]:
    """The nearest bfloat16 of each number, and what is to be added to its bits.

    Args:
        numbers: finite, and not within 0.4 percent of the largest of their kind, which would round
            to infinity (`fits`).

    Example:
        >>> leading, rest = split(torch.tensor([1.0, 0.1]))
        >>> leading.tolist(), join(leading, rest).tolist() == torch.tensor([1.0, 0.1]).tolist()
        ([1.0, 0.10009765625], True)
    """
    bits = numbers.contiguous().view(torch.int32)
    # Ties go up, so that what is left fits in sixteen bits with a sign.
    upper = (bits + _HALF) >> 16
    rest = (bits - (upper << 16)).to(torch.int16)
    return upper.to(torch.int16).view(torch.bfloat16), rest


def join(
    leading: BFloat16[Tensor, "*shape"], rest: Int16[Tensor, "*shape"]
) -> Float32[Tensor, "*shape"]:
    """The numbers that were split, to the bit."""
    bits = leading.view(torch.int16).to(torch.int32)
    bits <<= 16
    bits += rest
    return bits.view(torch.float32)


def fits(numbers: Float32[Tensor, "*shape"]) -> bool:
    """Whether every number is finite, and its leading half too."""
    largest = torch.finfo(torch.bfloat16).max
    return bool((numbers.abs() <= largest).all())
