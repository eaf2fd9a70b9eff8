"""A life in a town as tables: what leads where, who is where and what is said, at every time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.changes import (
    Schedule,
    ScheduleSettings,
    make_schedule,
    passable,
    stops,
    visible,
)
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, Fact, ask, tell
from unfrozen.world.environments.town.plan import (
    Town,
    TownSettings,
    distances,
    leads,
    make_town,
)


@dataclass(frozen=True, eq=False)
class Life:
    """A town and what happens in it; a phase lasts from one change to the next.

    Attributes:
        town: its plan.
        schedule: what changes, and what is asked for.
    """

    town: Town
    schedule: Schedule

    @cached_property
    def table(self) -> Int[np.ndarray, "phase cell 4"]:
        """Where actions lead."""
        return np.stack([leads(passable(self.town, s)) for s in self.schedule.states])

    @cached_property
    def exits(self) -> Bool[np.ndarray, "phase cell 4"]:
        """Openings that are seen, through which a locked door may not let."""
        return np.stack([visible(self.town, s) for s in self.schedule.states])

    @cached_property
    def persons(self) -> Int[np.ndarray, "phase person"]:
        """The cell where everyone is."""
        return np.stack([self.town.rooms[list(s.persons)] for s in self.schedule.states])

    @cached_property
    def phases(self) -> Int[np.ndarray, " errand"]:
        """In which phase each errand is asked for."""
        return np.array([self.schedule.phase(k) for k in range(len(self.schedule.errands))])

    @cached_property
    def stops(self) -> Int[np.ndarray, "errand 2"]:
        """Cells that each errand leads to, in order; the last one twice if there is one only."""
        states = self.schedule.states
        found = [
            stops(errand, states[phase], self.town)
            for errand, phase in zip(self.schedule.errands, self.phases, strict=True)
        ]
        return np.array([(*cells, cells[-1])[:2] for cells in found])

    @cached_property
    def items(self) -> Int[np.ndarray, " errand"]:
        """Number of what is brought, from 1; 0 for errands without."""
        names = (None, *ITEMS)
        return np.array([names.index(errand.item) for errand in self.schedule.errands])

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """Each errand as a sentence."""
        return tuple(ask(errand) for errand in self.schedule.errands)

    @cached_property
    def told(self) -> tuple[str, ...]:
        """What is told as each errand begins: all facts at first, then those that changed."""
        said = [""] * len(self.schedule.errands)
        start = self.schedule.start
        facts = [
            Fact(person, "is at", self.town.names[room])
            for person, room in zip(PERSONS, start.persons, strict=False)
        ]
        facts += [
            Fact(PERSONS[seller], "sells", item)
            for item, seller in zip(ITEMS, start.sellers, strict=True)
        ]
        said[0] = " ".join(tell(fact) for fact in facts)
        for change in self.schedule.changes:
            if not change.told:
                continue
            if change.kind == "move":
                fact = Fact(PERSONS[change.subject], "is at", self.town.names[change.after])
            else:
                fact = Fact(PERSONS[change.after], "sells", ITEMS[change.subject])
            news = tell(fact, news=True)
            said[change.at] = f"{said[change.at]} {news}".strip()
        return tuple(said)

    @cached_property
    def distances(self) -> Int[np.ndarray, "phase cell cell"]:
        """Steps of the shortest way between cells."""
        return np.stack([distances(table) for table in self.table])


def make_life(
    seed: int = 0,
    town: TownSettings = TownSettings(),
    schedule: ScheduleSettings = ScheduleSettings(),
) -> Life:
    """Draw a town, and a life in it.

    Args:
        seed: draws them.
        town: the town's size and kind.
        schedule: how life goes.

    Raises:
        WorldError: the town has too few rooms, or nothing that can change.

    Example:
        >>> life = make_life(seed=1)
        >>> len(life.schedule.changes), len(life.schedule.errands)
        (24, 125)
    """
    plan = make_town(town, seed)
    return Life(plan, make_schedule(plan, schedule, seed))


class Tables:
    """Lives side by side, as arrays whose first axis is the life.

    Args:
        lives: of towns of one size and schedules of one length.

    Raises:
        WorldError: there are none, or they differ in size.
    """

    def __init__(self, lives: Sequence[Life]) -> None:
        if not lives:
            raise WorldError("a town has at least one life")
        sizes = {
            (life.table.shape, life.persons.shape, life.town.n_sights, len(life.schedule.errands),
             life.schedule.settings.every)
            for life in lives
        }  # fmt: skip
        if len(sizes) > 1:
            raise WorldError(
                "lives side by side are of one size of town and schedule: these differ"
            )
        self.lives = tuple(lives)
        self.table = np.stack([life.table for life in lives])
        self.exits = np.stack([life.exits for life in lives]).astype(np.int8)
        self.persons = np.stack([life.persons for life in lives])
        self.sights = np.stack([life.town.sights for life in lives])
        self.phases = np.stack([life.phases for life in lives])
        self.stops = np.stack([life.stops for life in lives])
        self.items = np.stack([life.items for life in lives])
        self.asked = np.array([life.asked for life in lives], dtype=object)
        self.told = np.array([life.told for life in lives], dtype=object)
        streets = [np.flatnonzero(life.town.street) for life in lives]
        self.streets = np.stack(streets)  # As many in every town of one size.
        self.n_sights = lives[0].town.n_sights
        self.side = lives[0].town.side
        self.every = lives[0].schedule.settings.every

    @cached_property
    def distances(self) -> Int[np.ndarray, "life phase cell cell"]:
        """Steps of the shortest way between cells."""
        return np.stack([life.distances for life in self.lives])
