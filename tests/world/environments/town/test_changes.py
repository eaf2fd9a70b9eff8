"""Schedules: replayed by seed, all kinds, reversions, and towns that never fall apart."""

import networkx as nx
import numpy as np
import pytest
from tests.world.environments.town.test_plan import graph_of

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.changes import (
    KINDS,
    ScheduleSettings,
    make_schedule,
    passable,
    stops,
    visible,
)
from unfrozen.world.environments.town.facts import ITEMS, PERSONS
from unfrozen.world.environments.town.plan import TownSettings, make_town


@pytest.fixture(scope="module")
def lives():
    towns = [make_town(seed=s) for s in range(5)]
    return [(town, make_schedule(town, seed=s)) for s, town in enumerate(towns)]


def test_a_life_is_the_same_by_seed(lives):
    town, schedule = lives[1]
    assert make_schedule(town, seed=1) == schedule
    assert make_schedule(town, seed=2) != schedule


def test_there_are_twenty_changes_of_all_kinds_and_some_come_back(lives):
    for _, schedule in lives:
        assert len(schedule.changes) >= 20
        kinds = [change.kind for change in schedule.changes]
        assert all(kinds.count(kind) >= 3 for kind in KINDS)
        assert [c.at for c in schedule.changes] == list(range(5, 125, 5))
        assert sum(c.reverts for c in schedule.changes) >= 4


def test_every_change_changes_what_it_says_and_reversions_were_so_before(lives):
    def value(state, change):
        if change.kind == "street":
            return int(change.subject not in state.closed)
        held = {"lock": state.locked, "move": state.persons, "trade": state.sellers}
        return state.pool if change.kind == "goal" else held[change.kind][change.subject]

    for _, schedule in lives:
        states = schedule.states
        for k, change in enumerate(schedule.changes):
            assert value(states[k], change) == change.before != change.after
            assert value(states[k + 1], change) == change.after
            earlier = [value(state, change) for state in states[:k]]
            assert change.reverts == (change.after in earlier)


def test_every_place_can_always_be_reached(lives):
    for town, schedule in lives:
        for state in schedule.states:
            open_ = graph_of(passable(town, state), town.side)
            assert nx.is_strongly_connected(open_.subgraph(town.cells.tolist()))


def test_errands_are_those_of_their_time_and_life_ends_with_the_first_ones(lives):
    for town, schedule in lives:
        states = schedule.states
        assert states[-1].pool == states[0].pool == 0
        last = None
        repeated = 0
        for k, errand in enumerate(schedule.errands):
            state = states[schedule.phase(k)]
            assert errand in schedule.pools[state.pool]
            cells = stops(errand, state, town)
            assert len(cells) == (2 if errand.item else 1)
            if errand.item:
                seller = PERSONS[state.sellers[ITEMS.index(errand.item)]]
                assert seller != errand.to
            repeated += cells[0] == last
            last = cells[-1]
        # Hardly ever does an errand begin where the last one ended.
        assert repeated <= 3


def test_changes_concern_what_is_needed(lives):
    for _town, schedule in lives:
        for change, state in zip(schedule.changes, schedule.states, strict=False):
            pool = schedule.pools[state.pool]
            items = {ITEMS.index(e.item) for e in pool if e.item}
            needed = {PERSONS.index(e.to) for e in pool if e.to in PERSONS}
            needed |= {state.sellers[item] for item in items}
            if change.kind == "move":
                assert change.subject in needed
            if change.kind == "trade":
                assert change.subject in items


def test_locks_are_not_seen_and_closed_streets_are(lives):
    for town, schedule in lives:
        states = schedule.states
        for change, before, after in zip(schedule.changes, states[:-1], states[1:], strict=True):
            seen = not np.array_equal(visible(town, before), visible(town, after))
            passed = not np.array_equal(passable(town, before), passable(town, after))
            assert seen == (change.kind == "street")
            assert passed == (change.kind in ("street", "lock"))


def test_facts_are_told_unless_silence_was_asked_for(lives):
    town, schedule = lives[0]
    assert all(c.told == (c.kind in ("move", "trade")) for c in schedule.changes)
    silent = make_schedule(town, ScheduleSettings(silent=1.0))
    assert not any(c.told for c in silent.changes)


def test_impossible_lives_are_refused():
    with pytest.raises(WorldError, match="errands"):
        ScheduleSettings(every=0)
    with pytest.raises(WorldError, match="persons"):
        ScheduleSettings(persons=1)
    with pytest.raises(WorldError, match="chances"):
        ScheduleSettings(silent=2.0)
    with pytest.raises(WorldError, match="as many rooms"):
        make_schedule(make_town(TownSettings(rooms=7)))
