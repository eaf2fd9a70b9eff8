"""Combinatorial complexes: what building, passing messages and editing cost, and what cells tell.

What is timed is timed in processor seconds of one thread, beside other libraries in environments of
their own.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unfrozen.data.knowledge_graphs import knowledge_graph
from unfrozen.errors import DataError
from unfrozen.papers.claim import Budget, Outcome
from unfrozen.papers.running.context import RunContext
from unfrozen.papers.topology import building, claims, telling
from unfrozen.papers.topology.accuracy import SETS, AccuracySize, on_fold, parts, task
from unfrozen.papers.topology.claims import Found
from unfrozen.papers.topology.edits import edited
from unfrozen.papers.topology.higher import HigherSize, steiner, sums
from unfrozen.papers.topology.knowledge import KnowledgeSize, ours, theirs
from unfrozen.papers.topology.peers import passing
from unfrozen.papers.topology.peers.environments import PYKEEN, TOPOMODELX, TOPONETX, PeerError
from unfrozen.papers.topology.peers.environments import why_not as absent
from unfrozen.topology.tasks import expressivity


@dataclass(frozen=True)
class _Budget:
    levels: tuple[int, ...]
    peer_level: int
    times: int
    passes: tuple[int, ...]
    side: int
    edits: int
    rebuilds: int
    accuracy: AccuracySize
    higher: HigherSize
    seeds: int
    knowledge: KnowledgeSize


# Meshes of level l have 60 * 4^l + 2 cells: 962 to 983,042, 61,442 at level 5.
_BUDGETS = {
    "full": _Budget(
        (2, 3, 4, 5, 6, 7), 5, 5, (3, 4, 5), 100, 10_000, 5,
        AccuracySize(("MUTAG", "Bianchi hard", "meshes", "mesh parts"), 10, 10, 4, 40, 15, 12),
        HigherSize(200, 40, 3, 4, 14), 10,
        KnowledgeSize(("nations", "kinships", "umls"), 2, 60, 200),
    ),
    "quick": _Budget(
        (2, 3, 4), 3, 2, (3,), 12, 300, 2,
        AccuracySize(("MUTAG",), 10, 1, 1, 10, 10, 4),
        HigherSize(80, 20, 2, 4, 6), 1,
        KnowledgeSize(("nations",), 1, 5, 10),
    ),
}  # fmt: skip
_TOPOMODELX, _PYG = TOPOMODELX.name, passing.PYG


class TopologyPaper:
    """Times the library beside others, and asks where cells help networks and where they do not."""

    name = "topology"
    title = "Topological Deep Learning: Going Beyond Graph Data"
    citation = (
        "Hajij et al. 2022, arXiv:2206.00606; colour refinement of lifted graphs after Bodnar et "
        "al. 2021, arXiv:2106.12575; protocol after Errica et al. 2020, arXiv:1912.09893."
    )
    summary = (
        "Meshes become combinatorial complexes with all their matrices, beside TopoNetX; attention "
        "between faces and edges goes forwards and backwards, beside TopoModelX and PyTorch "
        "Geometric; single cells come and go.  Strongly regular graphs are lifted, to see which "
        "exact colour refinement tells apart.  Networks on cells and graph networks that were "
        "searched for as long are asked about molecules, clouds of points, meshes and their parts, "
        "about parities on Steiner systems and sums of which pairs say nothing.  Knowledge graphs "
        "are completed as sets of three, beside PyKEEN."
    )
    claims = claims.SPECS

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        with context.uncounted():
            found = _timed(size, seed, context)
        found = Found(
            **found, alike=context.once("alike", {}, expressivity), **_learnt(size, seed, context),
            full=budget == "full",
        )  # fmt: skip
        return Outcome(
            claims=claims.measured(found),
            figures=telling.figures(found),
            tables=telling.tables(found),
        )


EXPERIMENT = TopologyPaper()


def _timed(size: _Budget, seed: int, context: RunContext) -> dict[str, Any]:
    """Seconds and bytes; of a library that cannot be had, why."""
    missing = {peer.name: why for peer in (TOPONETX, TOPOMODELX, PYKEEN) if (why := absent(peer))}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        built = context.checkpoint(
            "building", {"times": size.times}, {str(level): level for level in size.levels},
            lambda level: building.timed(level, size.times), sample=None,
        )  # fmt: skip
        toponetx: dict[str, Any] = {}
        if TOPONETX.name not in missing:
            toponetx = context.checkpoint(
                "toponetx", {}, {str(size.peer_level): size.peer_level}, building.beside,
                sample=None,
            )  # fmt: skip
        systems = tuple(s for s in (_PYG, _TOPOMODELX) if s not in missing)
        passed = {}
        for level in size.passes:
            try:
                passed |= context.checkpoint(
                    "passing", {"systems": systems}, {str(level): level},
                    lambda level: _passed(level, systems), sample=None,
                )  # fmt: skip
            except PeerError as error:
                missing[_PYG] = str(error)
        changed = context.checkpoint(
            "edits", {"size": (size.side, size.edits, size.rebuilds)}, {"one": None},
            lambda _: edited(size.side, size.edits, size.rebuilds, seed), sample=None,
        )["one"]  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    return {
        "missing": missing, "built": built, "toponetx": next(iter(toponetx.values()), None),
        "passed": passed, "edited": changed, "edits": size.edits,
    }  # fmt: skip


def _passed(level: int, systems: tuple[str, ...]) -> dict[str, Any]:
    """Cells of edges and faces, and what each system takes; nothing where memory is too little."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mesh.npz"
        _, edges, faces = passing.write(level, file)
        costs = passing.compared("attention", file, systems)
    told = {name: None if cost is None else cost._asdict() for name, cost in costs.items()}
    return {"cells": edges + faces, "costs": told}


