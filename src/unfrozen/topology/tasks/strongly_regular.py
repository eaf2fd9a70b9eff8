"""Graphs that look alike: strongly regular ones of equal parameters, and circular skip links.

In a strongly regular graph every node has k neighbours, adjacent nodes share λ of them, and others
share μ.  Graphs with equal parameters are alike to colour refinement (1-WL), and to 3-WL too, so
what tells them apart sees more than a message-passing network on the graph does.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import torch
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.tasks.labelled import Labelled


@dataclass(frozen=True)
class Parameters:
    """Of a family of strongly regular graphs.

    Attributes:
        nodes: n.
        degree: k, neighbours of a node.
        adjacent: λ, common neighbours of adjacent nodes.
        others: μ, common neighbours of other nodes.
        graphs: how many there are but for isomorphism.
    """

    nodes: int
    degree: int
    adjacent: int
    others: int
    graphs: int

    @property
    def pairs(self) -> int:
        """Pairs of graphs of the family."""
        return self.graphs * (self.graphs - 1) // 2


FAMILIES = {
    "sr16622": Parameters(16, 6, 2, 2, 2),
    "sr251256": Parameters(25, 12, 5, 6, 15),
    "sr261034": Parameters(26, 10, 3, 4, 10),
    "sr281264": Parameters(28, 12, 6, 4, 4),
}
"""The families by name, all complete: 157 pairs."""
SKIPS = (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)
"""Skips of the benchmark of circular skip links, by class."""
_FILE = "strongly_regular.g6"
_PACKAGE = "unfrozen.topology.tasks"


def strongly_regular(family: str) -> tuple[Complex, ...]:
    """All strongly regular graphs of a family, none isomorphic to another.

    - sr(16,6,2,2): the 4 x 4 rook's graph and Shrikhande's.
    - sr(25,12,5,6) and sr(26,10,3,4): Paulus's graphs.
    - sr(28,12,6,4): the triangular graph of 8 and its switchings, Chang's three.

    Raises:
        TopologyError: there is no such family.

    Source: Paulus 1973; Chang 1959; Spence's catalogue has the same.  Those of the package were
        made anew: by Latin squares, two circulants of 13, Seidel switching (Godsil and Royle 2001,
        chapter 11) and Godsil-McKay switching.

    Example:
        >>> strongly_regular("sr16622")
        (Complex(16 nodes, 48 of rank 1), Complex(16 nodes, 48 of rank 1))
    """
    if family not in FAMILIES:
        raise TopologyError(f"no family {family!r} of graphs: there are {', '.join(FAMILIES)}")
    lines = files(_PACKAGE).joinpath(_FILE).read_text(encoding="ascii").split("\n")
    n = FAMILIES[family].nodes
    return tuple(
        Complex({1: _edges(line)}, n_nodes=n) for line in lines if line and _size(line) == n
    )


def _size(line: str) -> int:
    return ord(line[0]) - 63


def _edges(line: str) -> Int64[np.ndarray, "edge 2"]:
    """Edges of a graph in graph6: the upper triangle column by column, six bits a character."""
    codes = np.frombuffer(line[1:].encode("ascii"), np.uint8) - 63
    bits = np.unpackbits(codes[:, None], axis=1)[:, 2:].ravel()
    n = _size(line)
    column, row = np.tril_indices(n, -1)
    there = bits[: len(row)] == 1
    return np.stack([row[there], column[there]], 1).astype(np.int64)


def circular_skip_links(n: int, skip: int) -> Complex:
    """A cycle, and links from each node to the one so many ahead: all nodes have four neighbours.

    Args:
        n: nodes.
        skip: how far a link goes.

    Raises:
        TopologyError: links would be edges of the cycle, or be there twice.

    Source: Murphy et al. 2019.
    """
    if not 2 <= skip < n / 2:
        raise TopologyError(
            f"of {n} nodes on a cycle, links skip from 2 to less than half, not {skip}"
        )
    node = np.arange(n)
    cycle, links = (np.stack([node, (node + by) % n], 1) for by in (1, skip))
    return Complex({1: np.concatenate([cycle, links])}, n_nodes=n)


def skip_links(*, copies: int = 15, n: int = 41, seed: int = 0) -> Labelled:
    """The benchmark of circular skip links: ten classes of graphs, each renumbered at random.

    Args:
        copies: of each class.
        n: nodes.
        seed: of the numbering.

    Raises:
        TopologyError: there are too few nodes for the skips.

    Source: Murphy et al. 2019; Chen et al. 2019 for the numbers.
    """
    draw = np.random.default_rng(seed)
    graphs, classes = [], []
    for which, skip in enumerate(SKIPS):
        edges = circular_skip_links(n, skip).cells(1).members.reshape(-1, 2)
        for _ in range(copies):
            graphs.append(Complex({1: draw.permutation(n)[edges]}, n_nodes=n))
            classes.append(which)
    return Labelled(
        "CSL", tuple(graphs), torch.tensor(classes), f"circular skip links, made with seed {seed}"
    )
