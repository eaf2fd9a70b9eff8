"""Training a model on a family of worlds, and what it foresees in new ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from unfrozen.hippocampus.accuracy import accuracy, agents, by_visits
from unfrozen.hippocampus.observer import observe
from unfrozen.hippocampus.presets import trainer, training_of
from unfrozen.hippocampus.tem_t import Correction, TemT
from unfrozen.hippocampus.tem_t.files import save_model
from unfrozen.hippocampus.training import Trainer, draw_walks, foreseen
from unfrozen.hippocampus.worlds import N_SYMBOLS, Walk, WalkSettings, named, novelty
from unfrozen.papers.maps import train
from unfrozen.papers.running.context import RunContext
from unfrozen.papers.tem_t.cells import cells

# Walks that are measured on have seeds so far from those that were trained on or looked at.
_MEASURED = 7_000_003
# Settings were chosen on the first seeds.
_FIRST = 100
_STEPS, _LONG, _WIDE = 150, 1000, 15
# Seeds of further tries lie so far apart.
_AGAIN = 50_000
# All models are measured on the same walks, in whichever way each was trained.
_WALKING = WalkSettings()


@dataclass(frozen=True)
class Subject:
    """A model on worlds.

    Attributes:
        model: its name among the presets.
        worlds: name of their family.
        updates: at most; as of the preset by default.
        walks: in each update; as of the preset by default.
        steps: of each walk that is trained on; as of the preset by default.
        target: strict accuracy on walks held out at which training ends.
        long: whether it is also measured on long walks in larger worlds.
        cells: whether its units are looked at.
        seeds: how many; as many as are asked for by default.
        tries: how often training may begin, each time from other weights, until walks held out are
            foreseen as well as the target asks.
    """

    model: str
    worlds: str
    updates: int | None = None
    walks: int | None = None
    steps: int | None = None
    target: float | None = None
    long: bool = False
    cells: bool = False
    seeds: int | None = None
    tries: int = 1

    @property
    def name(self) -> str:
        """By which it is told from the others."""
        return f"{self.model} on {self.worlds}"


def models(context: RunContext) -> Path:
    """The folder that trained models are kept in."""
    return context.place("models", {})


def file_of(subject: Subject, seed: int) -> str:
    """Name of the file of a trained model."""
    return f"{subject.model}-{subject.worlds}-{seed}.safetensors"


def measure(
    context: RunContext, subject: Subject, seeds: int, seed: int, walks: int
) -> list[dict[str, Any]]:
    """Train with several seeds, and measure each model on walks that none has seen.

    Args:
        context: keeps what is done, and the models.
        subject: what to train on what.
        seeds: how many.
        seed: the first.
        walks: that are measured on.
    """
    folder = models(context)
    first, seeds = seed + _FIRST, subject.seeds or seeds
    items = {f"{subject.name}, seed {s}": s for s in range(first, first + seeds)}

    def compute(number: int) -> dict[str, Any]:
        return _one(context, subject, number, walks, folder)

    known = {"subject": subject, "walks": walks}
    return list(
        context.checkpoint("transfer", known, items, compute, sample=None, anywhere=True).values()
    )


def _one(
    context: RunContext, subject: Subject, seed: int, walks: int, folder: Path
) -> dict[str, Any]:
    training = replace(
        training_of(subject.model), worlds=subject.worlds, seed=seed, target=subject.target,
        held_out_steps=_STEPS, **_told(subject, "updates", "walks", "steps"),
    )  # fmt: skip
    tries, kept = [], []
    while len(tries) < subject.tries and (not tries or tries[-1].progress.met < 2):
        runner = trainer(subject.model, replace(training, seed=seed + _AGAIN * len(tries)))
        kept.append(folder / f"{file_of(subject, seed)}.{len(tries)}.run")
        train(context, runner, f"{subject.name}, seed {seed}", kept[-1])
        tries.append(runner)
    runner = max(tries, key=lambda one: (one.progress.met, one.progress.curve[-1]["zero_shot"]))
    family = named(subject.worlds)
    generator = torch.Generator().manual_seed(seed + _MEASURED)
    path = draw_walks(family, walks, _STEPS, N_SYMBOLS, generator, _WALKING)
    found: dict[str, Any] = {
        "seed": seed,
        "tries": len(tries),
        "updates": sum(one.progress.number for one in tries),
        "seconds": sum(one.progress.seconds for one in tries),
        "curve": _curve(tries),
        **_shares(runner, path),
        "observer": {
            name: _observed(runner, path, sees) for name, sees in (("sees", True), ("blind", False))
        },
    }
    if subject.long:
        path = draw_walks(
            family, max(walks // 8, 2), _LONG, N_SYMBOLS, generator, _WALKING, sizes=(_WIDE,)
        )
        found["long"] = _shares(runner, path)["accuracy"]
        found["long_corrected"] = _shares(runner, path, correction=Correction())["accuracy"]
    if isinstance(runner.model, TemT):
        folder.mkdir(parents=True, exist_ok=True)
        save_model(runner.model, folder / file_of(subject, seed))
        if subject.cells:
            before = trainer(subject.model, runner.settings).model
            assert isinstance(before, TemT)
            found["cells"] = cells(runner.model, before, seed)
    for file in kept:
        file.unlink()
    return found


def _curve(tries: Sequence[Trainer]) -> list[list[int | float]]:
    """Updates, seconds and accuracy on walks held out of all tries, one after the other."""
    curve: list[list[int | float]] = []
    updates, seconds = 0, 0.0
    for one in tries:
        curve += [
            [updates + look["update"], seconds + look["seconds"], look["zero_shot"]]
            for look in one.progress.curve
        ]
        updates, seconds = updates + one.progress.number, seconds + one.progress.seconds
    return curve


def _told(subject: Subject, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(subject, name)) is not None}


def _shares(runner: Trainer, path: Walk, **more: Any) -> dict[str, Any]:
    new, right = novelty(path), foreseen(runner.model, path, **more)
    moved = path.places != path.places.roll(1, 1)
    moved[:, 0] = False
    beside = agents(new, moved, runner.n_symbols)
    return {
        "accuracy": accuracy(right, new)._asdict(),
        "by_visits": [
            None if math.isnan(share) else share for share in by_visits(right, new.visits).tolist()
        ],
        "agents": {name: getattr(beside, name)._asdict() for name in _AGENTS},
    }


def _observed(runner: Trainer, path: Walk, sees: bool) -> dict[str, Any]:
    """What an ideal observer foresees, who knows the worlds that were drawn from."""
    family, generator = runner.family, torch.Generator().manual_seed(0)
    worlds = [family.make(n, generator) for n in family.sizes]
    right = observe(path, worlds, runner.n_symbols, _WALKING, sees).argmax(-1) == path.symbols
    return accuracy(right, novelty(path))._asdict()


_AGENTS = ("node", "edge", "reversible_edge")
