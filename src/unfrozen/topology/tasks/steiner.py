"""A task in which cells say what pairs cannot: parity on Steiner triple systems.

In a Steiner triple system any two nodes are in exactly one triple.  As a graph, whichever triples
there are, it is complete with equal weights: whoever sees the graph sees nothing.  Here nodes have
a bit each, a triple is odd if the sum of its bits is, and of each node is asked whether most of its
triples are odd.  Triples as cells make it a matter of two steps, nodes to cells and back; of the
graph nobody can say more than what the bits alone make likely, `graph_ceiling`, which is exact.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.tasks.labelled import CellLabelled

Triples = Int64[np.ndarray, "triple 3"]


@dataclass(frozen=True, eq=False)
class Parities:
    """Triple systems with bits on their nodes.

    Attributes:
        complexes: triples are cells of rank 2; features of nodes say which bit each has, one column
            a bit.
        answers: of each, whether most triples of each node are odd.
        ceiling: the share of right answers that none who sees the pairs only exceeds.
    """

    complexes: tuple[Complex, ...]
    answers: tuple[Int64[Tensor, " node"], ...]
    ceiling: float

    def labelled(self, *, pairs: bool = False) -> CellLabelled:
        """As examples.

        Args:
            pairs: whether triples are seen as what a graph has of them: all pairs, as edges.
        """
        complexes = tuple(map(_as_pairs, self.complexes)) if pairs else self.complexes
        return CellLabelled(
            "parities", complexes, 0, self.answers, 2, "made by Bose's construction"
        )


def bose(nodes: int) -> Triples:
    """A Steiner triple system of 6t + 3 nodes.

    Nodes are pairs of a number below 2t + 1 and one of three levels.

    Raises:
        TopologyError: there are not 6t + 3 nodes.

    Source: Bose 1939; Lindner and Rodger 2008, section 1.2.

    Example:
        >>> bose(3).tolist()
        [[0, 1, 2]]
    """
    if nodes < 3 or nodes % 6 != 3:
        raise TopologyError(f"the construction has 3, 9, 15, 21, ... nodes, not {nodes}")
    n = nodes // 3
    i = np.arange(n)
    columns = [i, n + i, 2 * n + i]
    i, j = np.triu_indices(n, 1)
    between = (i + j) * (n + 1) // 2 % n  # i if they were the same
    levels = [
        np.stack([level * n + i, level * n + j, (level + 1) % 3 * n + between], 1)
        for level in range(3)
    ]
    return np.concatenate([np.stack(columns, 1), *levels])


def parities(n: int, *, nodes: int = 15, seed: int = 0) -> Parities:
    """Systems numbered anew each time, with as many bits set as not, but for one.

    Args:
        n: how many.
        nodes: of each; 15 leaves the least to guess by bits.
        seed: of numbers and bits.

    Raises:
        TopologyError: there is no such system.
    """
    draw = np.random.default_rng(seed)
    system, ones = bose(nodes), nodes // 2
    complexes, answers = [], []
    for _ in range(n):
        triples = draw.permutation(nodes)[system]
        bits = draw.permutation((np.arange(nodes) < ones).astype(np.int64))
        rows = torch.from_numpy(np.eye(2, dtype=np.float32)[bits])
        complexes.append(Complex({2: triples}, n_nodes=nodes, features={0: rows}))
        odd = bits[triples].sum(1) % 2
        often = np.bincount(triples.ravel(), np.repeat(odd, 3), minlength=nodes)
        answers.append(torch.from_numpy((2 * often > _degree(nodes)).astype(np.int64)))
    return Parities(tuple(complexes), tuple(answers), graph_ceiling(nodes, ones))


def graph_ceiling(nodes: int, ones: int) -> float:
    """The share of right answers of the best guess by bits alone.

    A node's triples pair all the others off; which way is as likely as any other.  So the number of
    pairs that differ, m, is that of a random pairing of r pairs with o ones:
    C(r, m) C(r - m, (o - m)/2) 2^m ways.

    Args:
        nodes: of the system.
        ones: bits that are set.
    """
    r = _degree(nodes)
    right = 0.0
    for bit, share in ((1, ones / nodes), (0, 1 - ones / nodes)):
        ways = _pairings(r, ones - bit)
        odd = [w for m, w in ways.items() if 2 * (r - m if bit else m) > r]
        likely = sum(odd) / sum(ways.values())
        right += share * max(likely, 1 - likely)
    return right


def _pairings(pairs: int, ones: int) -> dict[int, int]:
    """Pairs that differ -> in how many ways ones fall so on the places of pairs."""
    return {
        m: comb(pairs, m) * comb(pairs - m, (ones - m) // 2) * 2**m
        for m in range(min(pairs, ones) + 1)
        if (ones - m) % 2 == 0
    }


def _as_pairs(triples: Complex) -> Complex:
    edges = np.stack(np.triu_indices(triples.n_nodes, 1), 1)
    return Complex({1: edges}, n_nodes=triples.n_nodes, features=dict(triples.features))


def _degree(nodes: int) -> int:
    """Triples of a node."""
    return (nodes - 1) // 2
