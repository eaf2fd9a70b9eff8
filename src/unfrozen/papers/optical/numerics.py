"""How exact the simulated fibre is, and how fast."""

from collections.abc import Sequence
from dataclasses import replace
from time import process_time

import torch
from torch import Tensor

from unfrozen.learning.optics import Fibre, propagate
from unfrozen.papers.optical.learning import FIBRE, STRAIGHT, scaled
from unfrozen.papers.running.context import RunContext


@torch.no_grad()
def numerics(sets: Sequence[str], context: RunContext) -> dict[str, dict[str, float]]:
    """How exact the Kerr fibre is on images of each set, and how fast."""
    found = {}
    half = replace(FIBRE, steps=2 * FIBRE.steps)
    for name in sets:
        rows = scaled(name)[1][:200]
        fibre = Fibre(FIBRE)
        seen, finer, linear = fibre(rows), Fibre(half)(rows), Fibre(STRAIGHT)(rows)
        light = fibre.field(rows[:50].double())
        energy = _energy(propagate(light, FIBRE.span)) / _energy(light) - 1
        single = fibre.field(rows[:50])
        kept = _energy(propagate(single, FIBRE.span)) / _energy(single) - 1
        with context.uncounted():
            begun = process_time()
            fibre(rows)
            seconds = process_time() - begun
        off = _off(seen, finer)
        found[name] = {
            "halving, mean (%)": 100 * float(off.mean()),
            "halving, worst (%)": 100 * float(off.max()),
            "Kerr effect (%)": 100 * float(_off(linear, seen).mean()),
            "energy error": float(kept.abs().max()),
            "energy error, double precision": float(energy.abs().max()),
            "samples per second": len(rows) / seconds,
        }
    return found


def _energy(field: Tensor) -> Tensor:
    return field.abs().double().square().sum((1, 2))


def _off(seen: Tensor, other: Tensor) -> Tensor:
    return (seen - other).norm(dim=1) / other.norm(dim=1)
