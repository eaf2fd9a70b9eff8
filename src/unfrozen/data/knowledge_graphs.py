"""Small knowledge graphs, as a package carries them: triples of subject, relation and object."""

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from unfrozen.data.cache import Carrier, fetch
from unfrozen.errors import DataError

PYKEEN = Carrier(
    package="pykeen",
    version="1.11.1",
    wheel="pykeen-1.11.1-py3-none-any.whl",
    sha256="b6cc0ab012fc6ba4f37b58fb7081a409a5c1f04cbbb0e0e9c2256e911757d4ba",
    licence="MIT (the package)",
    what="knowledge graphs of nations, kin and medicine, 1 MB",
    members=(
        "pykeen/datasets/nations/",
        "pykeen/datasets/kinships/",
        "pykeen/datasets/umls/",
        "pykeen-1.11.1.dist-info/",
    ),
)
KNOWLEDGE_GRAPHS = {
    "nations": "fourteen nations of 1965, and how they deal with one another",
    "kinships": "people of the Alyawarra, and what they call one another",
    "umls": "concepts of medicine, and how they bear on one another",
}
"""Name -> what is in it."""
_PARTS = {"train": "train", "validation": "valid", "test": "test"}

Triples = Int64[Tensor, "triple 3"]


@dataclass(frozen=True)
class KnowledgeGraph:
    """Triples, those to learn from, those to choose by and those to be asked.

    Attributes:
        name: of the graph.
        entities: names in alphabetical order; a triple has their places.
        relations: likewise.
        train: subject, relation, object.
        validation: likewise.
        test: likewise.
        source: where it is from.
    """

    name: str
    entities: tuple[str, ...]
    relations: tuple[str, ...]
    train: Int64[Tensor, "a 3"]
    validation: Int64[Tensor, "b 3"]
    test: Int64[Tensor, "c 3"]
    source: str

    @property
    def triples(self) -> Triples:
        """All of them: what is known to be true."""
        return torch.cat([self.train, self.validation, self.test])


@functools.cache
def knowledge_graph(name: str) -> KnowledgeGraph:
    """A knowledge graph by name; its package is fetched once.

    The parts are those of ConvE's authors (Dettmers et al. 2018), which all use.

    Raises:
        DataError: there is no such graph, or its package cannot be had.
    """
    if name not in KNOWLEDGE_GRAPHS:
        raise DataError(f"no knowledge graph {name!r}: there are {', '.join(KNOWLEDGE_GRAPHS)}")
    folder = fetch(PYKEEN) / "pykeen" / "datasets" / name
    source = f"package {PYKEEN.package} {PYKEEN.version}"
    return read_knowledge_graph(folder, name=name, source=source)


def read_knowledge_graph(
    folder: Path, *, name: str | None = None, source: str | None = None
) -> KnowledgeGraph:
    """A knowledge graph of one's own, from train.txt, valid.txt and test.txt.

    Args:
        folder: holds the files; a line is subject, relation and object with tabs between.
        name: by default the folder's.
        source: by default the folder.

    Raises:
        DataError: a file is missing, or a line is no triple.
    """
    words = {part: _words(folder / f"{file}.txt") for part, file in _PARTS.items()}
    every = [triple for part in words.values() for triple in part]
    entities = sorted({triple[i] for triple in every for i in (0, 2)})
    relations = sorted({triple[1] for triple in every})
    place = {word: i for i, word in enumerate(entities)}
    which = {word: i for i, word in enumerate(relations)}
    numbers = {
        part: torch.tensor([[place[s], which[r], place[o]] for s, r, o in triples])
        for part, triples in words.items()
    }
    return KnowledgeGraph(
        name=name or folder.name,
        entities=tuple(entities),
        relations=tuple(relations),
        source=source or str(folder),
        **numbers,
    )


def _words(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path} ({error})") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        words = line.split("\t")
        if len(words) != 3:
            raise DataError(
                f"line {number} of {path} is no triple: write subject, relation and object with "
                "tabs between"
            )
        found.append(words)
    if not found:
        raise DataError(f"{path} has no triples")
    return found