def _learnt(size: _Budget, seed: int, context: RunContext) -> dict[str, Any]:
    """What networks come to, a checkpoint for each fold and each seed."""
    had, lacking = _had(size.accuracy.sets, lambda name: task(name, size.accuracy.per_class))
    work = {}
    for name in had:
        count = min(
            size.accuracy.asked, len(parts(task(name, size.accuracy.per_class).data, size.accuracy))
        )
        work |= {f"{name}, fold {i}": (name, i) for i in range(count)}
    marks = context.checkpoint(
        "accuracy", {"size": size.accuracy}, work,
        lambda one: {"set": one[0], **on_fold(one[0], one[1], size.accuracy, seed)},
        anywhere=True,
    )  # fmt: skip
    seeds = {f"seed {s}": s for s in range(seed, seed + size.seeds)}
    settings = {"size": size.higher}
    odd = context.checkpoint(
        "steiner", settings, seeds, lambda s: steiner(size.higher, s), anywhere=True
    )
    zero = context.checkpoint(
        "sums", settings, seeds, lambda s: sums(size.higher, s), anywhere=True
    )
    names, without = _had(size.knowledge.graphs, knowledge_graph)
    triples = {
        f"{name}, seed {s}": (name, s)
        for name in names
        for s in range(seed, seed + size.knowledge.seeds)
    }
    settings = {"size": size.knowledge}
    own = context.checkpoint(
        "knowledge", settings, triples,
        lambda one: {"graph": one[0], **ours(one[0], one[1], size.knowledge)},
        anywhere=True,
    )  # fmt: skip
    other: dict[str, Any] = {}
    if not absent(PYKEEN):
        other = context.checkpoint(
            "pykeen", settings, triples,
            lambda one: {"graph": one[0], **theirs(one[0], one[1], size.knowledge)},
            sample=None, anywhere=True,
        )  # fmt: skip
    return {
        "marks": list(marks.values()), "steiner": list(odd.values()), "sums": list(zero.values()),
        "triples": [{**each, **other.get(key, {})} for key, each in own.items()],
        "lacking": {**lacking, **without}, "accuracy": size.accuracy,
    }  # fmt: skip


def _had(names: tuple[str, ...], ask: Callable[[str], object]) -> tuple[list[str], dict[str, str]]:
    """Those whose data can be had, and why the others cannot."""
    had, lacking = [], {}
    for name in names:
        try:
            ask(name)
            had.append(name)
        except DataError as error:
            lacking[name] = str(error)
    return had, lacking


__all__ = ["EXPERIMENT", "SETS", "TopologyPaper"]
