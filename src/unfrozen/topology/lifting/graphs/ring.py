"""Rings: cycles of a graph without a chord."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.lifting.base.adjacency import Adjacency
from unfrozen.topology.lifting.base.augmentation import Reduction, augment

_FEW = 256  # nodes up to which all have a bit
_A_HANDFUL = 32  # cycles for which arrays take longer than lists


def rings(
    complex: Complex,  # noqa: A002
    longest: int = 6,
    *,
    features: Reduction | None = None,
    most: int = 5_000_000,
) -> Complex:
    """A complex with all induced cycles of its graph up to a length as cells of rank 2.

    The nodes of a ring are in the order in which it goes round, so that it is oriented.  Rings that
    are cells already, such as triangles of a clique complex, are skipped.

    Args:
        complex: whose cells of rank 1 are the edges.
        longest: most nodes of a ring.
        features: how those of the nodes make those of a ring; None for none.
        most: rings to take.

    Raises:
        TopologyError: rings are shorter than triangles, or there are more than are to be taken.

    Source: Hajij et al. 2022, appendix B.3 (loop-based); Bodnar et al. 2021 for induced cycles.

    Example:
        >>> square = Complex({1: [[0, 1], [1, 2], [2, 3], [3, 0]]})
        >>> rings(square).cells(2)[0]
        array([0, 1, 2, 3])
    """
    return augment(complex, 2, induced_cycles(Adjacency.of(complex), longest, most), features)


def induced_cycles(graph: Adjacency, longest: int, most: int = 5_000_000) -> Cells:
    """All cycles up to a length in which only nodes next to each other are joined.

    Each is found from one of its nodes, by walks that never touch themselves and never go too far
    to be back in time.  Work and memory follow the walks, not the number of nodes.

    Args:
        graph: without loops.
        longest: most nodes of a cycle.
        most: cycles to find.

    Returns:
        Cycles by size and then by nodes; each goes from its lowest node to the lower of the two
        beside it, and on round.

    Raises:
        TopologyError: cycles are shorter than triangles, or there are more.
    """
    if longest < 3:
        raise TopologyError(f"a ring has 3 nodes or more, not {longest}")
    kept = _pruned(graph)
    # Nodes of many neighbours last: walks begin there, and seldom go through.
    order = sorted(kept, key=lambda node: (len(kept[node]), node))
    place = {node: at for at, node in enumerate(order)}
    neighbours = [[place[other] for other in kept[node]] for node in order]
    surroundings = _of_few if len(order) <= _FEW else _of_many
    found: list[list[int]] = [[] for _ in range(longest + 1)]
    left = most
    for around in surroundings(neighbours, longest):
        left -= _close(around, longest, found, left)
        if left < 0:
            raise TopologyError(
                f"there are more than {most:,} rings of up to {longest} nodes: ask for shorter "
                "ones, or for more"
            )
    return _in_order(found, order)


class _Around(NamedTuple):
    """Where walks from a node may go, sets of nodes being bits of whole numbers.

    Attributes:
        start: the node.
        nodes: which node each bit is.
        beside: of each of them, the neighbours.
        first: those beside the start.
        reach: those no more than so many steps from the start, without the first.
    """

    start: int
    nodes: Sequence[int]
    beside: Sequence[int]
    first: int
    reach: list[int]


def _of_few(neighbours: list[list[int]], longest: int) -> Iterator[_Around]:
    """Each node amid those before it, all of which have a bit."""
    beside = [sum([1 << other for other in others]) for others in neighbours]
    for start, others in enumerate(beside):
        before = (1 << start) - 1
        first = shell = others & before
        if not first & (first - 1):
            continue
        before ^= first
        reached, reach = 0, [0, 0]
        for _ in range(longest - 2):
            further = 0
            while shell and len(reach) <= longest // 2:
                bit = shell & -shell
                shell ^= bit
                further |= beside[bit.bit_length() - 1]
            shell = further & before & ~reached
            reached |= shell
            reach.append(reached)
        # Of other nodes than those before the start none is within reach.
        yield _Around(start, range(start), beside, first, reach)


def _of_many(neighbours: list[list[int]], longest: int) -> Iterator[_Around]:
    """Each node amid those before it that are near, which alone have a bit."""
    for start, others in enumerate(neighbours):
        nodes = [other for other in others if other < start]
        if len(nodes) < 2:
            continue
        bits = {node: 1 << at for at, node in enumerate(nodes)}
        first, shell = (1 << len(nodes)) - 1, nodes[:]
        reach = [0, 0]
        for _ in range(longest - 2):
            further = []
            if len(reach) <= longest // 2:
                for node in shell:
                    for other in neighbours[node]:
                        if other < start and other not in bits:
                            bits[other] = 1 << len(bits)
                            further.append(other)
            nodes += further
            shell = further
            reach.append(((1 << len(nodes)) - 1) & ~first)
        beside = [
            sum([bits[other] for other in neighbours[node] if other in bits]) for node in nodes
        ]
        yield _Around(start, nodes, beside, first, reach)


def _close(around: _Around, longest: int, found: list[list[int]], most: int) -> int:
    """Find the cycles through a node, put them where those of their size are, and count them.

    It stops where there are more than are asked for.  A walk goes on to the neighbours of its end
    that are beside no earlier node of it.  Where one of them is beside the start, it is a cycle; of
    its two ways round that is taken which begins at the lower bit.
    """
    start, nodes, beside, last, reach = around
    count = 0
    while last:
        bit = last & -last
        last ^= bit
        at = bit.bit_length() - 1
        walks: list[tuple[tuple[int, ...], int, int]] = [((start, nodes[at]), beside[at], -1)]
        while walks and count <= most:
            walk, near, free = walks.pop()
            on, size = near & free, len(walk)
            back = on & last
            while back:
                bit = back & -back
                back ^= bit
                found[size + 1] += (*walk, nodes[bit.bit_length() - 1])
                count += 1
            on &= reach[longest - size]
            if on:
                free &= ~near
                while on:
                    bit = on & -on
                    on ^= bit
                    at = bit.bit_length() - 1
                    walks.append(((*walk, nodes[at]), beside[at], free))
    return count


def _pruned(graph: Adjacency) -> dict[int, list[int]]:
    """Neighbours of the nodes that are left when those on no cycle's way are taken off."""
    pointers, columns = graph.pointers.tolist(), graph.columns.tolist()
    neighbours = [columns[begin:end] for begin, end in pairwise(pointers)]
    degrees = list(map(len, neighbours))
    ends = [node for node, degree in enumerate(degrees) if degree == 1]
    while ends:
        node = ends.pop()
        degrees[node] = 0
        for other in neighbours[node]:
            if degrees[other]:
                degrees[other] -= 1
                if degrees[other] == 1:
                    ends.append(other)
    return {
        node: [other for other in neighbours[node] if degrees[other]]
        for node, degree in enumerate(degrees)
        if degree
    }


