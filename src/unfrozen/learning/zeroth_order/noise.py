"""Noise that comes back: the same numbers for a seed, whatever is drawn in between or around it.

A zeroth-order step perturbs all weights, and later moves them along the same noise.  Keeping it
would take as much memory as the weights, so it is drawn again.  What is drawn must then depend on
nothing but the seed, the parameter's name and the place in it: not on how many weights are handled
at once, on threads, on the order of parameters, or on any other generator.
"""

import hashlib
import math
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import LearningError

Noise = Literal["gaussian", "rademacher", "sphere", "low-rank"]
"""Kinds of noise, each of variance one a weight."""

NOISES: tuple[Noise, ...] = get_args(Noise)

SCHEME = 2
"""Version of how noise follows from a seed; a record of another one cannot be replayed."""

# Weights that are drawn by one seed, whatever the device.
SEGMENT = 2**20
# Those that are drawn at once: on a processor, noise and weights of a block fit in the fastest
# memory that a core has to itself.
_BLOCK = 2**15
# Bits come as words, of 64 signs or 4 numbers: some more are drawn, and what stands beyond a
# parameter's end is thrown away.
_WHOLE = 64
_LEVELS = 2**16
_ONE, _SIGN = 0x3F800000, -(2**31)


class Draw(NamedTuple):
    """Which noise.

    Attributes:
        seed: of the run.
        step: of the run, from 0.
        sample: of the step, from 0.
    """

    seed: int
    step: int
    sample: int = 0

    def of(self, name: str, part: int) -> int:
        """The seed of one segment of one parameter: 63 bits of a hash."""
        told = f"{SCHEME} {self.seed} {self.step} {self.sample} {part} {name}"
        return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest()) >> 1


def check(noise: str) -> None:
    """Whether there is such noise.

    Raises:
        LearningError: there is not.
    """
    if noise not in NOISES:
        raise LearningError(f"noise is {', '.join(NOISES)}, not {noise!r}")


def segments(n: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the segments of so many weights."""
    for number, start in enumerate(range(0, n, SEGMENT)):
        yield number, start, min(start + SEGMENT, n)


@cache
def quantiles(device: torch.device) -> Float[Tensor, " level"]:
    """Quantiles of the normal distribution, as many as 16 bits tell apart, of variance one.

    Sixteen random bits choose one of them: a normal number that is rounded, its greatest size 4.3.
    On a processor this takes two thirds of the time that drawing normal numbers does.

    Args:
        device: to keep them on.
    """
    middle = (torch.arange(_LEVELS, dtype=torch.float64) + 0.5) / _LEVELS
    found = torch.special.ndtri(middle)
    return (found / found.square().mean().sqrt()).float().to(device)


class Stream:
    """The noise of one segment of a parameter, block by block.

    Args:
        noise: "rademacher", or Gaussian for any other.
        draw: which.
        name: of the parameter.
        part: number of the segment.
        device: of the weights.
    """

    def __init__(
        self, noise: Noise, draw: Draw, name: str, part: int, device: torch.device
    ) -> None:
        self.device = device
        self.generator = torch.Generator(device).manual_seed(draw.of(name, part))
        self.signs = noise == "rademacher"

    def block(self, out: Float[Tensor, " block"]) -> Float[Tensor, " block"]:
        """The next numbers, in `out` if they fit there as they are drawn.

        Args:
            out: room for them, float32, of a length that `drawn_length` says.
        """
        # A number is one bit, the sign of a one, or sixteen, the place of a quantile.
        each = 1 if self.signs else 16
        bits = torch.empty(len(out) * each // 64, dtype=torch.int64, device=self.device)
        bits.random_(-(2**63), None, generator=self.generator)
        if not self.signs:
            places = bits.view(torch.uint16).int()
            return torch.index_select(quantiles(self.device), 0, places, out=out)
        # Copies of a word whose sign is each of its bits in turn.
        words = out.view(torch.int32).view(-1, 32)
        shifts = torch.arange(32, dtype=torch.int32, device=self.device)
        torch.bitwise_left_shift(bits.view(torch.int32)[:, None], shifts, out=words)
        words.bitwise_and_(_SIGN).bitwise_or_(_ONE)
        return out


def block_length(device: torch.device) -> int:
    """How many numbers are drawn at once; graphics processors take a segment whole."""
    return _BLOCK if device.type == "cpu" else SEGMENT


def drawn_length(n: int) -> int:
    """How many numbers are drawn where so many are needed."""
    return -(-n // _WHOLE) * _WHOLE


def factors(
    draw: Draw, name: str, shape: tuple[int, int], rank: int, device: torch.device
) -> tuple[Float[Tensor, "rows rank"], Float[Tensor, "cols rank"]]:
    """U and V of a matrix's noise U Vᵀ, whose numbers have variance one.

    Args:
        draw: which.
        name: of the parameter.
        shape: of the matrix.
        rank: of the noise.
        device: of the weights.

    Source: Sarkar et al. 2025 (EGGROLL), for U Vᵀ over the root of the rank.
    """
    rows, cols = shape
    n, length = (rows + cols) * rank, block_length(device)
    stream = Stream("gaussian", draw, name, 0, device)
    whole = torch.empty(drawn_length(n), device=device, dtype=torch.float32)
    for block in whole.split(length):
        stream.block(block)
    left, right = whole[: rows * rank], whole[rows * rank : n]
    return left.view(rows, rank) / math.sqrt(rank), right.view(cols, rank)
