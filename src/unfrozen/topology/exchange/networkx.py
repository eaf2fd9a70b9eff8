"""Graphs of NetworkX."""

from collections.abc import Collection
from typing import Any

import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.exchange.foreign import Foreign, Named, assemble


def from_networkx(
    graph: Any, *, leave_out: Collection[str] = (), dtype: torch.dtype = torch.float32
) -> Foreign:
    """A graph as a complex of rank 1; numbers at nodes and edges become features.

    Args:
        graph: undirected, without loops and parallel edges.
        leave_out: attributes that are not wanted, such as those that are no numbers.
        dtype: of the features.

    Returns:
        The complex, its nodes and edges in the graph's order; attributes of the graph itself are in
        `rest`.

    Raises:
        TopologyError: directions, loops, parallel edges or attributes would be lost.

    Example:
        >>> import networkx as nx
        >>> found = from_networkx(nx.path_graph(["a", "b", "c"]))
        >>> found.complex, found.labels[0], found.labels[1]
        (Complex(3 nodes, 2 of rank 1), ('a', 'b', 'c'), (('a', 'b'), ('b', 'c')))
    """
    if graph.is_directed():
        raise TopologyError(
            "cells of a complex have no direction: pass graph.to_undirected(), or the directions "
            "would be lost"
        )
    if graph.is_multigraph():
        raise TopologyError(
            "edges of a complex are sets of nodes, and parallel ones are the same: pass "
            "networkx.Graph(graph), in which they are one"
        )
    nodes = [Named(0, node, (node,), own) for node, own in graph.nodes(data=True)]
    edges = [Named(1, (a, b), (a, b), own) for a, b, own in graph.edges(data=True)]
    loops = [edge.label for edge in edges if len(set(edge.nodes)) == 1]
    if loops:
        raise TopologyError(f"an edge joins two nodes, and {len(loops)} are loops, as {loops[0]}")
    return assemble(nodes, edges, leave_out=leave_out, dtype=dtype, rest=graph.graph)


def to_networkx(cells: Complex | Foreign) -> Any:
    """A complex of rank 1 as a graph; features become attributes.

    Raises:
        TopologyError: there are cells that are no edges.
    """
    import networkx as nx

    foreign = Foreign.of(cells)
    own = foreign.complex
    if own.dim > 1 or bool((own.cells(1).sizes != 2).any()):
        raise TopologyError(
            f"{own} is no graph: pass cells.skeleton(1), or go by hypergraphs, by bipartite graphs "
            "or by unfrozen.topology.complex.hasse"
        )
    graph = nx.Graph(**foreign.rest)
    graph.add_nodes_from((node.label, dict(node.attributes)) for node in foreign.named(0))
    if own.dim:
        for edge in foreign.named(1):
            one, other = edge.nodes
            graph.add_edge(one, other, **edge.attributes)
    return graph