def _in_order(found: list[list[int]], order: list[int]) -> Cells:
    """Cycles by size and then by nodes, each from its lowest node on; names are in the order."""
    sizes, parts = [], [np.zeros(0, np.int64)]
    for size, each in enumerate(found):
        many = len(each) // size if size else 0
        sizes += [size] * many
        if 0 < many <= _A_HANDFUL:
            named = [order[place] for place in each]
            walks = (named[begin : begin + size] for begin in range(0, len(named), size))
            parts.append(np.array(sorted(map(_turned, walks)), np.int64).ravel())
        elif many:
            cycles = np.array(order, np.int64)[np.array(each).reshape(-1, size)]
            parts.append(_canonical(cycles).ravel())
    return Cells.from_sizes(sizes, np.concatenate(parts))


def _turned(cycle: list[int]) -> list[int]:
    """The same cycle from its lowest node to the lower of the two beside it."""
    first = cycle.index(min(cycle))
    cycle = cycle[first:] + cycle[:first]
    return cycle if cycle[1] < cycle[-1] else [cycle[0], *cycle[:0:-1]]


def _canonical(cycles: Int64[np.ndarray, "cycle node"]) -> Int64[np.ndarray, "cycle node"]:
    """The same of very many, in ascending order."""
    count, size = cycles.shape
    rows, first = np.arange(count), cycles.argmin(1)
    ahead = cycles[rows, (first + 1) % size] < cycles[rows, first - 1]
    steps = np.where(ahead, 1, -1)[:, None] * np.arange(size)
    turned = cycles[rows[:, None], (first[:, None] + steps) % size]
    return turned[np.lexsort(turned.T[::-1])]
