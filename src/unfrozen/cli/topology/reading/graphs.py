"""Graphs in the files that users have: lists of edges, GraphML, GML and graph6."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.cli.console import counted
from unfrozen.errors import TopologyError

if TYPE_CHECKING:
    import networkx as nx

    from unfrozen.topology.complex.files import Stored

_HEADS = {
    "source", "target", "from", "to", "src", "dst", "head", "tail", "node1", "node2", "node_1",
    "node_2", "fromnodeid", "tonodeid", "id1", "id2", "id_1", "id_2",
}  # fmt: skip


@dataclass(frozen=True)
class _Row:
    line: int
    words: tuple[str, ...]


def read_edges(path: Path) -> "tuple[Stored, list[str]]":
    """A graph of an edge a line: two names of nodes, and numbers that are its features.

    Lines that begin with # or % are passed over, and a first line that names columns is known by
    its names, or by being the only one without numbers.

    Args:
        path: of a .csv or .tsv file, or of a .txt file whose words are parted by blanks or commas.

    Raises:
        TopologyError: the file cannot be read, a line is no edge, or an edge is there twice with
            features that differ.
    """
    rows = list(_rows(path))
    if not rows:
        raise TopologyError(f"{path} holds no edge")
    head = rows.pop(0).words if _is_head(rows) else None
    for row in rows:
        if len(row.words) < 2 or not all(row.words[:2]):
            told = " ".join(row.words)[:60]
            raise TopologyError(f"line {row.line} of {path} names no two nodes: {told!r}")
    if not rows:
        raise TopologyError(f"{path} holds no edge")
    names = _in_order(name for row in rows for name in row.words[:2])
    columns, notes = _columns(rows, head)
    if head is not None:
        notes.append(f"the first line names columns: {', '.join(head)}")
    place = {name: at for at, name in enumerate(names)}
    features = [[float(row.words[at]) for at in columns] for row in rows]
    edges: dict[tuple[int, int], tuple[int, Sequence[float]]] = {}
    loops = repeats = 0
    for row, own in zip(rows, features, strict=True):
        one, other = place[row.words[0]], place[row.words[1]]
        if one == other:
            loops += 1
            continue
        # Its first direction is kept.
        key = (one, other) if (other, one) not in edges else (other, one)
        line, before = edges.setdefault(key, (row.line, own))
        if before is not own:
            repeats += 1
            if before != own:
                raise TopologyError(
                    f"lines {line} and {row.line} of {path} give the edge {row.words[0]}, "
                    f"{row.words[1]} different features: keep one of them"
                )
    told = [head[at] if head is not None else f"feature {at - 1}" for at in columns]
    if head is None and len(columns) == 1:
        told = ["weight"]
    notes += _left_out(loops, repeats)
    return _stored(names, list(edges), [own for _, own in edges.values()], told), notes


def read_graphml(path: Path) -> "tuple[Stored, list[str]]":
    """A graph of GraphML; numbers at all nodes or at all edges become features.

    Raises:
        TopologyError: the file is missing or damaged.
    """
    import networkx as nx

    return _of_networkx(_tried(path, "GraphML", nx.read_graphml))


def read_gml(path: Path) -> "tuple[Stored, list[str]]":
    """A graph of GML; see `read_graphml`."""
    import networkx as nx

    def read(path: Path) -> Any:
        try:
            return nx.read_gml(path)
        except nx.NetworkXError as error:
            if "label" not in str(error):
                raise
            return nx.read_gml(path, label="id")

    return _of_networkx(_tried(path, "GML", read))


def read_graph6(path: Path, index: int | None = None) -> "tuple[Stored, list[str]]":
    """A graph of a file of graph6.

    Args:
        path: of the file, with a graph a line.
        index: which one; none where there is one only.

    Raises:
        TopologyError: the file is missing or damaged, or there are several or not as many graphs.
    """
    import networkx as nx

    def read(path: Path) -> Any:
        lines = path.read_bytes().split()
        if not lines:
            raise ValueError("it is empty")
        if index is None and len(lines) > 1:
            raise TopologyError(f"{path} holds {len(lines):,} graphs: name one, as in {path}:0")
        if (index or 0) >= len(lines):
            raise TopologyError(f"{path} has graphs 0 to {len(lines) - 1:,}, and no {index}")
        return nx.from_graph6_bytes(lines[index or 0])

    return _of_networkx(_tried(path, "graph6", read))


def _tried(path: Path, what: str, read: Any) -> "nx.Graph":
    try:
        found = read(path)
    except TopologyError:
        raise
    except Exception as error:
        # Readers of damaged files raise whatever they stumble over.
        reason = " ".join(str(error).split())
        raise TopologyError(f"{path} cannot be read as {what}: {reason}") from error
    if not len(found):
        raise TopologyError(f"{path} is a graph without nodes")
    return found


def _of_networkx(graph: "nx.Graph") -> "tuple[Stored, list[str]]":
    names = [str(node) for node in graph]
    place = {node: at for at, node in enumerate(graph)}
    notes = ["left out: directions"] if graph.is_directed() else []
    edges: dict[tuple[int, int], dict[str, Any]] = {}
    loops = repeats = 0
    for a, b, own in graph.edges(data=True):
        one, other = place[a], place[b]
        if one == other:
            loops += 1
        elif (one, other) in edges or (other, one) in edges:
            repeats += 1
        else:
            edges[one, other] = own
    notes += _left_out(loops, repeats)
    of_nodes, lost = _numbers([own for _, own in graph.nodes(data=True)])
    of_edges, also = _numbers(list(edges.values()))
    if lost or also:
        kept = ", ".join(repr(name) for name in dict.fromkeys([*lost, *also]))
        notes.append(f"left out: attributes that are no numbers of single precision, {kept}")
    rows = [list(row) for row in zip(*of_edges.values(), strict=True)] or [[]] * len(edges)
    own = [list(row) for row in zip(*of_nodes.values(), strict=True)] or [[]] * len(names)
    return _stored(names, list(edges), rows, list(of_edges), own, list(of_nodes)), notes


def _numbers(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, list[float]], list[str]]:
    """Attributes that are a number at all of some cells, and the names of the others."""
    found, lost = {}, []
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if all(map(fits, values)):
            found[name] = [float(value) for value in values if value is not None]
        else:
            lost.append(str(name))
    return found, lost


def fits(value: Any) -> bool:
    """Whether something is a number that single precision holds, whole ones without rounding."""
    import numpy as np

    if isinstance(value, int):
        return abs(value) < 2**53 and int(np.float32(value)) == value
    return isinstance(value, float)


def _stored(
    names: Sequence[str],
    edges: Sequence[tuple[int, int]],
    of_edges: Sequence[Sequence[float]],
    edge_names: Sequence[str],
    of_nodes: Sequence[Sequence[float]] = (),
    node_names: Sequence[str] = (),
) -> "Stored":
    """A complex of edges that are there once each; names that just count nodes are none."""
    import numpy as np
    import torch

    from unfrozen.topology.complex import Complex
    from unfrozen.topology.complex.files import Stored

    features, columns = {}, {}
    for rank, rows, own in ((0, of_nodes, node_names), (1, of_edges, edge_names)):
        if own and len(rows):
            features[rank] = torch.tensor(rows, dtype=torch.float32)
            columns[rank] = tuple(map(str, own))
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    made = Complex({1: pairs}, n_nodes=len(names), features=features)
    counting = list(names) == [str(at) for at in range(len(names))]
    return Stored(made, None if counting else tuple(names), columns)


def _rows(path: Path) -> Iterator[_Row]:
    """Words of each line that has some."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TopologyError(f"{path} cannot be read as a list of edges: {error}") from error
    lines = [
        (at, line)
        for at, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith(("#", "%"))
    ]
    if not lines:
        return
    first, suffix = lines[0][1], path.suffix.lower()
    parted = "\t" if suffix == ".tsv" else ","
    if suffix != ".tsv" and "," not in first:
        parted = ";" if ";" in first else None
    if suffix == ".csv" and parted is None:
        parted = ","
    if parted is None:
        yield from (_Row(at, tuple(line.split())) for at, line in lines)
        return
    try:
        # A line by itself: names with ends of lines in them are none.
        for (at, _), words in zip(
            lines,
            csv.reader((line for _, line in lines), delimiter=parted, strict=True),
            strict=True,
        ):
            yield _Row(at, tuple(word.strip() for word in words))
    except (csv.Error, ValueError) as error:
        raise TopologyError(f"{path} cannot be read as a list of edges: {error}") from error


