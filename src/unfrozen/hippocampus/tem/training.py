"""Training of a TEM: many worlds at once, one window of each walk an update, for as long as wanted.

A row of the batch walks in one world until its walk ends, and then in a new world of the family.
Walks have lengths of their own, so that new worlds come at different updates, and get shorter while
training goes on.

Source: Whittington et al. 2020, STAR Methods; walks as in the authors' second version.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem.losses import Losses
from unfrozen.hippocampus.tem.model import Tem, TemState
from unfrozen.hippocampus.tem.settings import TemSettings
from unfrozen.hippocampus.worlds import Walk, batch, draw_symbols, named, novelty, walk


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes:
        worlds: name of their family.
        sizes: among which a world's is drawn; those of the family by default.
        batch: rows, each a walk.
        window: steps of an update, through which gradients go back.
        longest: steps of a walk for each place of its world, at first.
        shortest: at last.
        spread: of steps for each place: up to so many more, drawn for each walk.
        shortening: updates from the longest to the shortest; compressed as the schedules are.
        clip: norm to which each parameter's gradient is clipped.
    """

    worlds: str = "grid"
    sizes: tuple[int, ...] | None = None
    batch: int = 16
    window: int = 25
    longest: int = 40
    shortest: int = 5
    spread: int = 30
    shortening: int = 15_000
    clip: float = 2.0

    def __post_init__(self) -> None:
        named(self.worlds)
        if min(self.batch, self.window, self.shortest, self.shortening) < 1 or self.clip <= 0:
            raise MapError("batch, window, walks, their shortening and the clip are above zero")
        if self.longest < self.shortest or self.spread < 0:
            raise MapError(f"walks do not get shorter from {self.longest} to {self.shortest}")
        if self.sizes == ():
            raise MapError("there are no sizes to draw from: leave them out for the family's")

    def fit(self, settings: TemSettings) -> TemSettings:
        """A model's settings with the actions and objects of these worlds."""
        family = named(self.worlds)
        largest = max(self.sizes or family.sizes)
        return settings.for_world(family.make(largest, torch.Generator().manual_seed(0)))


