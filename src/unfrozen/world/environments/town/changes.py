"""Schedules of a town: what changes before which errand, and which errands are asked for."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, Errand
from unfrozen.world.environments.town.plan import Town, connected, leads, switch

Kind = Literal["lock", "street", "move", "trade", "goal"]
KINDS: tuple[Kind, ...] = ("lock", "street", "move", "trade", "goal")
MAP, FACT, GOAL = ("lock", "street"), ("move", "trade"), ("goal",)


@dataclass(frozen=True)
class ScheduleSettings:
    """How a life goes.

    Attributes:
        changes: after the beginning; the last phase asks for the first errands again.
        every: errands between two changes.
        persons: who live in the town.
        pools: sets of errands, of which one is asked for at a time.
        pool: errands of a set.
        reverting: chance that a change brings back what was before, where something was.
        silent: chance that a change of fact is not told, and has to be found out.
        locks: doors that are locked when life begins.
    """

    changes: int = 24
    every: int = 5
    persons: int = 8
    pools: int = 3
    pool: int = 4
    reverting: float = 0.4
    silent: float = 0.0
    locks: int = 2

    def __post_init__(self) -> None:
        if min(self.changes, self.locks) < 0 or min(self.every, self.pool) < 1 or self.pools < 2:
            raise WorldError("a life has errands, two sets of them, and no fewer than 0 changes")
        if not len(ITEMS) <= self.persons <= len(PERSONS):
            raise WorldError(f"{len(ITEMS)} to {len(PERSONS)} persons live in a town")
        if not (0 <= self.reverting <= 1 and 0 <= self.silent <= 1):
            raise WorldError("reverting and silent are chances from 0 to 1")


@dataclass(frozen=True)
class Change:
    """One thing that becomes different.

    Attributes:
        at: errand before which it happens, from 0.
        kind: "lock" (another door of a room is locked, unseen), "street" (a piece of street is
            closed or opened, as one sees on the spot), "move" (a person is at another place),
            "trade" (another person sells an item) or "goal" (other errands are asked for).
        subject: number of the room, of the opening (4 * cell + action), of the person, of the
            item; 0 for goals.
        before: action of the locked door or -1; whether open; number of the room; of the person;
            of the set of errands.
        after: the same, from now on.
        told: whether it is told, as changes of fact can be.
        reverts: whether `after` was so before.
    """

    at: int
    kind: Kind
    subject: int
    before: int
    after: int
    told: bool = False
    reverts: bool = False


@dataclass(frozen=True)
class State:
    """The world between two changes.

    Attributes:
        locked: action of the locked door of each room, or -1.
        closed: openings (4 * cell + action) of streets that are closed though the plan has them.
        persons: room of each person.
        sellers: person who sells each item.
        pool: set of errands that is asked for.
    """

    locked: tuple[int, ...]
    closed: frozenset[int]
    persons: tuple[int, ...]
    sellers: tuple[int, ...]
    pool: int

    def after(self, change: Change) -> "State":
        """The world after a change."""
        subject, to = change.subject, change.after
        if change.kind == "lock":
            return replace(self, locked=_put(self.locked, subject, to))
        if change.kind == "street":
            return replace(self, closed=self.closed - {subject} if to else self.closed | {subject})
        if change.kind == "move":
            return replace(self, persons=_put(self.persons, subject, to))
        if change.kind == "trade":
            return replace(self, sellers=_put(self.sellers, subject, to))
        return replace(self, pool=to)


@dataclass(frozen=True)
class Schedule:
    """A life as it was drawn: the same by the same seed.

    Attributes:
        start: the world at first.
        changes: in the order in which they happen.
        pools: sets of errands.
        errands: asked for, one after the other.
        settings: how it was drawn.
    """

    start: State
    changes: tuple[Change, ...]
    pools: tuple[tuple[Errand, ...], ...]
    errands: tuple[Errand, ...]
    settings: ScheduleSettings

    @property
    def states(self) -> tuple[State, ...]:
        """The world before the first change, and after each."""
        states = [self.start]
        for change in self.changes:
            states.append(states[-1].after(change))
        return tuple(states)

    def phase(self, errand: int) -> int:
        """How many changes have happened when an errand begins."""
        return sum(change.at <= errand for change in self.changes)


def visible(town: Town, state: State) -> np.ndarray:
    """Openings that are seen [cell, 4]: doors look the same, locked or not."""
    openings = town.openings.copy()
    for number in state.closed:
        switch(openings, *divmod(number, 4), to=False, side=town.side)
    return openings


def passable(town: Town, state: State) -> np.ndarray:
    """Openings that can be passed [cell, 4]."""
    openings = visible(town, state)
    for room, action in enumerate(state.locked):
        if action >= 0:
            switch(openings, int(town.rooms[room]), action, to=False, side=town.side)
    return openings


def stops(errand: Errand, state: State, town: Town) -> tuple[int, ...]:
    """Cells that an errand leads to, in order."""
    cells = []
    if errand.item is not None:
        cells.append(state.persons[state.sellers[ITEMS.index(errand.item)]])
    person = errand.to in PERSONS
    cells.append(state.persons[PERSONS.index(errand.to)] if person else town.names.index(errand.to))
    return tuple(int(town.rooms[room]) for room in cells)


def make_schedule(
    town: Town, settings: ScheduleSettings = ScheduleSettings(), seed: int = 0
) -> Schedule:
    """Draw a life.

    Kinds take turns in an order drawn anew each round.  A change concerns what the errands of its
    time need, so that it is felt, and leaves every place reachable.

    Args:
        town: where it is led.
        settings: how it goes.
        seed: draws it.

    Raises:
        WorldError: the town has fewer rooms than persons, who live in one each at first.
    """
    if settings.persons > len(town.rooms):
        raise WorldError(
            f"{settings.persons} persons need as many rooms, the town has {len(town.rooms)}"
        )
    rng = np.random.default_rng(seed)
    start = State(
        locked=(-1,) * len(town.rooms),
        closed=frozenset(),
        persons=tuple(rng.permutation(len(town.rooms))[: settings.persons].tolist()),
        sellers=tuple(range(len(ITEMS))),
        pool=0,
    )
    pools = _pools(town, settings, rng)
    for _ in range(settings.locks):
        start = start.after(_draw("lock", 0, start, (), pools, town, settings, rng, fresh=True))
    states, changes = [start], list[Change]()
    order: list[Kind] = []
    for number in range(settings.changes):
        if not order:
            order = [KINDS[k] for k in rng.permutation(len(KINDS))]
        at = (number + 1) * settings.every
        kind, now = order.pop(), states[-1]
        if number == settings.changes - 1:
            # Life ends with the errands of its beginning, so that what was kept can be measured.
            kind = "goal" if now.pool else "move"
        if number == settings.changes - 1 and now.pool:
            change = Change(at, "goal", 0, now.pool, 0, reverts=True)
        else:
            change = _draw(kind, at, now, changes, pools, town, settings, rng)
        changes.append(change)
        states.append(states[-1].after(change))
    errands = list[Errand]()
    for state in states:
        errands += _asked(pools[state.pool], state, town, settings.every, errands, rng)
    return Schedule(start, tuple(changes), pools, tuple(errands), settings)


def _draw(
    kind: Kind,
    at: int,
    state: State,
    changes: "list[Change] | tuple[Change, ...]",
    pools: tuple[tuple[Errand, ...], ...],
    town: Town,
    settings: ScheduleSettings,
    rng: np.random.Generator,
    fresh: bool = False,
) -> Change:
    """A change of a kind: the first of the possible ones, in an order drawn, that cuts nothing."""
    told = kind in FACT and rng.random() >= settings.silent
    options = _options(kind, state, pools, town, settings)
    rng.shuffle(options)
    earlier = {(c.subject, value) for c in changes if c.kind == kind for value in _values(c)}
    if rng.random() < settings.reverting and not fresh:
        options.sort(key=lambda option: (option[0], option[2]) not in earlier)
    else:
        options.sort(key=lambda option: (option[0], option[2]) in earlier)
    for subject, before, after in options:
        back = (subject, after) in earlier
        change = Change(at, kind, subject, before, after, told, back)
        now, then = passable(town, state), passable(town, state.after(change))
        if kind == "lock" and np.array_equal(now, then):
            continue  # A door between two rooms, which the other one has locked.
        if connected(then, town.cells):
            return change
    raise WorldError(f"nothing of the kind {kind!r} can change in this town: make it larger")


def _options(
    kind: Kind,
    state: State,
    pools: tuple[tuple[Errand, ...], ...],
    town: Town,
    settings: ScheduleSettings,
) -> list[tuple[int, int, int]]:
    """Changes (subject, before, after) of what the present errands need."""
    pool = pools[state.pool]
    items = sorted({ITEMS.index(e.item) for e in pool if e.item is not None})
    persons = {PERSONS.index(e.to) for e in pool if e.to in PERSONS}
    persons |= {state.sellers[item] for item in items}
    needed = sorted({cell for errand in pool for cell in stops(errand, state, town)})
    rooms = [int(np.flatnonzero(town.rooms == cell)[0]) for cell in needed]
    if kind == "lock":
        doors = {room: np.flatnonzero(town.doors[town.rooms[room]]).tolist() for room in rooms}
        return [
            (room, state.locked[room], action)
            for room in rooms
            for action in (-1, *doors[room])
            if action != state.locked[room] and len(doors[room]) > 1
        ]
    if kind == "street":
        both = town.street[:, None] & town.openings & town.street[leads(town.openings)]
        numbers = [4 * c + a for c, a in np.argwhere(both).tolist() if a < 2]
        return [(k, int(k not in state.closed), int(k in state.closed)) for k in numbers]
    if kind == "move":
        # To places that nobody lives in: two persons at one would make them hard to tell apart.
        empty = sorted(set(range(len(town.rooms))) - set(state.persons))
        return [(p, state.persons[p], room) for p in sorted(persons) for room in empty]
    if kind == "trade":
        # Nobody is brought what they sell themselves.
        brought = {(e.item, e.to) for pool in pools for e in pool}
        return [
            (item, state.sellers[item], person)
            for item in items
            for person in range(settings.persons)
            if person != state.sellers[item] and (ITEMS[item], PERSONS[person]) not in brought
        ]
    return [(0, state.pool, k) for k in range(len(pools)) if k != state.pool]


def _pools(
    town: Town, settings: ScheduleSettings, rng: np.random.Generator
) -> tuple[tuple[Errand, ...], ...]:
    """Sets of errands: half are of two stops, the others to persons and places."""
    persons = PERSONS[: settings.persons]
    bring = [Errand(p, i) for i in ITEMS for p in persons if PERSONS.index(p) != ITEMS.index(i)]
    simple = [Errand(name) for name in (*persons, *town.names)]
    rng.shuffle(bring)
    rng.shuffle(simple)
    pools = []
    for k in range(settings.pools):
        two = (settings.pool + 1) // 2
        one = settings.pool - two
        chosen = [bring[(k * two + j) % len(bring)] for j in range(two)]
        chosen += [simple[(k * one + j) % len(simple)] for j in range(one)]
        pools.append(tuple(chosen))
    return tuple(pools)


def _asked(
    pool: tuple[Errand, ...],
    state: State,
    town: Town,
    number: int,
    before: list[Errand],
    rng: np.random.Generator,
) -> list[Errand]:
    """Errands of a phase in rounds through the pool; none begins where the last one ended."""
    asked, queue = list[Errand](), list[Errand]()
    last = before[-1] if before else None
    for _ in range(number):
        if not queue:
            queue = [pool[k] for k in rng.permutation(len(pool))]
        ended = None if last is None else stops(last, state, town)[-1]
        fit = [e for e in queue if stops(e, state, town)[0] != ended]
        if not fit:
            # The next round is begun early.
            queue += [pool[k] for k in rng.permutation(len(pool))]
            fit = [e for e in queue if stops(e, state, town)[0] != ended]
        last = fit[0] if fit else queue[0]
        queue.remove(last)
        asked.append(last)
    return asked


def _values(change: Change) -> tuple[int, int]:
    return change.before, change.after


def _put(values: tuple[int, ...], at: int, value: int) -> tuple[int, ...]:
    return (*values[:at], value, *values[at + 1 :])
