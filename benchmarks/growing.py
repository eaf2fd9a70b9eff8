"""What does an edit of one cell cost, beside building the complex and its matrices anew?"""

from time import process_time

from unfrozen.papers.topology.edits import RELATIONS, edited, torus
from unfrozen.topology.complex.growing import GrowingComplex

QUESTION = "single cells come and go a processor second, beside a complex built anew after each"
EDITS, REBUILDS = 10_000, 5
# Tori of triangles: 6 cells for each of their nodes.
SIDES = {"10,000 cells": 41, "60,000 cells": 100}


def run() -> dict[str, float]:
    """Edits with questions of the cells they touch, and the same by building all anew."""
    found: dict[str, float] = {}
    for size, side in SIDES.items():
        base = torus(side)
        begun = process_time()
        GrowingComplex(base)
        opened = process_time() - begun
        cost = edited(side, EDITS, REBUILDS, seed=0)
        found |= {
            f"{size}, edits a second with what they touch": 1 / cost["edit"],
            f"{size}, rebuilt a second, with {len(RELATIONS)} matrices": 1 / cost["rebuild"],
            f"{size}, edits faster, times": cost["rebuild"] / cost["edit"],
            f"{size}, of a snapshot after an edit, ms": cost["snapshot"] * 1e3,
            f"{size}, to begin to grow, ms": opened * 1e3,
        }
    return found
