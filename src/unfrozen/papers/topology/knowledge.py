"""Knowledge graphs as cells: a memory, and a predictor, beside embeddings of PyKEEN."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unfrozen.data.knowledge_graphs import knowledge_graph
from unfrozen.papers.topology.peers import embedder
from unfrozen.papers.topology.peers.environments import PYKEEN, interpreter, output
from unfrozen.topology.complex import Cells
from unfrozen.topology.tasks import Completion, Ranked, Ranks, ranked, ranks
from unfrozen.topology.tasks.cells import (
    MEMBERS,
    CellMemory,
    CellPredictor,
    PredictorSettings,
    fit_cells,
    triples_as_cells,
)

GRAPHS = ("nations", "kinships", "umls")
PUBLISHED = {"nations": 0.82, "kinships": 0.83, "umls": 0.94}
"""MRR of ConvE as its authors publish it (Dettmers et al. 2018), whose parts these are."""
MODELS = {"ComplEx": 64, "RotatE": 64}
"""Embeddings of PyKEEN, and their width."""
OURS: dict[str, dict[str, Any]] = {
    "cells, product": {"seen": "cells", "scorer": "product", "layers": 1},
    "no cells, product": {"seen": "nothing", "scorer": "product", "layers": 0},
}
"""A network that sees the cells, and the same scores without: CP of a subject, relation, object."""
MEMORY = "memory of cells"
_AT = (1, 10)
_RATE = 0.01


@dataclass(frozen=True)
class KnowledgeSize:
    """How much is learnt.

    Attributes:
        graphs: names.
        seeds: of each.
        epochs: at most.
        peer_epochs: at most, of PyKEEN.
    """

    graphs: tuple[str, ...]
    seeds: int
    epochs: int
    peer_epochs: int


def ours(name: str, seed: int, size: KnowledgeSize) -> dict[str, Any]:
    """Ranks of the subject and the object of hidden triples, by each way."""
    task = triples_as_cells(knowledge_graph(name))
    found = {MEMORY: _told(remembered(task))}
    for way, own in OURS.items():
        settings = PredictorSettings(
            **own, width=64, epochs=size.epochs, patience=10, learning_rate=_RATE, negatives=32
        )
        predictor = CellPredictor(task, settings, generator=torch.Generator().manual_seed(seed))
        learnt = fit_cells(predictor, task, members=MEMBERS, seed=seed)
        found[way] = _told(learnt.test.ranked)
    return found


def remembered(task: Completion) -> Ranked:
    """Ranks of members that a memory of the known cells recalls from the two others."""
    memory = CellMemory(task.n_nodes)
    memory.write(Cells.of(task.known.tolist()))
    found = []
    for member in MEMBERS:
        given = np.delete(task.asked, member, 1).tolist()
        # Equal shares of thousands of cells differ in the last digits.
        shares = (memory.recall(given).shares * 1e5).round()
        candidates = task.candidates(task.asked, member)
        asked = torch.from_numpy(task.asked[:, member])
        true = shares.gather(1, asked[:, None])[:, 0]
        found.append(ranks(true, shares, torch.from_numpy(candidates.false)))
    return ranked(Ranks(*(torch.cat(each) for each in zip(*found, strict=True))), _AT)


def theirs(name: str, seed: int, size: KnowledgeSize) -> dict[str, Any]:
    """The same of embeddings of PyKEEN, with the end of training chosen alike.

    Raises:
        PeerError: it cannot be had, or failed.
    """
    graph = knowledge_graph(name)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "triples.npz"
        np.savez(
            file, allow_pickle=False, entities=len(graph.entities), relations=len(graph.relations),
            training=graph.train.numpy(), validation=graph.validation.numpy(),
            testing=graph.test.numpy(),
        )  # fmt: skip
        for model, width in MODELS.items():
            words = (model, width, _RATE, size.peer_epochs, seed)
            command = [str(interpreter(PYKEEN)), "-P", embedder.__file__, str(file)]
            told = json.loads(output([*command, *map(str, words)], f"{model} of {PYKEEN.name}"))
            found[f"{model}, {PYKEEN.name}"] = {key: told[key] for key in ("mrr", "1", "10")}
    return found


def _told(found: Ranked) -> dict[str, float]:
    return {"mrr": found.mrr, **{str(k): found.hits[k] for k in _AT}}
