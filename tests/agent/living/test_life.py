"""Lives against the town: childhood sees all of it, errands are what the schedule asks for."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from tests.agent.conftest import SETTINGS
from tests.agent.states import differences

from unfrozen.agent import Agent, senses_of
from unfrozen.agent.living.life import LifeSettings, Lived, Moment, grow_up, live
from unfrozen.errors import AgentError, WorldError
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.world.environments.town.changes import ScheduleSettings
from unfrozen.world.environments.town.plan import TownSettings

WORLD = SETTINGS.make().tables.lives[0]


def new(model: TemT) -> Agent:
    return Agent(senses_of(SETTINGS.make()), model)


def told(lived: Lived) -> Lived:
    """Without what the clock says."""
    return dataclasses.replace(lived, seconds=0.0)


def test_childhood_ends_when_nothing_new_is_in_reach(model: TemT) -> None:
    agent = new(model)
    found = grow_up(agent, SETTINGS)
    assert found.steps == len(found.cells) == agent.time < SETTINGS.childhood
    # Each cell of the town was seen, and is one place.
    assert found.cells[-1] == len(WORLD.town.cells) == agent.chart.map.places.n
    assert all(later - one in (0, 1) for one, later in zip(found.cells, found.cells[1:],
                                                          strict=False))  # fmt: skip
    assert not agent.wandering
    symbol = int(agent.chart.map.places.symbols[agent.chart.place])
    assert symbol == WORLD.town.sights[found.place]


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_childhood_takes_no_more_steps_than_it_has(model: TemT, steps: int) -> None:
    agent = new(model)
    found = grow_up(agent, dataclasses.replace(SETTINGS, childhood=steps))
    assert found.steps == len(found.cells) == agent.time == steps


def test_errands_are_those_of_the_schedule(child: tuple[Agent, int]) -> None:
    agent, moments = copy.deepcopy(child[0]), list[Moment]()
    before = torch.get_rng_state()
    lived = list(live(agent, SETTINGS, child[1], 0, 7, lambda _, moment: moments.append(moment)))
    # Nothing is drawn from the stream that all share.
    assert torch.equal(torch.get_rng_state(), before)
    place, time = child[1], child[0].time
    for number, one in enumerate(lived):
        assert one.number == number
        assert one.phase == WORLD.phases[number]
        assert (one.asked, one.told) == (WORLD.asked[number], WORLD.told[number])
        # By hand: from where it was, by all stops.
        far, (first, last) = WORLD.distances[one.phase], WORLD.stops[number]
        assert one.shortest == far[place, first] + far[first, last]
        mine = [moment for moment in moments if moment.errand == number]
        assert [moment.step for moment in mine] == list(range(one.steps))
        assert [m.decision.belief.time for m in mine] == list(range(time, time + one.steps))
        if one.success:
            assert one.place == last
            assert one.steps >= one.shortest
        time, place = time + one.steps, one.place
    assert sum(one.success for one in lived) >= 6
    assert agent.time == time
    assert lived[-1].bytes == agent.bytes


def test_an_errand_that_takes_too_long_is_not_done(child: tuple[Agent, int]) -> None:
    short = dataclasses.replace(SETTINGS, horizon=3)
    lived = list(live(copy.deepcopy(child[0]), short, child[1], 0, 3))
    assert all(one.steps <= 3 for one in lived)
    assert [one.success for one in lived] == [one.steps < 3 or one.shortest == 3 for one in lived]
    assert not all(one.success for one in lived)


def test_a_life_in_pieces_is_the_life_in_one(child: tuple[Agent, int]) -> None:
    whole, parts = copy.deepcopy(child[0]), copy.deepcopy(child[0])
    at_once = list(live(whole, SETTINGS, child[1], 0, 6))
    place, pieces = child[1], list[Lived]()
    for first, errands in ((0, 1), (1, 3), (4, 2)):
        pieces += live(parts, SETTINGS, place, first, errands)
        place = pieces[-1].place
    assert list(map(told, pieces)) == list(map(told, at_once))
    assert differences(whole, parts) == []


def test_a_life_ends_with_its_schedule(child: tuple[Agent, int]) -> None:
    few = dataclasses.replace(SETTINGS, schedule=ScheduleSettings(changes=1, every=2))
    assert len(list(live(copy.deepcopy(child[0]), few, child[1]))) == 4
    assert [one.number for one in live(copy.deepcopy(child[0]), few, child[1], 3, 9)] == [3]
    assert list(live(copy.deepcopy(child[0]), few, child[1], 4, 9)) == []


def test_towns_are_drawn_by_their_seed() -> None:
    same, other = LifeSettings(seed=3).make(), LifeSettings(seed=4).make()
    again = LifeSettings(seed=3).make()
    np.testing.assert_array_equal(same.tables.table, again.tables.table)
    assert not np.array_equal(same.tables.table, other.tables.table)
    small = LifeSettings(town=TownSettings(blocks=2, rooms=12)).make()
    assert small.tables.side == 7


@pytest.mark.parametrize("bad", [{"childhood": -1}, {"horizon": 0}])
def test_settings_that_are_none_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(AgentError, match="childhood of 0 steps or more"):
        LifeSettings(**bad)


def test_a_place_that_is_none_is_refused(child: tuple[Agent, int]) -> None:
    with pytest.raises(WorldError, match="street or a room"):
        next(live(copy.deepcopy(child[0]), SETTINGS, -5))
