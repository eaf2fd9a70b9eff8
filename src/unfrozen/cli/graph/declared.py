"""What the commands on graphs share: what is asked, and the files that are written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.console import emit_json, save_picture
from unfrozen.cli.opening import PICTURES, with_suffix

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.figure import Figure

    from unfrozen.data.sets import Relation
    from unfrozen.language.facts import Fact

SUFFIXES = (".graphml", ".json", *PICTURES)


def graph_file(target: Path | None) -> Path | None:
    """A file for a graph, refused before the work begins if nobody knows how to write it.

    Raises:
        DataError: its suffix is unknown, or it cannot be written where it is wanted.
    """
    return with_suffix(target, SUFFIXES)


RelationOption = Annotated[
    list[str] | None,
    typer.Option(
        "--relation",
        "-r",
        metavar="NAME",
        help="A relation to ask; may be repeated. By default all, unless facts are given.",
        show_default=False,
    ),
]
FactsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Facts to ask, a file or a folder of them."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The graph, by its suffix: .graphml, .json, or a picture as .png, .svg, .pdf.",
        callback=graph_file,
    ),
]


def declared(
    names: Sequence[str] | None, facts: Path | None, most: int | None
) -> "tuple[list[Relation], list[Fact]]":
    """The relations and the facts that are asked.

    Args:
        names: of relations; none of them by default where there are facts, else all.
        facts: a file or a folder.
        most: subjects a relation; of none, nothing is fetched.

    Raises:
        DataError: there is no such relation.
        FactError: the facts cannot be read.
    """
    from unfrozen.data.sets import relation, relations
    from unfrozen.language.facts import read_facts

    given = [] if facts is None else read_facts(facts)
    if names:
        return [relation(name) for name in dict.fromkeys(names)], given
    return ([] if given or most == 0 else list(relations())), given


def save(
    out: Path, graph: "Callable[[], nx.MultiDiGraph]", data: Any, draw: "Callable[[], Figure]"
) -> None:
    """Write a graph in the form that its file's suffix names, whole or not at all.

    Args:
        out: the file.
        graph: makes the graph.
        data: it as JSON.
        draw: makes the picture.

    Raises:
        DataError: the disk is full or refuses.
    """
    from unfrozen.language.graph import write_graphml

    kind = out.suffix.lower()
    if kind == ".json":
        emit_json(out, data)
    elif kind == ".graphml":
        write_graphml(graph(), out)
    else:
        save_picture(out, draw())
