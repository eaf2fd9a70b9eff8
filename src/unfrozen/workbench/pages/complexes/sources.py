"""Complexes that come along, and those from a browser: JSON, or an edge a line."""

import itertools
import threading
from dataclasses import dataclass
from pathlib import Path

from unfrozen.errors import TopologyError, WorkbenchError
from unfrozen.topology.complex.files import Stored, parse_complex
from unfrozen.topology.examples import EXAMPLES
from unfrozen.topology.lifting import from_networkx
from unfrozen.workbench.pages.complexes.schemas import BuildIn, ExampleOut
from unfrozen.workbench.security.uploads import read_json

KEPT, MOST = 20, 5000
"""Complexes that are remembered; nodes of one."""


@dataclass(frozen=True)
class Source:
    """A complex with its name, and what of its source it does not keep."""

    name: str
    stored: Stored
    notes: tuple[str, ...] = ()


class Sources:
    """Uploads and complexes that were built, by number; the last ones are remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, Source] = {}
        self._numbers = itertools.count(1)

    def keep(self, source: Source) -> int:
        """Remember one."""
        with self._lock:
            number = next(self._numbers)
            self._kept[number] = source
            for old in list(self._kept)[:-KEPT]:
                del self._kept[old]
            return number

    def get(self, number: int) -> Source:
        """One by its number.

        Raises:
            WorkbenchError: it is forgotten.
        """
        with self._lock:
            if number not in self._kept:
                raise WorkbenchError(f"complex {number} is not remembered any more: build it again")
            return self._kept[number]

    def find(self, asked: BuildIn) -> Source:
        """What is to be built on.

        Raises:
            WorkbenchError: nothing is named, or it is forgotten.
            TopologyError: there is no such example.
        """
        if asked.upload is not None:
            return self.get(asked.upload)
        if asked.example is None:
            raise WorkbenchError("nothing is to be built: choose an example, or upload a file")
        if asked.example not in EXAMPLES:
            known = ", ".join(EXAMPLES)
            raise TopologyError(f"there is no example {asked.example!r}: there are {known}")
        return Source(asked.example, EXAMPLES[asked.example][1]())


def examples() -> list[ExampleOut]:
    """Complexes that come along."""
    return [ExampleOut(name=name, told=told) for name, (told, _) in EXAMPLES.items()]


def uploaded(name: str, data: bytes) -> Source:
    """A complex from a file.

    Args:
        name: of the file, which tells its kind.
        data: its bytes: of ``.json`` a complex of ours, of ``.csv``, ``.tsv`` or ``.txt`` two names
            of nodes a line.

    Raises:
        WorkbenchError: it is of another kind, or damaged.
        TopologyError: it is no complex, or too large.
    """
    suffix = name.lower().rpartition(".")[2] if "." in name else ""
    if suffix == "json":
        source = Source(name, parse_complex(read_json(data), Path(name)))
    elif suffix in ("csv", "tsv", "txt"):
        source = _edges(name, data)
    else:
        raise WorkbenchError(f"{name!r} is not taken: give a .json, .csv, .tsv or .txt file")
    if source.stored.complex.n_nodes > MOST:
        raise TopologyError(
            f"{name!r} has {source.stored.complex.n_nodes:,} nodes: up to {MOST:,} are drawn here; "
            "`unfrozen topology` takes any number"
        )
    return source


def _edges(name: str, data: bytes) -> Source:
    import networkx as nx

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorkbenchError(f"{name!r} is no text in UTF-8: {error.reason}") from error
    graph, loops = nx.Graph(), 0
    for number, row in enumerate(text.splitlines(), 1):
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        words = row.replace(",", " ").replace(";", " ").replace("\t", " ").split()
        if len(words) < 2:
            raise WorkbenchError(f"line {number} of {name!r} names no two nodes: {row.strip()!r}")
        if words[0] == words[1]:
            loops += 1
            graph.add_node(words[0])
        else:
            graph.add_edge(words[0], words[1])
    if not graph:
        raise WorkbenchError(f"{name!r} has no edges: give two names of nodes a line")
    labels = tuple(map(str, graph))
    notes = (f"left out: {loops} edges from a node to itself",) if loops else ()
    plain = nx.convert_node_labels_to_integers(graph)
    return Source(name, Stored(from_networkx(plain), labels), notes)
