"""What trainings of all maps share: updates, looks at walks held out, and files to go on from."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from unfrozen.data.parts import load_parts, save_parts
from unfrozen.errors import MapError
from unfrozen.hippocampus.accuracy import Accuracy
from unfrozen.hippocampus.worlds import Walk

_KIND = "map-training"

# Seeds of walks that are not trained on lie so far from those that are.
HELD_OUT = 1_000_003


class Update(NamedTuple):
    """One update.

    Attributes:
        number: from 1.
        loss: in nats, before the update.
        known: share of known places that were foreseen, on the walks of the update.
        seconds: of processor time since training began, looks at walks held out left out.
        held_out: on walks held out, where it was looked at.
    """

    number: int
    loss: float
    known: float
    seconds: float
    held_out: Accuracy | None


class Progress:
    """How far a run has come.

    Args:
        updates: at most.
        target: strict zero-shot accuracy that is enough once it is met twice in turn.

    Attributes:
        number: of updates that were made.
        seconds: of processor time that they took.
        met: how often the target was met in turn.
        curve: what was found on walks held out, a line a look.
    """

    def __init__(self, updates: int, target: float | None) -> None:
        self.updates, self.target = updates, target
        self.number, self.seconds, self.met = 0, 0.0, 0
        self.curve: list[dict[str, Any]] = []

    @property
    def done(self) -> bool:
        """Whether all updates were made, or the target was met twice in turn."""
        return self.number >= self.updates or self.met >= 2

    def look(self, found: Accuracy) -> None:
        """Take down what was found after this update."""
        good = self.target is not None and found.zero_shot >= self.target
        self.met = self.met + 1 if good else 0
        told = {"update": self.number, "seconds": self.seconds}
        self.curve.append({**told, **found._asdict()})

    def told(self) -> dict[str, Any]:
        """All of it in values of JSON."""
        return {name: getattr(self, name) for name in _PROGRESS}

    def take(self, told: Mapping[str, Any]) -> None:
        """Go on from what was `told`."""
        for name in _PROGRESS:
            setattr(self, name, told[name])


_PROGRESS = ("number", "seconds", "met", "curve")


@runtime_checkable
class Run(Protocol):
    """A training that can be watched and go on later.

    Attributes:
        progress: so far.
        held_out: walks that are not trained on.
        n_symbols: how many symbols there are.
        steps: that an update walks, all walks together.
        seed: of worlds, walks and symbols.
    """

    progress: Progress
    held_out: Walk
    n_symbols: int
    steps: int
    seed: int

    @property
    def model(self) -> nn.Module:
        """That is trained."""
        ...

    def run(self) -> Iterator[Update]:
        """Go on to the end, one update after the other."""
        ...

    def check(self, walks: Walk | None = None) -> Accuracy:
        """How well the walks held out are foreseen, or others."""
        ...

    def save(self, path: str | Path) -> None:
        """Write all that is needed to go on."""
        ...

    def resume(self, path: str | Path) -> None:
        """Go on where a file was written."""
        ...


class Kept(NamedTuple):
    """What a file of a run holds.

    Attributes:
        tensors: parameters, what the optimiser remembers, and generators.
        progress: how far it has come, in values of JSON.
    """

    tensors: dict[str, Tensor]
    progress: dict[str, Any]


def save_run(path: str | Path, kept: Kept, settings: Mapping[str, Any]) -> None:
    """Write all that a run needs to go on, whole or not at all.

    Args:
        path: where.
        kept: of the run.
        settings: by name, those that a run must share to go on from here; values of JSON.

    Raises:
        DataError: the disk is full or refuses.
    """
    told = {f"settings.{name}": json.dumps(value) for name, value in settings.items()}
    save_parts(path, _KIND, kept.tensors, {**told, "progress": json.dumps(kept.progress)})


def load_run(path: str | Path, settings: Mapping[str, Any]) -> Kept:
    """Read what `save_run` wrote.

    Args:
        path: where.
        settings: of the run that shall go on.

    Raises:
        MapError: the file is missing, damaged, or of a run with other settings.
    """
    tensors, told = load_parts(path, _KIND, "training run", MapError)
    for name, own in settings.items():
        if json.loads(told.get(f"settings.{name}", "null")) != json.loads(json.dumps(own)):
            raise MapError(
                f"{path} is of a run with other {name} settings: give the same, or another file"
            )
    return Kept(tensors, json.loads(told["progress"]))


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those whose names begin with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
