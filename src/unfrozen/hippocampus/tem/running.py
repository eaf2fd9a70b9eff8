"""A training of a TEM as all maps are trained: looks at walks held out, an end, and files."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from unfrozen.errors import MapError
from unfrozen.hippocampus.accuracy import Accuracy, accuracy
from unfrozen.hippocampus.runs import HELD_OUT, Kept, Progress, Update, load_run, save_run, under
from unfrozen.hippocampus.tem.model import Tem
from unfrozen.hippocampus.tem.schedules import STANDARD, Schedules
from unfrozen.hippocampus.tem.settings import SIZES
from unfrozen.hippocampus.tem.training import Training, TrainingSettings, predict
from unfrozen.hippocampus.worlds import Walk, batch, draw_symbols, named, novelty, walk


@dataclass(frozen=True)
class TemTraining:
    """How a TEM is made, trained and looked at.

    Attributes:
        worlds: name of their family.
        sizes: of the worlds; the family's by default.
        size: of the model: paper, complex or small.
        walks: in each update.
        window: steps of each in an update.
        updates: at most.
        schedules: what changes while it is trained.
        turn: by how much first transitions turn the code.
        average: how far an update draws the model that is kept towards the one that is trained, an
            exponential moving average; all the way by default.
        average_from: share of the updates after which that begins; before, they are the same.
        longest: steps of a walk for each place of its world, at first.
        shortest: at last.
        spread: of steps for each place.
        check_every: updates between two looks at walks held out.
        held_out: how many walks those are.
        steps: of each of them.
        target: strict zero-shot accuracy at which training ends, once it is met twice in turn.
        seed: of parameters, worlds, walks and symbols.

    Raises:
        MapError: there are no such worlds or sizes.
    """

    worlds: str = "grid"
    sizes: tuple[int, ...] | None = None
    size: str = "paper"
    walks: int = 16
    window: int = 25
    updates: int = 50_000
    schedules: Schedules = STANDARD
    turn: float = 0.0
    average: float = 1.0
    average_from: float = 0.0
    longest: int = 40
    shortest: int = 5
    spread: int = 30
    check_every: int = 250
    held_out: int = 32
    steps: int = 250
    target: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise MapError(f"there is no TEM of size {self.size!r}: choose from {', '.join(SIZES)}")
        if min(self.updates, self.check_every, self.held_out, self.steps - 1) < 1:
            raise MapError("updates and checks are at least one, and walks two steps long")
        if not (0 < self.average <= 1 and 0 <= self.average_from <= 1):
            raise MapError(
                f"an average that draws by {self.average} from {self.average_from} of the updates "
                "on is none: by more than 0 up to 1, from 0 to 1"
            )
        self.walking()

    def walking(self) -> TrainingSettings:
        """The part of it that says how to walk."""
        return TrainingSettings(
            self.worlds, self.sizes, self.walks, self.window, self.longest, self.shortest,
            self.spread,
        )  # fmt: skip


class TemRun:
    """Trains a TEM, and looks at walks held out from time to time.

    Args:
        settings: how.
        n_symbols: how many symbols there are.
        device: to compute on; the processor by default.

    Example:
        >>> run = TemRun(TemTraining(size="small", sizes=(3,), walks=2, window=5, updates=2))
        >>> [update.number for update in run.run()]
        [1, 2]
    """

    def __init__(
        self, settings: TemTraining, n_symbols: int = 45, device: torch.device | str = "cpu"
    ) -> None:
        self.settings, self.n_symbols, self.seed = settings, n_symbols, settings.seed
        self.steps = settings.walks * settings.window
        walking = settings.walking()
        made = walking.fit(replace(SIZES[settings.size], turn=settings.turn))
        if n_symbols != made.symbols:
            raise MapError(f"a TEM of size {settings.size} tells {made.symbols} symbols apart")
        generator = torch.Generator().manual_seed(settings.seed)
        trained = Tem(made, settings.schedules, generator=generator).to(device)
        self.training = Training(trained, walking, generator)
        self.average: AveragedModel | None = None
        self.progress = Progress(settings.updates, settings.target)
        self.held_out = self._walks(torch.Generator().manual_seed(settings.seed + HELD_OUT))

    @property
    def model(self) -> Tem:
        """The average of what is trained, once that has begun."""
        if self.average is None:
            return self.training.model
        module = self.average.module
        assert isinstance(module, Tem)
        return module

    def run(self) -> Iterator[Update]:
        """Go on to the end, one update after the other.

        Raises:
            MapError: training has diverged.
        """
        while not self.progress.done:
            yield self.update()

    def update(self) -> Update:
        """One update, and a look at walks held out when it is time for one.

        Raises:
            MapError: training has diverged.
        """
        progress, began = self.progress, time.process_time()
        record = self.training.step()
        progress.number += 1
        self._draw_near()
        progress.seconds += time.process_time() - began
        looked = None
        every = self.settings.check_every
        if progress.number % every == 0 or progress.number == self.settings.updates:
            looked = self.check()
            progress.look(looked)
        return Update(progress.number, record.loss, record.known.share, progress.seconds, looked)

    def check(self, walks: Walk | None = None) -> Accuracy:
        """How well symbols are foreseen, on the walks held out or on others."""
        walks = self.held_out if walks is None else walks
        walks = Walk(*(part.to(self.model.prior_mean.device) for part in walks))
        at, window = max(self.progress.number - 1, 0), self.settings.window
        right = predict(self.model, walks, at=at, window=window) == walks.symbols
        return accuracy(right, novelty(walks))

    def save(self, path: str | Path) -> None:
        """Write all that is needed to go on, whole or not at all.

        Raises:
            DataError: the disk is full or refuses.
        """
        tensors = self.training.state_dict()
        if self.average is not None:
            tensors |= {f"average.{k}": v for k, v in self.average.module.state_dict().items()}
        save_run(path, Kept(tensors, self.progress.told()), self._told())

    def resume(self, path: str | Path) -> None:
        """Go on where a file was written.

        Raises:
            MapError: the file is missing, damaged, or of another model or other settings.
        """
        tensors, told = load_run(path, self._told())
        self.training.load_state_dict(tensors)
        self.average = None
        if kept := under("average.", tensors):
            self.average = self._averaged()
            self.average.module.load_state_dict(kept)
        self.progress.take(told)

    def _draw_near(self) -> None:
        settings = self.settings
        if settings.average < 1 and self.progress.number > settings.average_from * settings.updates:
            if self.average is None:
                self.average = self._averaged()
            self.average.update_parameters(self.training.model)

    def _averaged(self) -> AveragedModel:
        found = AveragedModel(
            self.training.model, multi_avg_fn=get_ema_multi_avg_fn(1 - self.settings.average)
        )
        # It would copy what it is first given, which it is already.
        found.n_averaged += 1
        return found

    def _told(self) -> dict[str, Any]:
        return {"training": asdict(self.settings), "model": asdict(self.model.settings)}

    def _walks(self, generator: torch.Generator) -> Walk:
        settings = self.settings
        family = named(settings.worlds)
        drawn = [family.draw(generator, settings.sizes) for _ in range(settings.held_out)]
        worlds = batch(drawn)
        symbols = draw_symbols(worlds, self.n_symbols, generator)
        return walk(worlds, symbols, settings.steps, generator, family.walk)
