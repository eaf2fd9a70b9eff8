"""Simplicial, cell and combinatorial complexes of TopoNetX."""

from collections.abc import Collection, Iterator
from typing import Any, Literal

import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.exchange.foreign import Foreign, Named, assemble, missing

Kind = Literal["simplicial", "cell", "combinatorial"]


def from_toponetx(
    other: Any, *, leave_out: Collection[str] = (), dtype: torch.dtype = torch.float32
) -> Foreign:
    """A complex of TopoNetX; numbers at cells become features.

    Args:
        other: a SimplicialComplex, CellComplex or CombinatorialComplex.
        leave_out: attributes that are not wanted.  The weights of 1 that TopoNetX gives to every
            cell of a combinatorial complex are left out.
        dtype: of the features.

    Returns:
        The complex.  Simplices and polygons keep the order of their nodes, and so their
        orientation; the cells of a combinatorial complex are sets, whose nodes are taken in the
        order of the nodes.

    Raises:
        TopologyError: it is another kind, its cells make no complex (polygons of the same nodes
            are one cell here), attributes would be lost, or TopoNetX is not there.
    """
    tnx = _library()
    if isinstance(other, tnx.SimplicialComplex):
        cells = list(_of_simplices(other))
    elif isinstance(other, tnx.CellComplex):
        cells = list(_polygonal(other))
    elif isinstance(other, tnx.CombinatorialComplex):
        cells = list(_combinatorial(other))
    else:
        raise TopologyError(
            f"a {type(other).__name__} is none of the complexes that are taken: SimplicialComplex, "
            "CellComplex, CombinatorialComplex"
        )
    nodes = [cell for cell in cells if cell.rank == 0]
    more = [cell for cell in cells if cell.rank]
    return assemble(nodes, more, leave_out=leave_out, dtype=dtype, rest=other.complex)


def _of_simplices(other: Any) -> Iterator[Named]:
    for simplex in other.simplices:
        nodes = tuple(simplex)
        label = nodes[0] if len(nodes) == 1 else nodes
        yield Named(len(nodes) - 1, label, nodes, other[simplex])


def _polygonal(other: Any) -> Iterator[Named]:
    for node in other.nodes:
        yield Named(0, node, (node,), other.nodes[node])
    for edge in other.edges:
        yield Named(1, tuple(edge), tuple(edge), other.edges[edge])
    for cell in other.cells:
        yield Named(2, tuple(cell.elements), tuple(cell.elements), other.cells[cell])


def _combinatorial(other: Any) -> Iterator[Named]:
    for rank, of_rank in sorted(other.cells.hyperedge_dict.items()):
        filled = all(_is_one(own.get("weight")) for own in of_rank.values())
        for nodes, own in of_rank.items():
            kept = {k: v for k, v in own.items() if k != "weight" or not filled}
            label = next(iter(nodes)) if rank == 0 else nodes
            yield Named(rank, label, nodes, kept)


def _is_one(weight: Any) -> bool:
    return isinstance(weight, int) and weight == 1


def to_toponetx(cells: Complex | Foreign, kind: Kind = "combinatorial") -> Any:
    """A complex of TopoNetX; features become attributes.

    Args:
        cells: of a complex.
        kind: of the complex that is made; see `from_toponetx` for what becomes of orientations.

    Raises:
        TopologyError: cells are not of the kind, or not closed: TopoNetX would add what lacks.  Or
            TopoNetX is not there.
    """
    tnx = _library()
    foreign = Foreign.of(cells)
    own = foreign.complex
    if kind == "simplicial":
        return _simplicial(tnx, foreign)
    if kind == "cell":
        return _cell(tnx, foreign)
    found = tnx.CombinatorialComplex()
    found.complex.update(foreign.rest)
    for node in foreign.named(0):
        found.add_node(node.label)
    for rank in own.ranks[1:]:
        for cell in foreign.named(rank):
            found.add_cell(cell.nodes, rank=rank, **cell.attributes)
    # Last, since TopoNetX forgets what is said of nodes when a cell of them is added.
    for node in foreign.named(0):
        found.add_node(node.label, **node.attributes)
    return found


def _simplicial(tnx: Any, foreign: Foreign) -> Any:
    own = foreign.complex
    for rank in own.ranks:
        if bool((own.cells(rank).sizes != rank + 1).any()):
            raise TopologyError(f"cells of rank {rank} are not all simplices of {rank + 1} nodes")
    found = tnx.SimplicialComplex()
    found.complex.update(foreign.rest)
    for rank in own.ranks:
        for cell in foreign.named(rank):
            found.add_simplex(cell.nodes, **cell.attributes)
    lacking = sum(found.shape) - len(own)
    if lacking:
        raise TopologyError(f"{lacking} faces of simplices are not there, and all have to be")
    return found


def _cell(tnx: Any, foreign: Foreign) -> Any:
    own = foreign.complex
    if own.dim > 2:
        raise TopologyError(f"a CellComplex has ranks 0 to 2, and {own} has {own.dim}")
    if bool((own.cells(1).sizes != 2).any()):
        raise TopologyError("edges of a CellComplex join two nodes")
    own.incidence(1, 2, signed=True)  # refuses polygons whose edges are not all there
    found = tnx.CellComplex()
    found.complex.update(foreign.rest)
    for node in foreign.named(0):
        found.add_node(node.label, **node.attributes)
    for rank in own.ranks[1:]:
        for cell in foreign.named(rank):
            if rank == 1:
                found.add_edge(*cell.nodes, **cell.attributes)
            else:
                found.add_cell(cell.nodes, rank=2, **cell.attributes)
    return found


def _library() -> Any:
    try:
        import toponetx
    except ImportError as error:
        raise missing("TopoNetX", "toponetx", extra=False) from error
    return toponetx
