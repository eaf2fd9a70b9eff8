"""Random numbers of many copies at once: a stream a seed, whatever its neighbours draw."""

import numpy as np
from jaxtyping import Float, Int, UInt64

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def splitmix(
    seeds: UInt64[np.ndarray, " n"], counts: UInt64[np.ndarray, " n"], size: int
) -> UInt64[np.ndarray, "n size"]:
    """Outputs of SplitMix64 from given places of given streams.

    Every output is a function of its seed and its number, so that streams need no loop.

    Args:
        seeds: of the streams.
        counts: how many numbers each has given before.
        size: how many follow.

    Source: Steele et al. 2014, fig. 17, with the constants of Vigna's splitmix64.c.
    """
    numbers = counts[:, None] + np.arange(1, size + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):  # Arithmetic modulo 2^64 is meant.
        z = seeds[:, None] + numbers * _GAMMA
        z = (z ^ (z >> np.uint64(30))) * _FIRST
        z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


class Streams:
    """A stream of uniform numbers for each of n copies.

    A copy that alone is given seed s draws what a copy among thousands draws with seed s: a batch
    of environments and a single one are equal to the bit.

    Args:
        seeds: of the copies.
    """

    def __init__(self, seeds: Int[np.ndarray, " n"]) -> None:
        self.seeds = seeds.astype(np.uint64)
        self.counts = np.zeros(len(seeds), np.uint64)

    def seed(self, rows: Int[np.ndarray, " r"], seeds: Int[np.ndarray, " r"]) -> None:
        """Begin the streams of some copies anew."""
        self.seeds[rows] = seeds.astype(np.uint64)
        self.counts[rows] = 0

    def uniform(self, rows: Int[np.ndarray, " r"], size: int) -> Float[np.ndarray, "r size"]:
        """The next numbers of some copies, from 0 to below 1."""
        drawn = splitmix(self.seeds[rows], self.counts[rows], size)
        self.counts[rows] += np.uint64(size)
        return (drawn >> np.uint64(11)) * 2.0**-53
