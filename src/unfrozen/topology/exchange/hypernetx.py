"""Hypergraphs of HyperNetX, in the form of dictionaries that it documents.

HyperNetX itself need not be there: it takes and gives these.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex, SameSet
from unfrozen.topology.exchange.foreign import Foreign, Named, assemble

Properties = Mapping[Hashable, Mapping[str, Any]]


class HyperNetX(NamedTuple):
    """What HyperNetX makes a hypergraph of: `hypernetx.Hypergraph(**found._asdict())`.

    Attributes:
        setsystem: edge -> its nodes.
        node_properties: node -> its properties.
        edge_properties: edge -> its properties.
    """

    setsystem: dict[Hashable, list[Hashable]]
    node_properties: dict[Hashable, dict[str, Any]]
    edge_properties: dict[Hashable, dict[str, Any]]


def from_hypernetx(
    setsystem: Mapping[Hashable, Iterable[Hashable]],
    *,
    node_properties: Properties | None = None,
    edge_properties: Properties | None = None,
    same_set: SameSet = "refuse",
    leave_out: Collection[str] = (),
    dtype: torch.dtype = torch.float32,
) -> Foreign:
    """A hypergraph as a complex of cells of rank 1, or of the ranks that its edges say.

    Args:
        setsystem: edge -> its nodes: `hypergraph.incidence_dict`.
        node_properties: node -> its properties; nodes that have some are there even if no edge has
            them.
        edge_properties: edge -> its properties; a whole number "rank" is the rank of the cell.
        same_set: what becomes of edges of the same nodes, and of those of one node: refused, or
            skipped but for the first.
        leave_out: properties that are not wanted.
        dtype: of the features.

    Raises:
        TopologyError: it is no dictionary, edges make no complex, or properties would be lost.

    Example:
        >>> found = from_hypernetx({"e": ["a", "b"], "f": ["b", "c", "d"]})
        >>> found.complex, found.labels[0]
        (Complex(4 nodes, 2 of rank 1), ('a', 'b', 'c', 'd'))
    """
    if not isinstance(setsystem, Mapping):
        raise TopologyError(
            f"a hypergraph of HyperNetX is given as hypergraph.incidence_dict, not as a "
            f"{type(setsystem).__name__}"
        )
    of_nodes, of_edges = dict(node_properties or {}), dict(edge_properties or {})
    members = {edge: list(nodes) for edge, nodes in setsystem.items()}
    unknown = [edge for edge in of_edges if edge not in members]
    if unknown:
        raise TopologyError(f"properties of {unknown[0]!r} are of no edge")
    for edge, nodes in members.items():
        if not nodes:
            raise TopologyError(f"every cell has a node, and edge {edge!r} has none")
    order = dict.fromkeys([*(node for own in members.values() for node in own), *of_nodes])
    cells = []
    for edge, nodes in members.items():
        own = dict(of_edges.get(edge, {}))
        rank = own.pop("rank", 1)
        if not isinstance(rank, int) or rank < 1:
            raise TopologyError(f"edge {edge!r} has no rank from 1 up: its rank is {rank!r}")
        cells.append(Named(rank, edge, nodes, own))
    return assemble(
        [Named(0, node, (node,), of_nodes.get(node, {})) for node in order],
        cells,
        leave_out=leave_out,
        dtype=dtype,
        same_set=same_set,
    )


def to_hypernetx(cells: Complex | Foreign) -> HyperNetX:
    """A complex as the dictionaries of a hypergraph of all its cells.

    Where there are ranks other than 1, they become a property "rank".

    Raises:
        TopologyError: two cells have one label, a feature is called "rank", or the whole has
            attributes, which a hypergraph of HyperNetX does not keep.
    """
    foreign = Foreign.of(cells)
    if foreign.rest:
        raise TopologyError(
            f"HyperNetX keeps no attributes of the whole, as {next(iter(foreign.rest))!r}: pass "
            "dataclasses.replace(foreign, rest={}) to go without"
        )
    ranks = foreign.complex.ranks
    plain = ranks in ((0,), (0, 1))
    found = HyperNetX({}, {node.label: dict(node.attributes) for node in foreign.named(0)}, {})
    for cell in (cell for rank in ranks if rank for cell in foreign.named(rank)):
        if cell.label in found.setsystem:
            raise TopologyError(f"label {cell.label!r} is of two cells: edges have one each")
        if not plain and "rank" in cell.attributes:
            raise TopologyError("a feature called 'rank' would be lost to the ranks of cells")
        found.setsystem[cell.label] = list(cell.nodes)
        more = {} if plain else {"rank": cell.rank}
        found.edge_properties[cell.label] = {**cell.attributes, **more}
    return found
