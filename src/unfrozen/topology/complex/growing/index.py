"""Which cells lie in which, while cells come and go: by node, never by pairs of cells."""

from collections.abc import Iterable

from unfrozen.errors import TopologyError


class Index:
    """Cells by id, found by their nodes.

    Every node knows the cells that hold it, so that cells around others are what their nodes have
    in common.  Besides, each cell stands under one of its nodes, the one that has the fewest: cells
    within another stand under its nodes, and a node of very many cells hardly costs anything.
    """

    def __init__(self) -> None:
        self.rank: dict[int, int] = {}
        self.nodes: dict[int, tuple[int, ...]] = {}
        self._holders: dict[int, set[int]] = {}
        self._under: dict[int, set[int]] = {}
        self._stands: dict[int, int] = {}

    def put_node(self, own: int) -> None:
        """A node of no cells."""
        self.rank[own], self.nodes[own] = 0, (own,)
        self._holders[own], self._under[own] = set(), set()

    def put(self, own: int, rank: int, nodes: tuple[int, ...]) -> None:
        """A cell that fits."""
        self.rank[own], self.nodes[own] = rank, nodes
        under = self._under
        rarest = nodes[0]
        for node in nodes:
            self._holders[node].add(own)
            if len(under[node]) < len(under[rarest]):
                rarest = node
        under[rarest].add(own)
        self._stands[own] = rarest

    def drop(self, own: int) -> None:
        """A cell, or a node that no cell holds, is no more."""
        if self.rank.pop(own) == 0:
            del self._holders[own], self._under[own], self.nodes[own]
            return
        for node in self.nodes.pop(own):
            self._holders[node].discard(own)
        self._under[self._stands.pop(own)].discard(own)

    def holders(self, node: int) -> set[int]:
        """Cells that hold a node."""
        return self._holders[node]

    def around(self, nodes: Iterable[int]) -> set[int]:
        """Cells that hold all of some nodes, those of just these among them."""
        held = sorted((self._holders[node] for node in nodes), key=len)
        return held[0].intersection(*held[1:])

    def within(self, nodes: Iterable[int]) -> list[int]:
        """Cells that hold none but some nodes, those of just these among them; not the nodes."""
        those = set(nodes)
        own, under = self.nodes, self._under
        return [cell for node in those for cell in under[node] if those.issuperset(own[cell])]

    def check(self, rank: int, nodes: tuple[int, ...]) -> None:
        """Check that a cell would fit: a set of nodes has one rank, a part none above the whole's.

        Raises:
            TopologyError: it would not.
        """
        those = frozenset(nodes)
        if len(those) < len(nodes):
            raise TopologyError(f"a cell of rank {rank}, {list(nodes)}, has a node twice")
        if not nodes:
            raise TopologyError(f"a cell of rank {rank} has no nodes, and every cell has one")
        for node in nodes:
            if node not in self._holders:
                raise TopologyError(
                    f"a cell of rank {rank}, {list(nodes)}, has node {node}, which is not there"
                )
        if len(nodes) == 1:
            raise TopologyError(f"{list(nodes)} is a node, and a set of nodes has one rank")
        for cell in self.around(nodes):
            if len(self.nodes[cell]) == len(nodes):
                raise TopologyError(
                    f"{sorted(nodes)} is there already, as cell {cell} of rank {self.rank[cell]}, "
                    "and a set of nodes has one rank"
                )
            if self.rank[cell] < rank:
                raise TopologyError(
                    f"{sorted(nodes)} of rank {rank} would be part of cell {cell} of rank "
                    f"{self.rank[cell]}, {sorted(self.nodes[cell])}.  A part has no higher rank "
                    "than the whole"
                )
        for cell in self.within(nodes):
            if self.rank[cell] > rank:
                raise TopologyError(
                    f"cell {cell} of rank {self.rank[cell]}, {sorted(self.nodes[cell])}, would be "
                    f"part of {sorted(nodes)} of rank {rank}.  A part has no higher rank than the "
                    "whole"
                )
