"""Percepts against the town as it is."""

import numpy as np
import pytest
from tests.agent.conftest import SETTINGS

from unfrozen.agent import Senses, senses_of
from unfrozen.errors import AgentError, WorldError
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, PLACES
from unfrozen.world.environments.town.life import make_life
from unfrozen.world.environments.town.living import VectorTown


def test_what_is_perceived_at_every_cell_is_what_is_there() -> None:
    life = make_life(seed=0)
    cells = life.town.cells
    town = VectorTown([life], len(cells))
    observed, _ = town.reset(seed=0, options={"place": cells})
    senses, rooms = senses_of(town), life.town.rooms.tolist()
    assert senses.places == life.town.names
    for row, cell in enumerate(cells.tolist()):
        percept = senses.perceive(observed, row)
        name = life.town.names[rooms.index(cell)] if cell in rooms else None
        assert percept.name == name
        assert percept.sight == life.town.sights[cell]
        if name is not None:
            assert senses.sight(name) == percept.sight
        assert percept.exits.tolist() == life.exits[0, cell].tolist()
        here = {PERSONS[p] for p, at in enumerate(life.persons[0]) if at == cell}
        assert set(percept.persons) == here
        assert percept.errand == life.schedule.errands[0]
        assert not percept.bumped
        assert percept.carried is None
        # All is told at first: who is where, and who sells what.
        told = {(fact.subject, fact.relation, fact.object) for fact in percept.told}
        at = {(PERSONS[p], "is at", life.town.names[r])
              for p, r in enumerate(life.schedule.start.persons)}  # fmt: skip
        assert told == at | {(PERSONS[s], "sells", ITEMS[i])
                             for i, s in enumerate(life.schedule.start.sellers)}  # fmt: skip


def test_bumps_and_what_is_carried_are_felt() -> None:
    life = make_life(seed=0)
    number = int(np.flatnonzero(life.items)[0])
    errand, (seller, _) = life.schedule.errands[number], life.stops[number]
    phase = life.phases[number]
    before, action = next(
        (cell, a) for cell in life.town.cells.tolist() for a in range(4)
        if cell != seller and life.table[phase, cell, a] == seller
    )  # fmt: skip
    wall = int(np.flatnonzero(life.table[phase, before] == before)[0])
    town = VectorTown([life], 1)
    senses = senses_of(town)
    town.reset(seed=0, options={"place": np.array([before]), "errand": np.array([number])})
    assert senses.perceive(town.step(np.array([wall]))[0]).bumped
    percept = senses.perceive(town.step(np.array([action]))[0])
    assert not percept.bumped
    assert percept.carried == errand.item
    assert percept.told == ()


def test_names_are_those_of_the_town() -> None:
    senses = senses_of(SETTINGS.make())
    assert senses == Senses(20, 12, 8)
    assert senses.people == PERSONS[:8]
    assert [senses.sight(name) for name in PLACES[:12]] == list(range(8, 20))
    with pytest.raises(AgentError, match="no 'orchard', only harbour"):
        senses.sight("orchard")


def test_what_cannot_be_read_is_refused() -> None:
    town = SETTINGS.make()
    observed, _ = town.reset(seed=0)
    senses = senses_of(town)
    for name in ("told", "errand"):
        with pytest.raises(WorldError, match="Dance"):
            senses.perceive({**observed, name: ("Dance on the mill.",)})
