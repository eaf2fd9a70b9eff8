"""Changes made by hand: they happen, at their errand, and leave the rest as it was drawn."""

import numpy as np
import pytest

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.changes import Change
from unfrozen.world.environments.town.facts import PERSONS
from unfrozen.world.environments.town.given import lock, move, with_given
from unfrozen.world.environments.town.life import Life, make_life
from unfrozen.world.environments.town.living import VectorTown

AT = 7


@pytest.fixture(scope="module")
def life() -> Life:
    return make_life(seed=2)


def state(life: Life, at: int = AT):
    return life.schedule.states[life.schedule.phase(at)]


def empty(life: Life) -> str:
    """A place where nobody ever lives."""
    lived = {room for one in life.schedule.states for room in one.persons}
    return life.town.names[min(set(range(len(life.town.rooms))) - lived)]


def test_who_moved_is_there_and_errands_lead_there(life: Life) -> None:
    errand = next(e for e in life.schedule.errands[AT:] if e.to in PERSONS)
    number = life.schedule.errands.index(errand, AT)
    change = move(life.town, state(life), AT, errand.to, empty(life), told=True)
    other = Life(life.town, with_given(life.town, life.schedule, [change]))
    who, cell = PERSONS.index(errand.to), int(life.town.rooms[change.after])
    assert len(other.schedule.states) == len(life.schedule.states) + 1
    for k in range(len(life.schedule.errands)):
        # The same errands, and everybody else where they were.
        assert other.asked[k] == life.asked[k]
        before, after = (one.persons[one.phases[k]] for one in (life, other))
        assert np.array_equal(np.delete(before, who), np.delete(after, who))
        if k < AT:
            assert np.array_equal(before, after)
    assert other.persons[other.phases[AT]][who] == cell
    if life.schedule.phase(number) == life.schedule.phase(AT):
        assert other.stops[number][-1] == cell
    assert empty(life) in other.told[AT]


def test_two_facts_of_one_errand_are_both_told(life: Life) -> None:
    first = next(c for c in life.schedule.changes if c.told)
    drawn = life.told[first.at]
    person = PERSONS[next(p for p in range(8) if p != first.subject)]
    change = move(life.town, state(life, first.at), first.at, person, empty(life), told=True)
    other = Life(life.town, with_given(life.town, life.schedule, [change]))
    assert other.told[first.at].startswith(drawn)
    assert person in other.told[first.at][len(drawn) :]


def test_a_locked_door_does_not_let(life: Life) -> None:
    room, doors = next(
        (r, np.flatnonzero(life.town.doors[cell]).tolist())
        for r, cell in enumerate(life.town.rooms.tolist())
        if all(one.locked[r] == -1 for one in life.schedule.states)
    )
    cell = int(life.town.rooms[room])
    change = lock(life.town, state(life), AT, life.town.names[room], doors[0])
    other = Life(life.town, with_given(life.town, life.schedule, [change]))
    town = VectorTown([other], 1)
    for errand, lets in ((AT - 1, True), (AT, False)):
        town.reset(seed=0, options={"place": np.array([cell]), "errand": np.array([errand])})
        town.step(np.array([doors[0]]))
        assert (int(town.truth.place[0]) != cell) == lets


def test_what_cannot_be_is_refused(life: Life) -> None:
    now, town = state(life), life.town
    taken = town.names[now.persons[1]]
    with pytest.raises(WorldError, match="lives at the"):
        move(town, now, AT, PERSONS[0], taken, told=False)
    with pytest.raises(WorldError, match="not both in this town"):
        move(town, now, AT, "king", taken, told=False)
    with pytest.raises(WorldError, match="no castle"):
        lock(town, now, AT, "castle", 0)
    cell = int(town.rooms[0])
    wall = next(a for a in range(4) if not town.doors[cell, a])
    with pytest.raises(WorldError, match="no door there"):
        lock(town, now, AT, town.names[0], wall)
    with pytest.raises(WorldError, match="are so already"):
        lock(town, now, AT, town.names[0], now.locked[0])
    for change, told in (
        (Change(AT, "goal", 0, 0, 1), "lock or move"),
        (Change(10**6, "move", 0, 0, 1), "over by then"),
        (Change(AT, "move", 99, 0, 1), "nothing of this town"),
        (Change(AT, "lock", 0, -1, wall), "nothing of this town"),
    ):
        with pytest.raises(WorldError, match=told):
            with_given(town, life.schedule, [change])