def _is_head(rows: Sequence[_Row]) -> bool:
    """Whether the first row names columns."""
    first, *others = rows
    if {word.lower() for word in first.words[:2]} <= _HEADS:
        return True
    if any(map(_is_number, first.words)) or not others:
        return False
    if len(first.words) < max(len(row.words) for row in others):
        return False
    return all(any(map(_is_number, row.words)) for row in others)


def _columns(rows: Sequence[_Row], head: Sequence[str] | None) -> tuple[list[int], list[str]]:
    """Columns after the first two that hold a number in all rows; a note on the others."""
    widest = max(len(row.words) for row in rows)
    fit = [
        at
        for at in range(2, widest)
        if all(at < len(row.words) and _is_number(row.words[at]) for row in rows)
        and (head is None or at < len(head))
    ]
    lost = widest - 2 - len(fit)
    return fit, [f"left out: {counted(lost, 'column')} that are no numbers"] if lost > 0 else []


def _in_order(names: Iterable[str]) -> list[str]:
    """Each name once: numbers ascending, others as they come."""
    found = list(dict.fromkeys(names))
    whole = all(name.isdecimal() and name.isascii() for name in found)
    return sorted(found, key=int) if whole else found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _left_out(loops: int, repeats: int) -> list[str]:
    found = [counted(loops, "loop")] if loops else []
    found += [f"{counted(repeats, 'edge')} given before"] if repeats else []
    return [f"left out: {', '.join(found)}"] if found else []
