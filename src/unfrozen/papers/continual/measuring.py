"""Which learners go through which streams, with settings chosen on validation images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from unfrozen.learning.continual import (
    LEARNERS,
    Stream,
    class_incremental,
    make,
    permuted,
    run,
    run_online,
)
from unfrozen.papers.running.context import RunContext

LIMIT = 500_000
"""Bytes that the bounded learners keep at most: network, optimizer and images, or patterns."""
OURS = "hopfield"
"""The learner without backpropagation that the claims are of, chosen on validation images."""
RIVAL = "replay"
BATCH = 10
_POOL = 2  # 28 by 28 pixels become 14 by 14, for every learner alike
_SETS = ("mnist", "fashion-mnist")


@dataclass(frozen=True)
class Entry:
    """A learner with its settings.

    Attributes:
        learner: its name among the learners.
        settings: of it.
        at_once: whether all tasks come as one, shuffled: what a stream costs.
    """

    learner: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    at_once: bool = False

    @property
    def backprop(self) -> bool:
        """Whether it takes gradients backwards through a network."""
        return LEARNERS[self.learner].backprop


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        seeds: of each learner.
        per_class: images to learn from, of each class of the class-incremental stream.
        per_task: likewise, of each permutation.
        per_test: images to be asked, of each permutation.
        tasks: of the stream for plasticity.
    """

    seeds: int
    per_class: int | None
    per_task: int
    per_test: int
    tasks: int


SIZES = {"full": Size(5, None, 3000, 2000, 200), "quick": Size(1, 300, 500, 300, 40)}

# Chosen at seed 101 on a tenth of the training images, which were not learnt from.
_SGD = {"hidden": (100,), "rate": 0.1}
_REPLAY = {"hidden": (100,), "rate": 0.2, "updates": 3, "replayed": 64}
LEARNT: dict[str, Entry] = {
    OURS: Entry("hopfield", {"limit": LIMIT, "beta": 5.0}),
    "least squares": Entry("least-squares", {"features": 220, "ridge": 0.1}),
    "hebbian": Entry("hebbian"),
    "forward-forward": Entry("forward-forward", {"rate": 0.003}),
    "mezo": Entry("mezo", {"rate": 0.003}),
    RIVAL: Entry("replay", {"limit": LIMIT, **_REPLAY}),
    "ewc": Entry("ewc", {**_SGD, "strength": 3.0}),
    "continual backprop": Entry("continual-backprop", {**_SGD, "replacement": 1e-4}),
    "fine-tuning": Entry("fine-tuning", _SGD),
}
"""What goes through ten tasks of new classes."""
MOVED = {**LEARNT, RIVAL: Entry("replay", {"limit": LIMIT, **_REPLAY, "rate": 0.4})}
"""What goes through ten orders of pixels, where replay does better with longer steps."""
BESIDE: dict[str, Entry] = {
    "replay, four times the bytes": Entry("replay", {"limit": 4 * LIMIT, **_REPLAY}),
    "all at once": Entry("fine-tuning", _SGD, at_once=True),
}
"""What stands beside them on the class-incremental stream."""

_DEEP = {"hidden": (100, 100, 100), "optimizer": "adam", "rate": 0.003}
PLASTIC: dict[str, Entry] = {
    "backprop": Entry("fine-tuning", _DEEP),
    "continual backprop": Entry("continual-backprop", {**_DEEP, "replacement": 1e-3}),
    "least squares": Entry("least-squares", {"features": 200}),
}
"""What goes through hundreds of tasks."""


def classes(seed: int, size: Size, tasks: int = 10) -> Stream:
    """Ten tasks of two classes: MNIST's, then Fashion-MNIST's; twenty in the end."""
    return class_incremental(_SETS, tasks, seed, per_class=size.per_class, pool=_POOL)


def domains(seed: int, size: Size) -> Stream:
    """Ten tasks of MNIST, each with its own order of pixels."""
    return permuted("mnist", 10, seed, per_task=size.per_task, per_test=size.per_test, pool=_POOL)


def hundreds(seed: int, size: Size) -> Stream:
    """Many short tasks of MNIST at 7 by 7 pixels, each with its own order of them."""
    return permuted("mnist", size.tasks, seed, per_task=1000, per_test=1, pool=4)


def measure(
    context: RunContext, size: Size, first: int
) -> tuple[dict[str, list[Any]], dict[str, list[Any]], dict[str, list[Any]]]:
    """All runs, by learner, a seed after the other: class-incremental, domains, hundreds."""
    through = partial(_all, context, size, first)
    return (
        through("classes", {**LEARNT, **BESIDE}, _ten(classes)),
        through("domains", MOVED, _ten(domains)),
        through("hundreds", PLASTIC, _online),
    )


def _all(
    context: RunContext,
    size: Size,
    first: int,
    name: str,
    entries: Mapping[str, Entry],
    compute: Callable[[Entry, int, Size], dict[str, Any]],
) -> dict[str, list[Any]]:
    # Seed by seed, so that what is interrupted has all learners of some seeds.
    items = {
        f"{label}, seed {seed}": (entry, seed)
        for seed in range(first, first + size.seeds)
        for label, entry in entries.items()
    }
    settings = {"size": size, "entries": {k: vars(entry) for k, entry in entries.items()}}
    found = context.checkpoint(
        name, settings, items, lambda item: compute(*item, size), sample=None
    )
    return {
        label: [found[f"{label}, seed {seed}"] for seed in range(first, first + size.seeds)]
        for label in entries
    }


def _ten(
    stream: Callable[[int, Size], Stream],
) -> Callable[[Entry, int, Size], dict[str, Any]]:
    def compute(entry: Entry, seed: int, size: Size) -> dict[str, Any]:
        tasks = classes(seed, size, 1) if entry.at_once else stream(seed, size)
        learner = make(entry.learner, tasks.inputs, seed, **entry.settings)
        found = run(learner, tasks, seed=seed, batch=BATCH)
        return {
            "matrix": found.matrix.tolist(),
            "before": found.before.tolist(),
            "seconds": sum(found.seconds),
            "bytes": found.bytes[-1],
        }

    return compute


def _online(entry: Entry, seed: int, size: Size) -> dict[str, Any]:
    tasks = hundreds(seed, size)
    learner = make(entry.learner, tasks.inputs, seed, **entry.settings)
    found = run_online(learner, tasks, seed=seed, batch=BATCH)
    return {
        "accuracy": found.accuracy.tolist(),
        "seconds": sum(found.seconds),
        "bytes": found.bytes,
    }
