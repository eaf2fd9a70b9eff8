"""Hypergraphs and simplicial complexes of XGI."""

from collections.abc import Collection
from typing import Any, Literal

import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex, SameSet
from unfrozen.topology.exchange.foreign import Foreign, Named, assemble, missing

Ranks = Literal["one", "size", "attribute"]


def from_xgi(
    hypergraph: Any,
    *,
    ranks: Ranks = "one",
    same_set: SameSet = "refuse",
    leave_out: Collection[str] = (),
    dtype: torch.dtype = torch.float32,
) -> Foreign:
    """A hypergraph as a complex; numbers at nodes and edges become features.

    Args:
        hypergraph: of XGI, or its simplicial complex.
        ranks: of its edges: all one, by their sizes (an edge of k nodes has rank k - 1), or as
            their attribute "rank" says.
        same_set: what becomes of edges of the same nodes, and of those of one node: refused, or
            skipped but for the first.
        leave_out: attributes that are not wanted.
        dtype: of the features.

    Returns:
        The complex; the nodes of a cell are in the order of the nodes, since sets have none.
        Attributes of the hypergraph itself are in `rest`.

    Raises:
        TopologyError: it is directed, edges make no complex, or attributes would be lost.
    """
    if hasattr(hypergraph.edges, "dimembers"):
        raise TopologyError(
            "cells of a complex have no heads and tails: pass xgi.to_hypergraph(hypergraph), or "
            "the directions would be lost"
        )
    nodes = [Named(0, node, (node,), hypergraph.nodes[node]) for node in hypergraph.nodes]
    edges = []
    for edge in hypergraph.edges:
        members, own = hypergraph.edges.members(edge), dict(hypergraph.edges[edge])
        if not members:
            raise TopologyError(f"every cell has a node, and edge {edge!r} has none")
        rank = 1
        if ranks == "size":
            # An edge of one node is that node, whatever its rank.
            rank = max(len(members) - 1, 1)
        elif ranks == "attribute":
            rank = own.pop("rank", None)
            if not isinstance(rank, int) or rank < 1:
                raise TopologyError(f"edge {edge!r} has no rank from 1 up: its rank is {rank!r}")
        edges.append(Named(rank, edge, members, own))
    # There is no public way to what is said of the whole.
    rest = getattr(hypergraph, "_net_attr", {})
    return assemble(nodes, edges, leave_out=leave_out, dtype=dtype, same_set=same_set, rest=rest)


def to_xgi(cells: Complex | Foreign) -> Any:
    """A complex as a hypergraph of all its cells; features become attributes.

    Where there are ranks other than 1, they become an attribute "rank".  The order of the nodes in
    a cell, which orients it, is not kept by sets.

    Raises:
        TopologyError: two cells have one label, a feature is called "rank", or XGI is not there.
    """
    try:
        import xgi
    except ImportError as error:
        raise missing("XGI", "xgi") from error
    foreign = Foreign.of(cells)
    own, found = foreign.complex, xgi.Hypergraph(**foreign.rest)
    for node in foreign.named(0):
        found.add_node(node.label, **node.attributes)
    plain = own.ranks in ((0,), (0, 1))
    seen = set()
    for cell in (cell for rank in own.ranks if rank for cell in foreign.named(rank)):
        if cell.label in seen:
            raise TopologyError(f"label {cell.label!r} is of two cells: edges have one each")
        seen.add(cell.label)
        if not plain and "rank" in cell.attributes:
            raise TopologyError("a feature called 'rank' would be lost to the ranks of cells")
        more = {} if plain else {"rank": cell.rank}
        found.add_edge(cell.nodes, idx=cell.label, **cell.attributes, **more)
    return found
