"""How fast a small TEM and a TEM-transformer learn the same small squares."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from unfrozen.hippocampus.presets import preset_of, trainer
from unfrozen.hippocampus.runs import Run
from unfrozen.hippocampus.training import MapTraining
from unfrozen.hippocampus.worlds import N_SYMBOLS, Walk, batch, draw_symbols, named, walk
from unfrozen.papers.maps import train
from unfrozen.papers.running.context import RunContext

SIZES = (4, 5)
# Walks that are measured on have seeds so far from those that were trained on or looked at.
_MEASURED = 7_000_003
_WALKS, _HELD_OUT, _STEPS = 128, 32, 250


def start(model: str, seed: int, updates: int | None, target: float) -> Run:
    """A training on small squares that ends once walks held out are foreseen.

    Whatever the model, those are as TEM's: what each needs until it foresees them can be compared.

    Args:
        model: its name among the presets.
        seed: of everything.
        updates: at most; those of the preset by default.
        target: strict zero-shot accuracy that is enough.
    """
    training = replace(
        preset_of(model).training, sizes=SIZES, seed=seed, target=target, held_out=_HELD_OUT
    )
    if isinstance(training, MapTraining):
        straight = named("grid").walk.straight
        training = replace(training, straight=straight, held_out_steps=_STEPS)
    else:
        training = replace(training, steps=_STEPS)
    if updates is not None:
        training = replace(training, updates=updates)
    return trainer(model, training)


def learn(context: RunContext, run: Run, told: str, kept: Path, most: float) -> dict[str, Any]:
    """Train to the end or for so long, and measure on walks that nobody has seen.

    Args:
        context: of the paper.
        run: not begun.
        told: what it is.
        kept: where it is kept on the way.
        most: processor seconds.

    Returns:
        Updates, steps of each, and seconds; the look at walks held out that first met the target;
        all looks; and the accuracy on other walks.
    """
    train(context, run, told, kept, most)
    done = run.progress
    met = next((look for look in done.curve if look["zero_shot"] >= (done.target or 0)), None)
    return {
        "updates": done.number,
        "steps": run.steps,
        "seconds": done.seconds,
        "met": met,
        "curve": [[look["update"], look["seconds"], look["zero_shot"]] for look in done.curve],
        "accuracy": run.check(_walks(run.seed))._asdict(),
    }


def _walks(seed: int) -> Walk:
    generator = torch.Generator().manual_seed(seed + _MEASURED)
    family = named("grid")
    worlds = batch([family.draw(generator, SIZES) for _ in range(_WALKS)])
    symbols = draw_symbols(worlds, N_SYMBOLS, generator)
    return walk(worlds, symbols, _STEPS, generator, family.walk)
