"""Hypergraphs in the two forms of JSON that XGI has."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.cli.console import counted
from unfrozen.cli.topology.reading.graphs import fits
from unfrozen.errors import TopologyError

if TYPE_CHECKING:
    from unfrozen.topology.complex.files import Stored


def parse_hypergraph(found: dict[str, Any], path: Path) -> "tuple[Stored, list[str]]":
    """A hypergraph as a complex: its edges are cells of rank 1, or of the ranks that they tell.

    Args:
        found: what the file holds, in the Hypergraph Interchange Format or XGI's former one.
        path: of the file.

    Raises:
        TopologyError: the file is damaged, or XGI is not there.
    """
    from unfrozen.topology.complex.files import Stored
    from unfrozen.topology.exchange import from_xgi

    hypergraph: Any = _read(found, path)
    if not len(hypergraph.nodes):
        raise TopologyError(f"{path} is a hypergraph without nodes")
    notes = []
    if hasattr(hypergraph.edges, "dimembers"):
        import xgi

        undirected: Any = xgi.to_hypergraph(hypergraph)
        hypergraph = undirected
        notes.append("left out: directions")
    empty = [edge for edge in hypergraph.edges if not hypergraph.edges.members(edge)]
    if empty:
        hypergraph.remove_edges_from(empty)
        notes.append(f"left out: {counted(len(empty), 'edge')} without nodes")
    simplices = type(hypergraph).__name__ == "SimplicialComplex"
    edges = [hypergraph.edges[edge] for edge in hypergraph.edges]
    ranked = bool(edges) and all(isinstance(own.get("rank"), int) for own in edges)
    lost = _unfit([hypergraph.nodes[node] for node in hypergraph.nodes]) | _unfit(edges)
    if ranked:
        lost.discard("rank")
    if lost:
        told = ", ".join(map(repr, sorted(lost)))
        notes.append(f"left out: attributes that are no numbers of single precision, {told}")
    try:
        foreign = from_xgi(
            hypergraph,
            ranks="attribute" if ranked else "size" if simplices else "one",
            same_set="skip",
            leave_out=lost,
        )
    except TopologyError as error:
        raise TopologyError(f"{path}: {error}") from error
    made = foreign.complex
    skipped = len(edges) - (len(made) - made.n_nodes)
    if skipped:
        notes.append(f"left out: {counted(skipped, 'edge')} of one node or of the nodes of another")
    names = [str(label) for label in foreign.labels[0]]
    columns = {
        rank: tuple(
            column.name if column.width is None else f"{column.name} {at}"
            for column in own
            for at in range(column.width or 1)
        )
        for rank, own in foreign.columns.items()
    }
    counting = names == [str(at) for at in range(len(names))]
    return Stored(made, None if counting else tuple(names), columns), notes


def _read(found: dict[str, Any], path: Path) -> Any:
    try:
        import xgi
    except ImportError as error:
        raise TopologyError(
            f"{path} is a hypergraph, and XGI reads it: run `pip install unfrozen[topology]`"
        ) from error
    try:
        if "incidences" in found:
            return xgi.from_hif_dict(found)
        return xgi.from_hypergraph_dict(found)
    except Exception as error:
        # Readers of damaged files raise whatever they stumble over.
        reason = " ".join(str(error).split())
        raise TopologyError(f"{path} cannot be read as a hypergraph: {reason}") from error


def _unfit(rows: list[dict[str, Any]]) -> set[str]:
    """Attributes that not all have as a number."""
    names = {name for row in rows for name in row}
    return {name for name in names if not all(fits(row.get(name)) for row in rows)}
