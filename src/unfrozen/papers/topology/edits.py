"""Edits of single cells, beside building the complex and its matrices anew after each."""

import math
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

from unfrozen.topology.complex import Complex, adjacency, coadjacency, incidence
from unfrozen.topology.complex.growing import GrowingComplex

RELATIONS = (
    incidence(0, 1), incidence(0, 2), incidence(1, 2), adjacency(0), adjacency(1), coadjacency(1),
    coadjacency(2),
)  # fmt: skip
"""Matrices that answer what is asked of touched cells."""


def edited(side: int, edits: int, rebuilds: int, seed: int) -> dict[str, Any]:
    """Processor seconds of edits with questions of the cells they touch, and of building anew.

    Args:
        side: of a torus of 6 side^2 cells.
        edits: how many.
        rebuilds: how many are timed; the mean stands for one after each edit.
        seed: of the edits.

    Returns:
        ``cells``; ``edit``, ``rebuild`` and ``snapshot``, seconds of one; ``same``, whether the
        complex that grew has the matrices of one built anew.
    """
    base = torus(side)
    growing = GrowingComplex(base)
    edit = random_edits(growing, seed)
    begun = process_time()
    for _ in range(edits):
        edit()
    each = (process_time() - begun) / edits
    anew, snapshot, same = [], math.inf, True
    for _ in range(rebuilds):
        edit()
        begun = process_time()
        taken = growing.snapshot()
        snapshot = min(snapshot, process_time() - begun)
        anew.append(rebuilt(taken))
        same = same and _agree(taken)
    return {
        "cells": sum(base.n_cells(rank) for rank in (0, 1, 2)), "edit": each,
        "rebuild": float(np.mean(anew)), "snapshot": snapshot, "same": same,
    }  # fmt: skip


def torus(side: int) -> Complex:
    """A square of squares, its sides joined, each square of two triangles."""
    i, j = (each.ravel() for each in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    a, b, c, d = (
        (i + di) % side * side + (j + dj) % side for di in (0, 1) for dj in (0, 1)
    )  # fmt: skip
    faces = np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
    edges = np.concatenate([np.stack(pair, 1) for pair in ((a, b), (a, c), (a, d))])
    return Complex({1: edges, 2: faces})


def random_edits(growing: GrowingComplex, seed: int) -> Callable[[], None]:
    """An edge or a face goes, or one that went comes back; what is touched is asked.

    Args:
        growing: to be edited.
        seed: of the edits.
    """
    random = np.random.default_rng(seed)
    base = growing.base
    there = [own for rank in (1, 2) for own in base.ids[rank].tolist()]
    gone: list[tuple[int, tuple[int, ...]]] = []

    def edit() -> None:
        if gone and random.random() < 0.5:
            at = int(random.integers(len(gone)))
            gone[at], gone[-1] = gone[-1], gone[at]
            rank, nodes = gone.pop()
            own = growing.add(rank, nodes)
            there.append(own)
            touched = (own, *growing.parts(own), *growing.wholes(own))
        else:
            at = int(random.integers(len(there)))
            there[at], there[-1] = there[-1], there[at]
            own = there.pop()
            gone.append((growing.rank(own), growing.nodes(own)))
            touched = (*growing.parts(own), *growing.wholes(own))
            growing.retire(own)
        for own in touched:
            rank = growing.rank(own)
            growing.parts(own)
            growing.wholes(own)
            for via in {rank - 1, rank + 1} & {0, 1, 2}:
                growing.neighbours(own, via)

    return edit


def rebuilt(now: Complex) -> float:
    """Seconds to build the complex from arrays, and the matrices that answer the same questions."""
    arrays = _arrays(now)
    begun = process_time()
    anew = Complex(arrays, n_nodes=now.n_nodes)
    for relation in RELATIONS:
        anew.neighbourhood(relation)
    return process_time() - begun


def _arrays(now: Complex) -> dict[int, np.ndarray]:
    return {rank: now.cells(rank).members.reshape(-1, rank + 1).copy() for rank in (1, 2)}


def _agree(now: Complex) -> bool:
    """Whether matrices are those of a complex built anew from its cells."""
    anew = Complex(_arrays(now), n_nodes=now.n_nodes)
    return all(
        abs(now.neighbourhood(each).scipy() - anew.neighbourhood(each).scipy()).sum() == 0
        for each in RELATIONS
    )
