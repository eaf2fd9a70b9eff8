"""Sets of small graphs with a class each, as packages carry them."""

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.data.cache import Carrier, fetch
from unfrozen.errors import DataError

GRAKEL = Carrier(
    package="grakel",
    version="0.1.11",
    wheel="grakel-0.1.11-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    sha256="f05f03c1ca23919bbb1e9d9132de4e1791e004cdd284a7e98d2897ac8495f0a7",
    licence="BSD (the package); the sets are published by TU Dortmund",
    what="molecules and signs as graphs, 1 MB",
    members=("grakel/tests/data/", "grakel-0.1.11.dist-info/METADATA"),
)
GRAPH_SETS = {
    "MUTAG": "molecules, and whether they change genes",
    "Cuneiform": "signs of a script of clay tablets, thirty of them",
}
"""Name -> what is in it."""


@dataclass(frozen=True)
class Graphs:
    """A set of graphs.

    Attributes:
        name: of the set.
        nodes: features of the nodes of each graph, one column a label.
        edges: of each graph, both ways.
        classes: of each graph, from 0 on.
        source: where it is from.
    """

    name: str
    nodes: tuple[Float[Tensor, "_ feature"], ...]
    edges: tuple[Int[Tensor, "2 _"], ...]
    classes: Int[Tensor, " graph"]
    source: str


@functools.cache
def graphs(name: str) -> Graphs:
    """A set of graphs by name; its package is fetched once.

    Raises:
        DataError: there is no such set, or its package cannot be had.
    """
    if name not in GRAPH_SETS:
        raise DataError(f"no set of graphs {name!r}: there are {', '.join(GRAPH_SETS)}")
    folder = fetch(GRAKEL) / "grakel" / "tests" / "data" / name
    return read_graphs(folder, source=f"package {GRAKEL.package} {GRAKEL.version}")


def read_graphs(folder: Path, *, source: str | None = None) -> Graphs:
    """A set of graphs in the form of TU Dortmund, such as PROTEINS, NCI1 or IMDB-BINARY unpacked.

    Args:
        folder: has the set's name, and files that begin with it: `_A.txt`, `_graph_indicator.txt`,
            `_graph_labels.txt`, and `_node_labels.txt` unless all nodes are alike.
        source: by default the folder.

    Raises:
        DataError: a file is missing or damaged.

    Source: Morris et al. 2020.
    """
    name = folder.name
    belongs = _rows(folder / f"{name}_graph_indicator.txt")[:, 0] - 1
    joined = _rows(folder / f"{name}_A.txt", 2).T - 1
    classes = _rows(folder / f"{name}_graph_labels.txt")[:, 0]
    path = folder / f"{name}_node_labels.txt"
    labels = _rows(path) if path.exists() else torch.zeros(len(belongs), 1, dtype=torch.int64)
    if len(labels) != len(belongs) or bool((belongs.diff() < 0).any()):
        raise DataError(f"{folder} is damaged: its nodes are not in the order of its graphs")
    if bool(((joined < 0) | (joined >= len(belongs))).any()) or int(belongs.min()) < 0:
        raise DataError(f"{folder} is damaged: it counts from 1, and joins nodes that there are")
    features = torch.cat([_one_hot(column) for column in labels.T], 1)
    count = int(belongs.max()) + 1
    first = torch.searchsorted(belongs, torch.arange(count))
    owner = belongs[joined[0]]
    return Graphs(
        name=name,
        nodes=tuple(features[belongs == i] for i in range(count)),
        edges=tuple((joined[:, owner == i] - first[i]).unique(dim=1) for i in range(count)),
        classes=torch.unique(classes, return_inverse=True)[1],
        source=source or str(folder),
    )


def _one_hot(column: Tensor) -> Tensor:
    kinds, which = torch.unique(column, return_inverse=True)
    return torch.nn.functional.one_hot(which, len(kinds)).float()


def _rows(path: Path, columns: int = 1) -> Int[Tensor, "row column"]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [[int(x) for x in line.split(",")] for line in lines if line.strip()]
        if not rows or len(rows[0]) < columns:
            raise ValueError(f"it has no rows of {columns} numbers")
        return torch.tensor(rows)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {path} ({error}): remove that folder and it is fetched again"
        ) from error
