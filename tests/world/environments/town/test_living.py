"""Lives in the town: what is seen, told and rewarded, and that locks are not seen."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from tests.world.environments.town.test_plan import graph_of

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.changes import ScheduleSettings, passable
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, read, read_errand
from unfrozen.world.environments.town.life import Life, make_life
from unfrozen.world.environments.town.living import VectorTown


@pytest.fixture(scope="module")
def life():
    return make_life(seed=1)


def with_lock(life, room, action):
    """The same life, but that another door of a room is locked from the beginning."""
    locked = list(life.schedule.start.locked)
    locked[room] = action
    start = replace(life.schedule.start, locked=tuple(locked))
    return Life(life.town, replace(life.schedule, start=start))


def doors_of(life):
    """Rooms and their doors which nothing locks at the beginning."""
    for room, cell in enumerate(life.town.rooms.tolist()):
        for action in np.flatnonzero(life.town.doors[cell]).tolist():
            # Nor the room next door, if it is a door between two.
            free = life.table[0, cell, action] != cell
            if life.schedule.start.locked[room] == -1 and free:
                yield room, cell, action


def test_a_lock_changes_no_observation_until_it_is_tried(life):
    rng = np.random.default_rng(0)
    cells = life.town.cells
    tried = 0
    for room, cell, action in doors_of(life):
        other = with_lock(life, room, action)
        # At every place, both lives look the same.
        envs = [VectorTown([one], len(cells)) for one in (life, other)]
        seen = [env.reset(seed=0, options={"place": cells})[0] for env in envs]
        _same(*seen)
        # And so they do on walks that do not try the door, which a lock does not deflect.
        for _ in range(12):
            actions = rng.integers(4, size=len(cells))
            shut = other.table[0] != life.table[0]
            actions = np.where(shut[envs[0].truth.place, actions], (actions + 1) % 4, actions)
            still_shut = shut[envs[0].truth.place, actions]
            actions = np.where(still_shut, (actions + 1) % 4, actions)
            _same(*(env.step(actions)[0] for env in envs))
        # Once it is tried, it is felt, and nothing else.
        envs = [VectorTown([one], 1) for one in (life, other)]
        for env in envs:
            env.reset(seed=0, options={"place": [cell]})
        free, locked = (env.step(np.array([action]))[0] for env in envs)
        assert free["bumped"] == 0
        assert locked["bumped"] == 1
        assert locked["sight"] == life.town.sights[cell]
        assert locked["exits"][0, action] == 1
        tried += 1
    assert tried > 15


def _same(one, other):
    for name in one:
        assert np.array_equal(one[name], other[name]), name


def test_what_is_seen_is_of_the_place_and_of_nothing_else(life):
    cells = life.town.cells
    env = VectorTown([life], len(cells))
    observed, _ = env.reset(seed=0, options={"place": cells})
    state = life.schedule.start
    for i, cell in enumerate(cells.tolist()):
        assert observed["sight"][i] == life.town.sights[cell]
        here = [life.town.rooms[room] == cell for room in state.persons]
        assert observed["persons"][i].tolist() == here
        assert observed["exits"][i].tolist() == life.town.openings[cell].tolist()
    assert env.observation_space.contains(observed)


def test_all_facts_are_told_at_first_and_then_what_has_changed(life):
    env = VectorTown([life], 1)
    observed, info = env.reset(seed=0)
    facts = {(f.subject, f.relation): f.object for f in read(observed["told"][0])}
    sold = {f.object: f.subject for f in read(observed["told"][0]) if f.relation == "sells"}
    for k in range(len(life.schedule.errands)):
        assert read_errand(observed["errand"][0]) == life.schedule.errands[k]
        if k:
            for fact in read(observed["told"][0]):
                facts[fact.subject, fact.relation] = fact.object
                if fact.relation == "sells":
                    sold[fact.object] = fact.subject
        state = life.schedule.states[info["phase"][0]]
        # What a listener holds true is true.
        for person, room in enumerate(state.persons):
            assert facts[PERSONS[person], "is at"] == life.town.names[room]
        for item, seller in enumerate(state.sellers):
            assert sold[ITEMS[item]] == PERSONS[seller]
        assert env.step(np.array([0]))[0]["told"] == ("",)
        observed, info = env.reset()
    # After the last errand those of the last phase are asked again, and nothing is told.
    assert read_errand(observed["errand"][0]) in life.schedule.errands[-5:]
    assert observed["told"] == ("",)


def test_an_errand_takes_the_steps_of_networkx_and_is_rewarded_at_its_end(life):
    n = 40
    env = VectorTown([life], n)
    observed, _ = env.reset(seed=0, options={"errand": np.arange(n)})
    start = env.truth.place
    wanted = []
    for k in range(n):
        phase = life.schedule.phase(k)
        graph = graph_of(passable(life.town, life.schedule.states[phase]), life.town.side)
        first, last = life.stops[k].tolist()
        way = nx.shortest_path_length(graph, int(start[k]), first) + nx.shortest_path_length(
            graph, first, last
        )
        wanted.append(way)
    two = np.array([errand.item is not None for errand in life.schedule.errands[:n]])
    steps, total = np.zeros(n, int), np.zeros(n)
    ended = np.zeros(n, bool)
    for t in range(60):
        had = observed["carried"] > 0
        assert not had[~two].any()
        observed, rewards, now, _, _ = env.step(env.truth.remaining[:, :4].argmin(1))
        assert np.array_equal(rewards > 0, now & ~ended)
        steps[now & ~ended] = t + 1
        ended |= now
        total += rewards
        gave = (observed["carried"] > 0) & ~had
        for k in np.flatnonzero(gave):
            # An item is had where its seller is.
            assert env.truth.place[k] == life.stops[k, 0]
            assert ITEMS[observed["carried"][k] - 1] == life.schedule.errands[k].item
        if ended.all():
            break
    # Standing at the target takes a step to notice.
    assert np.array_equal(steps[np.array(wanted) > 0], np.array(wanted)[np.array(wanted) > 0])
    assert (total == 1).all()


def test_life_goes_on_where_an_errand_ended_and_a_seed_begins_it_anew(life):
    env = VectorTown([life], 3)
    env.reset(seed=5)
    first = env.truth.place
    assert life.town.street[first].all()
    for _ in range(10):
        env.step(np.array([0, 1, 2]))
    place = env.truth.place
    env.reset(options={"reset_mask": np.array([True, False, True])})
    assert np.array_equal(env.truth.place, place)
    assert env.truth.errand.tolist() == [1, 0, 1]
    env.reset(seed=5)
    assert np.array_equal(env.truth.place, first)
    assert env.truth.errand.tolist() == [0, 0, 0]


def test_bad_input_is_refused(life):
    other = make_life(0, schedule=ScheduleSettings(changes=3))
    with pytest.raises(WorldError, match="differ"):
        VectorTown([life, other], 2)
    with pytest.raises(WorldError, match="one life"):
        VectorTown([], 1)
    env = VectorTown([life], 2)
    empty = int(np.setdiff1d(np.arange(life.town.side**2), life.town.cells)[0])
    with pytest.raises(WorldError, match="street or a room"):
        env.reset(seed=0, options={"place": [empty, empty]})
    with pytest.raises(WorldError, match="numbered"):
        env.reset(seed=0, options={"errand": [-1, 0]})
    for bad in ([0, 4], [0, -1], [0.5, 1.0], [0]):
        with pytest.raises(WorldError, match="whole numbers"):
            env.step(np.array(bad))
