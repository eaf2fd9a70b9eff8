"""Complexes from files of all kinds, from folders of graphs, and by the names of examples."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.errors import TopologyError

if TYPE_CHECKING:
    from unfrozen.topology.complex.files import Stored

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A complex or hypergraph (.json), a graph (.csv, .tsv, .txt, .graphml, .gml, .g6), a "
        "mesh (.obj, .off, .ply, .stl), FOLDER:3 or FILE.g6:3 for the fourth graph of a set; or "
        "an example: torus, sphere, trefoil, creature, moebius, petersen, dodecahedron, karate, "
        "fano, MUTAG:0.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Opened:
    """A complex as a user has named it.

    Attributes:
        name: as it was typed.
        stored: the complex, with names of nodes and features.
        notes: what of its source a complex does not keep.
    """

    name: str
    stored: "Stored"
    notes: tuple[str, ...] = ()


def open_complex(name: str) -> Opened:
    """A complex from a file or folder, or an example by its name.

    Args:
        name: a path, with `:3` for the fourth graph of a set, or an example.

    Raises:
        TopologyError: there is no such file or example, it is damaged or of no known kind.
        DataError: a set of graphs cannot be had.
    """
    from unfrozen.data.graphs import GRAPH_SETS
    from unfrozen.topology.examples import EXAMPLES

    path, index = Path(name), None
    head, colon, tail = name.rpartition(":")
    if not path.exists() and colon and tail.isdecimal():
        path, index = Path(head), int(tail)
    if path.is_dir():
        return _of_set(name, path, index)
    if path.exists():
        return _of_file(name, path, index)
    if str(path) in GRAPH_SETS:
        return _of_set(name, str(path), index)
    if name in EXAMPLES:
        return Opened(name, EXAMPLES[name][1]())
    raise TopologyError(
        f"there is no file {name}, nor an example of that name: there are {', '.join(EXAMPLES)} "
        f"and, with the number of a graph, {' and '.join(f'{each}:0' for each in GRAPH_SETS)}"
    )


def _of_file(name: str, path: Path, index: int | None) -> Opened:
    kinds = _kinds()
    suffix = path.suffix.lower()
    if suffix not in kinds:
        raise TopologyError(
            f"{path} is of no known kind: its name ends in none of {', '.join(kinds)}"
        )
    if not path.is_file():
        raise TopologyError(f"{path} is no file")
    if index is not None and suffix not in (".g6", ".graph6"):
        raise TopologyError(f"{path} holds one complex: name it without :{index}")
    if suffix in (".g6", ".graph6"):
        from unfrozen.cli.topology.reading.graphs import read_graph6

        stored, notes = read_graph6(path, index)
    else:
        stored, notes = kinds[suffix](path)
    return Opened(name, stored, tuple(notes))


def _kinds() -> dict[str, Callable[[Path], Any]]:
    from unfrozen.cli.topology.reading.graphs import read_edges, read_gml, read_graph6, read_graphml
    from unfrozen.cli.topology.reading.meshes import read_mesh

    return {
        ".json": _json,
        **dict.fromkeys((".csv", ".tsv", ".txt"), read_edges),
        ".graphml": read_graphml,
        ".gml": read_gml,
        **dict.fromkeys((".g6", ".graph6"), read_graph6),
        **dict.fromkeys((".obj", ".off", ".ply", ".stl"), read_mesh),
    }


def _json(path: Path) -> "tuple[Stored, list[str]]":
    """A complex of ours, or a hypergraph of XGI in one of its two forms."""
    from unfrozen.topology.complex.files import parse_complex, read_json

    found = read_json(path)
    if isinstance(found, dict) and ("incidences" in found or "edge-dict" in found):
        from unfrozen.cli.topology.reading.hypergraphs import parse_hypergraph

        return parse_hypergraph(found, path)
    if not isinstance(found, dict) or "kind" not in found:
        raise TopologyError(
            f'{path} is neither a complex ("kind": "complex") nor a hypergraph of XGI'
        )
    return parse_complex(found, path), []


def _of_set(name: str, source: str | Path, index: int | None) -> Opened:
    """One graph of a set: of one that comes along, or of a folder in the form of TU Dortmund."""
    from unfrozen.cli.console import counted
    from unfrozen.data.graphs import graphs, read_graphs
    from unfrozen.topology.complex.files import Stored
    from unfrozen.topology.lifting import graph

    try:
        found = graphs(source) if isinstance(source, str) else read_graphs(source)
    except (IndexError, RuntimeError, ValueError) as error:
        raise TopologyError(f"{source} is damaged: {' '.join(str(error).split())}") from error
    count = len(found.nodes)
    if index is None:
        raise TopologyError(f"{source} is a set of {count:,} graphs: name one, as in {source}:0")
    if index >= count:
        raise TopologyError(f"{source} has graphs 0 to {count - 1:,}, and no {index}")
    nodes, edges = found.nodes[index], found.edges[index]
    loops = edges[0] == edges[1]
    made = graph(edges[:, ~loops], nodes=nodes)
    columns = {0: tuple(f"kind {i}" for i in range(nodes.shape[1]))}
    notes = [f"left out: {counted(int(loops.sum()), 'loop')}"] if bool(loops.any()) else []
    return Opened(name, Stored(made, columns=columns), tuple(notes))
