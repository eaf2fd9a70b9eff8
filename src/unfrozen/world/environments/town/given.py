"""Changes that somebody makes in a life, beside those that its schedule drew."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.changes import Change, Schedule, State, passable
from unfrozen.world.environments.town.facts import PERSONS
from unfrozen.world.environments.town.plan import Town, connected


def with_given(town: Town, schedule: Schedule, given: Sequence[Change]) -> Schedule:
    """A schedule in which some more happens.

    A given change comes after those that were drawn for the same errand; errands stay as they were
    drawn, and lead to where everybody is then.

    Args:
        town: where life is led.
        schedule: as it was drawn.
        given: changes, of the kinds "lock" and "move".

    Raises:
        WorldError: a change is of another kind or of nothing in this town, comes after the last
            errand, or cuts a place off, then or by what happens later.
    """
    for change in given:
        _check(town, schedule, change)
    changes = sorted((*schedule.changes, *given), key=lambda change: change.at)
    found = replace(schedule, changes=tuple(changes))
    for change, state in zip(found.changes, found.states[1:], strict=True):
        if not connected(passable(town, state), town.cells):
            raise WorldError(
                f"a place would be cut off at errand {change.at}: leave another door open"
            )
    return found


def move(town: Town, state: State, at: int, person: str, place: str, *, told: bool) -> Change:
    """Somebody moves to a place where nobody lives.

    Args:
        town: where life is led.
        state: before it.
        at: errand before which it happens.
        person: who.
        place: where to.
        told: whether it is said.

    Raises:
        WorldError: there is no such person or place, or somebody lives there.
    """
    persons = PERSONS[: len(state.persons)]
    if person not in persons or place not in town.names:
        raise WorldError(f"the {person} and the {place} are not both in this town")
    who, room = persons.index(person), town.names.index(place)
    if room in state.persons:
        there = persons[state.persons.index(room)]
        raise WorldError(f"the {there} lives at the {place}: choose a place where nobody does")
    return Change(at, "move", who, state.persons[who], room, told=told)


def lock(town: Town, state: State, at: int, place: str, action: int) -> Change:
    """A door of a place is locked, and the one that was locked before is open; unseen.

    Args:
        town: where life is led.
        state: before it.
        at: errand before which it happens.
        place: whose door.
        action: that leads out through it; -1 to have all its doors open.

    Raises:
        WorldError: there is no such place or door, or it is locked already.
    """
    if place not in town.names:
        raise WorldError(f"there is no {place} in this town")
    room = town.names.index(place)
    if action >= 0 and not (action < 4 and town.doors[town.rooms[room], action]):
        raise WorldError(f"the {place} has no door there")
    if state.locked[room] == action:
        raise WorldError(f"the doors of the {place} are so already")
    return Change(at, "lock", room, state.locked[room], action)


def _check(town: Town, schedule: Schedule, change: Change) -> None:
    if change.kind not in ("lock", "move"):
        raise WorldError(f"a change of kind {change.kind!r} cannot be made by hand: lock or move")
    if not 0 <= change.at < len(schedule.errands):
        raise WorldError(f"nothing happens before errand {change.at}: life is over by then")
    rooms, persons = len(town.rooms), len(schedule.start.persons)
    fits = change.subject < (rooms if change.kind == "lock" else persons)
    doors = np.flatnonzero(town.doors[town.rooms[change.subject % rooms]]).tolist()
    after = (-1, *doors) if change.kind == "lock" else range(rooms)
    if not (fits and change.subject >= 0 and change.after in after):
        raise WorldError(f"nothing of this town is changed by {change}")
