"""What does an edit of one cell cost, beside building the complex and its matrices anew?"""

import math
from collections.abc import Callable
from time import process_time

import numpy as np

from unfrozen.topology.complex import Complex, adjacency, coadjacency, incidence
from unfrozen.topology.complex.growing import GrowingComplex

QUESTION = "single cells come and go a processor second, beside a complex built anew after each"
EDITS, REBUILDS = 10_000, 5
# Tori of triangles: 6 cells for each of their nodes.
SIDES = {"10,000 cells": 41, "60,000 cells": 100}
RELATIONS = (
    incidence(0, 1), incidence(0, 2), incidence(1, 2), adjacency(0), adjacency(1), coadjacency(1),
    coadjacency(2),
)  # fmt: skip


def run() -> dict[str, float]:
    """Edits with questions of the cells they touch, and the same by building all anew."""
    found: dict[str, float] = {}
    for size, side in SIDES.items():
        base = torus(side)
        begun = process_time()
        growing = GrowingComplex(base)
        opened = process_time() - begun
        edit = _edits(growing, seed=0)
        edited = rebuilt = snapshot = math.inf
        for _ in range(5):
            begun = process_time()
            for _ in range(EDITS // 5):
                edit()
            edited = min(edited, (process_time() - begun) / (EDITS // 5))
        for _ in range(REBUILDS):
            edit()
            begun = process_time()
            taken = growing.snapshot()
            snapshot = min(snapshot, process_time() - begun)
            rebuilt = min(rebuilt, _rebuilt(taken))
        found |= {
            f"{size}, edits a second with what they touch": 1 / edited,
            f"{size}, rebuilt a second, with {len(RELATIONS)} matrices": 1 / rebuilt,
            f"{size}, edits faster, times": rebuilt / edited,
            f"{size}, of a snapshot after an edit, ms": snapshot * 1e3,
            f"{size}, to begin to grow, ms": opened * 1e3,
        }
    return found


def torus(side: int) -> Complex:
    """A square of squares, its sides joined, each square of two triangles."""
    i, j = (each.ravel() for each in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    a, b, c, d = (
        (i + di) % side * side + (j + dj) % side for di in (0, 1) for dj in (0, 1)
    )  # fmt: skip
    faces = np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
    edges = np.concatenate([np.stack(pair, 1) for pair in ((a, b), (a, c), (a, d))])
    return Complex({1: edges, 2: faces})


def _edits(growing: GrowingComplex, seed: int) -> Callable[[], None]:
    """An edge or a face goes, or one that went comes back; what is touched is asked."""
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


def _rebuilt(now: Complex) -> float:
    """Seconds to build the complex from arrays, and the matrices that answer the same questions."""
    sizes = {1: 2, 2: 3}
    arrays = {rank: now.cells(rank).members.reshape(-1, sizes[rank]).copy() for rank in sizes}
    begun = process_time()
    anew = Complex(arrays, n_nodes=now.n_nodes)
    for relation in RELATIONS:
        anew.neighbourhood(relation)
    return process_time() - begun