class Score(NamedTuple):
    """How many of some predictions are right."""

    right: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1; nan of none."""
        return self.right / self.of if self.of else math.nan


@dataclass(frozen=True)
class Record:
    """What one update showed, before it changed anything.

    Attributes:
        update: its number.
        losses: the terms of the loss.
        known: predictions from the path, of places that were visited before.
        new_pair: of those, by steps never taken in either direction: the strict zero-shot.
        new_edge: by steps never taken in this direction.
        place: predictions from p, which has seen the symbol: how well symbols are decoded.
        began: walks that began.
        learning_rate: of the update.
    """

    update: int
    losses: Losses
    known: Score
    new_pair: Score
    new_edge: Score
    place: Score
    began: int
    learning_rate: float

    @property
    def loss(self) -> float:
        """All terms together."""
        return float(self.losses.total)


class _Journey(NamedTuple):
    """One walk, and what is new in its steps."""

    steps: Walk
    known: Bool[Tensor, " t"]
    new_pair: Bool[Tensor, " t"]
    new_edge: Bool[Tensor, " t"]


def clip_each(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Shorten each parameter's gradient, on its own, to a norm.

    Raises:
        MapError: a gradient is not finite; none is changed then.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    if not bool(torch.stack(norms).isfinite().all()):
        raise MapError("a gradient is not finite: training has diverged")
    for gradient, norm in zip(gradients, norms, strict=True):
        gradient.mul_((limit / norm.clamp(min=1e-12)).clamp(max=1))


def walk_length(
    update: int, places: int, settings: TrainingSettings, compress: float, more: float
) -> int:
    """Steps of a walk that is drawn at an update, a multiple of the window.

    Args:
        update: its number.
        places: of the world.
        settings: of the training.
        compress: by how much schedules are shortened.
        more: from 0 to 1, how much of the spread is added.
    """
    done = min(update * compress / settings.shortening, 1.0)
    mean = settings.longest - done * (settings.longest - settings.shortest)
    steps = int((mean + more * settings.spread) * places)
    return max(steps // settings.window, 1) * settings.window


def predict(model: Tem, walks: Walk, *, at: int, window: int = 25) -> Int[Tensor, "b t"]:
    """What a model expects at each step, before it sees it.

    Args:
        model: a TEM.
        walks: whole ones, from their start.
        at: update up to which the model was trained.
        window: steps at once; memory is clipped in between.
    """
    state, found = model.start(len(walks.symbols)), []
    with torch.no_grad():
        for begin in range(0, walks.symbols.shape[1], window):
            part = slice(begin, begin + window)
            inputs = walks.symbols[:, part], walks.actions[:, part]
            outputs, state = model.window(*inputs, state, at=at)
            found.append(outputs.from_path.argmax(-1))
    return torch.cat(found, 1)


class Training:
    """Trains a TEM, update after update.

    Args:
        model: trained in place.
        settings: how.
        generator: draws worlds, symbols and walks, on the CPU.

    Raises:
        MapError: the model has too few actions for the worlds.
    """

    def __init__(self, model: Tem, settings: TrainingSettings, generator: torch.Generator) -> None:
        needed = settings.fit(model.settings)
        if needed.actions > model.settings.actions:
            raise MapError(
                f"{settings.worlds} worlds have {needed.actions} actions, the model "
                f"{model.settings.actions}: make it with TrainingSettings.fit"
            )
        self.model, self.settings, self.generator = model, settings, generator
        self.update = 0
        self.optimizer = torch.optim.Adam(model.parameters())
        self.state = model.start(settings.batch)
        self._waiting: deque[_Journey] = deque()
        self._current = [self._next(self._share()) for _ in range(settings.batch)]
        self._position = [0] * settings.batch

    def step(self) -> Record:
        """One update.

        Raises:
            MapError: the loss or its gradient is not finite: training has diverged.
        """
        t = self.settings.window
        for row, journey in enumerate(self._current):
            if self._position[row] >= len(journey.known):
                self._current[row], self._position[row] = self._next(), 0
        device = self.model.prior_mean.device
        parts = [
            (*(each[at : at + t] for each in journey.steps), journey.known[at : at + t],
             journey.new_pair[at : at + t], journey.new_edge[at : at + t])
            for journey, at in zip(self._current, self._position, strict=True)
        ]  # fmt: skip
        rows = [torch.stack(each).to(device) for each in zip(*parts, strict=True)]
        _, actions, symbols, known, new_pair, new_edge = rows

        rate = self.model.schedules.at(self.update).learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        outputs, state = self.model.window(symbols, actions, self.state, at=self.update)
        losses = self.model.losses(outputs, symbols, known, at=self.update)
        total = losses.total
        if not bool(torch.isfinite(total)):
            raise MapError(
                f"the loss is {float(total.detach())} at update {self.update}: it has diverged"
            )
        self.optimizer.zero_grad()
        total.backward()
        clip_each(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.state = state
        self._position = [at + t for at in self._position]

        right = outputs.from_path.argmax(-1) == symbols
        decoded = outputs.from_place.argmax(-1) == symbols
        record = Record(
            self.update,
            Losses(*(term.detach() for term in losses)),
            _score(right, known),
            _score(right, new_pair),
            _score(right, new_edge),
            _score(decoded, known),
            int((actions[:, 0] == -1).sum()),
            rate,
        )
        self.update += 1
        return record

    def run(self, updates: int) -> Iterator[Record]:
        """Go on until so many updates have been made in all."""
        while self.update < updates:
            yield self.step()

    def state_dict(self) -> dict[str, Tensor]:
        """All that is needed to go on bit for bit, as named tensors and nothing else."""
        found = {f"model.{name}": t.clone() for name, t in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"adam.{key}.{name}"] = value.clone()
        for name, value in zip(TemState._fields, self.state, strict=True):
            found[f"state.{name}"] = value.clone()
        journeys = [*self._current, *self._waiting]
        # Places, actions and symbols of all walks, one after the other.
        found["walks"] = torch.cat([torch.stack(j.steps, 1) for j in journeys]).to(torch.int32)
        found["lengths"] = torch.tensor([len(j.known) for j in journeys])
        found["position"] = torch.tensor(self._position)
        found["update"] = torch.tensor(self.update)
        found["generator"] = self.generator.get_state()
        return found

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to where `state_dict` was taken.

        Raises:
            MapError: it is of another model or batch.
        """
        try:
            self._load(state)
        except (KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise MapError(f"this is no state of such a training: {reason}") from error

    def _load(self, state: Mapping[str, Tensor]) -> None:
        expected = [tuple(each.shape) for each in self.state]
        memory = TemState(*(state[f"state.{name}"] for name in TemState._fields))
        if [tuple(each.shape) for each in memory] != expected:
            raise ValueError("its memories are of another size")
        own = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
        mine = self.model.state_dict()
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in mine.items()}:
            raise ValueError("its model is another")
        adam = {}
        for number, (name, _) in enumerate(self.model.named_parameters()):
            keys = ("step", "exp_avg", "exp_avg_sq")
            if f"adam.step.{name}" in state:
                adam[number] = {key: state[f"adam.{key}.{name}"].clone() for key in keys}
        journeys = [
            _journeys(Walk(*(column[None] for column in steps.long().unbind(1))))[0]
            for steps in state["walks"].split(state["lengths"].tolist())
        ]
        position, update = state["position"].tolist(), int(state["update"])
        # All of it is there and fits: only now is anything changed.
        self.generator.set_state(state["generator"].cpu())
        self.model.load_state_dict(own)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": adam, "param_groups": groups})
        self.state = TemState(*(each.to(self.model.prior_mean) for each in memory))
        self._position, self.update = position, update
        self._current = journeys[: self.settings.batch]
        self._waiting = deque(journeys[self.settings.batch :])

    def _next(self, share: float = 1.0) -> _Journey:
        """The next walk; of the first ones only a share, so that they do not end together."""
        if not self._waiting:
            self._waiting.extend(self._draw())
        journey, t = self._waiting.popleft(), self.settings.window
        kept = max(int(share * len(journey.known)) // t, 1) * t
        return _first(journey, kept)

    def _draw(self) -> list[_Journey]:
        """As many walks as there are rows, each in a world of its own."""
        s, family = self.settings, named(self.settings.worlds)
        drawn = [family.draw(self.generator, s.sizes) for _ in range(s.batch)]
        worlds = batch(drawn)
        compress = self.model.schedules.compress
        lengths = [
            walk_length(self.update, world.n_places, s, compress, self._share()) for world in drawn
        ]
        symbols = draw_symbols(worlds, self.model.settings.symbols, self.generator)
        walks = walk(worlds, symbols, max(lengths), self.generator, family.walk)
        journeys = zip(_journeys(walks), lengths, strict=True)
        return [_first(journey, length) for journey, length in journeys]

    def _share(self) -> float:
        return float(torch.rand((), generator=self.generator))


def _journeys(walks: Walk) -> list[_Journey]:
    """Rows of some walks, with what is new in them."""
    new = novelty(walks)
    return [
        _Journey(Walk(*(each[i] for each in walks)), new.known[i], new.new_pair[i], new.new_edge[i])
        for i in range(len(walks.places))
    ]


def _first(journey: _Journey, steps: int) -> _Journey:
    """The first steps of a walk, without holding on to the others."""
    cut = Walk(*(each[:steps].clone() for each in journey.steps))
    return _Journey(cut, *(each[:steps].clone() for each in journey[1:]))


def _score(right: Bool[Tensor, "b t"], among: Bool[Tensor, "b t"]) -> Score:
    return Score(int((right & among).sum()), int(among.sum()))
