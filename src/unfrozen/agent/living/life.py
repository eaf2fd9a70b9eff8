"""A life: a childhood in which the town is explored, then errands while things change."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unfrozen.agent.actor import Decision
from unfrozen.agent.agent import Agent
from unfrozen.errors import AgentError
from unfrozen.world.environments import make
from unfrozen.world.environments.town.changes import Change, ScheduleSettings
from unfrozen.world.environments.town.given import with_given
from unfrozen.world.environments.town.life import Life
from unfrozen.world.environments.town.living import HORIZON, VectorTown
from unfrozen.world.environments.town.plan import TownSettings

CHILDHOOD = -1
"""In place of an errand's number, where there was none yet."""
_FOREVER = 10**9


@dataclass(frozen=True)
class LifeSettings:
    """Where and how long one lives.

    Attributes:
        seed: of the town and of what happens in it.
        town: how the town is.
        schedule: what changes in it.
        childhood: steps at most in which it is explored; it ends when nothing new is in reach.
        horizon: steps for an errand.
        given: changes that somebody made, beside those that the schedule draws.
    """

    seed: int = 0
    town: TownSettings = TownSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    childhood: int = 600
    horizon: int = HORIZON
    given: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        if self.childhood < 0 or self.horizon < 1:
            raise AgentError("a life has a childhood of 0 steps or more, and steps for an errand")

    @property
    def world(self) -> Life:
        """The town as it is, and all that happens in it."""
        return self.make().tables.lives[0]

    def make(self, horizon: int | None = None) -> VectorTown:
        """The town, for one.

        Raises:
            WorldError: a given change is none of this town, or cuts a place off.
        """
        town = make(
            "town", 1, seed=self.seed, horizon=horizon or self.horizon,
            **vars(self.town), **vars(self.schedule),
        )  # fmt: skip
        assert isinstance(town, VectorTown)
        if not self.given:
            return town
        life = town.tables.lives[0]
        schedule = with_given(life.town, life.schedule, self.given)
        return VectorTown([Life(life.town, schedule)], 1, horizon or self.horizon)


@dataclass(frozen=True)
class Lived:
    """An errand that was done, or not.

    Attributes:
        number: from 0.
        phase: how many changes had happened.
        asked: in words.
        told: in words.
        success: whether it was done.
        steps: that it took.
        shortest: steps of the shortest way, for one who knows all.
        seconds: spent on storing: facts, steps and habits.
        bytes: of all that is stored, after it.
        place: cell of the town where it ended: for a life to be gone on with, not for the agent.
    """

    number: int
    phase: int
    asked: str
    told: str
    success: bool
    steps: int
    shortest: int
    seconds: float
    bytes: int
    place: int


@dataclass(frozen=True, eq=False)
class Moment:
    """A step of a life, before its action is taken.

    Attributes:
        errand: its number; `CHILDHOOD` for a step before the first one.
        step: of the errand.
        decision: what is done.
        observation: on which it was decided.
    """

    errand: int
    step: int
    decision: Decision
    observation: dict[str, Any]


Watcher = Callable[[Agent, Moment], None]


@dataclass
class Childhood:
    """What exploring came to.

    Attributes:
        steps: that it took.
        place: cell of the town where it ended.
        cells: distinct cells after each step, for `unfrozen` to count; not for the agent.
    """

    steps: int = 0
    place: int = 0
    cells: list[int] = field(default_factory=list)


def grow_up(agent: Agent, settings: LifeSettings, watch: Watcher | None = None) -> Childhood:
    """Explore the town until nothing new is in reach.

    Args:
        agent: that has lived nothing.
        settings: of its life.
        watch: called after each decision.
    """
    found = Childhood()
    for _, moment in growing(agent, settings, found):
        if watch is not None:
            watch(agent, moment)
    agent.wandering = False
    agent.end(success=False)
    return found


def growing(
    agent: Agent, settings: LifeSettings, found: Childhood
) -> Iterator[tuple[VectorTown, Moment]]:
    """Explore the town step by step, and be left as though the next step were to come.

    Args:
        agent: that has lived nothing.
        settings: of its life.
        found: is filled with what exploring comes to.

    Yields:
        The town and what is decided, before each step is taken.
    """
    town = settings.make(_FOREVER)
    observed, _ = town.reset(seed=settings.seed)
    found.place = int(town.truth.place[0])
    seen = {found.place}
    agent.begin(observed)
    agent.wandering = True
    for _ in range(settings.childhood):
        decision = agent.decide()
        if decision.mode == "random":
            break
        yield town, Moment(CHILDHOOD, found.steps, decision, observed)
        observed, _, ended, _, _ = town.step(np.array([decision.action]))
        agent.observe(decision.action, observed)
        found.steps += 1
        found.place = int(town.truth.place[0])
        seen.add(found.place)
        found.cells.append(len(seen))
        if ended[0]:
            # An errand was done by chance: it is still the first one that is asked for.
            observed, _ = town.reset(options={"errand": np.array([0])})
            agent.begin(observed)


def live(
    agent: Agent,
    settings: LifeSettings,
    place: int,
    first: int = 0,
    errands: int | None = None,
    watch: Watcher | None = None,
) -> Iterator[Lived]:
    """Do errands, one after the other.

    Args:
        agent: that has grown up.
        settings: of its life.
        place: cell of the town where it is.
        first: errand to begin with.
        errands: how many; all that the schedule has, by default.
        watch: called after each decision.

    Yields:
        Each errand when it has ended.
    """
    town = settings.make()
    total = len(town.tables.lives[0].schedule.errands)
    last = total if errands is None else min(total, first + errands)
    observed, _ = town.reset(
        seed=settings.seed, options={"place": np.array([place]), "errand": np.array([first])}
    )
    for number in range(first, last):
        agent.begin(observed)
        asked, told, spent = observed["errand"][0], observed["told"][0], agent.learning_seconds
        shortest, info, step = _shortest(town), dict[str, Any](), 0
        while True:
            decision = agent.decide()
            if watch is not None:
                watch(agent, Moment(number, step, decision, observed))
            observed, _, ended, cut, info = town.step(np.array([decision.action]))
            agent.observe(decision.action, observed)
            step += 1
            if ended[0] or cut[0]:
                break
        success = bool(info["success"][0])
        agent.end(success)
        yield Lived(
            number, int(info["phase"][0]), asked, told, success, step, shortest,
            agent.learning_seconds - spent, agent.bytes, int(town.truth.place[0]),
        )  # fmt: skip
        observed, _ = town.reset()


def _shortest(town: VectorTown) -> int:
    """Steps from here to the last stop of the errand, by all stops."""
    truth = town.truth
    far = truth.tables.distances[0, truth.phase[0]]
    here, errands = int(truth.place[0]), truth.tables.stops.shape[1]
    stops = truth.tables.stops[0, min(int(truth.errand[0]), errands - 1)].tolist()
    if int(truth.left[0]) == 2:
        return int(far[here, stops[0]] + far[stops[0], stops[1]])
    return int(far[here, stops[1]])
