"""Agents as folds of what their errands left, against the agents that lived."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tests.agent.conftest import SETTINGS
from tests.agent.states import differences, state
from torch import Tensor

from unfrozen.agent import Agent, senses_of
from unfrozen.agent.experience import NOTHING, experience, fold, mark
from unfrozen.agent.living.arms import tuned
from unfrozen.agent.living.life import grow_up, live
from unfrozen.errors import AgentError
from unfrozen.hippocampus.cognitive_map import CognitiveMap
from unfrozen.hippocampus.cognitive_map.map import Where
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.world.environments.town.living import VectorTown


def new(model: TemT) -> Agent:
    return Agent(senses_of(SETTINGS.make()), model)


def folded(model: TemT, told: list[dict[str, Tensor]], active: list[bool] | None = None) -> Agent:
    agent = new(model)
    fold(agent, told, active)
    return agent


@dataclass(frozen=True, eq=False)
class History:
    """What childhood and each errand left, and the agent after each of them."""

    told: list[dict[str, Tensor]]
    agents: list[Agent]


@pytest.fixture(scope="module")
def history(model: TemT) -> History:
    agent = new(model)
    place = grow_up(agent, SETTINGS).place
    told, agents, since = [experience(agent, NOTHING)], [copy.deepcopy(agent)], mark(agent)
    for _ in live(agent, SETTINGS, place, 0, 8):
        told.append(experience(agent, since))
        since = mark(agent)
        agents.append(copy.deepcopy(agent))
    return History(told, agents)


def test_an_agent_is_the_fold_of_its_experiences(history: History, model: TemT) -> None:
    for k, lived in enumerate(history.agents):
        assert differences(folded(model, history.told[: k + 1]), lived) == []


def test_what_nothing_was_written_of_is_not_told(history: History) -> None:
    agent = history.agents[-1]
    nothing = experience(agent, mark(agent))
    assert set(nothing) == {"now", "map.here", "map.code"}
    everything = experience(agent, NOTHING)
    assert everything["map.codes"].tolist() == state(agent)["codes"]


@pytest.mark.parametrize("gone", range(1, 9))
def test_without_an_experience_only_what_it_wrote_is_gone(
    history: History, model: TemT, gone: int
) -> None:
    active = [k != gone for k in range(9)]
    one, whole = state(folded(model, history.told, active)), state(history.agents[-1])
    taken = history.told[gone]
    forgotten = {
        name: {i for k, t in enumerate(history.told) if k != gone
               for i in t.get(f"{name}.forgotten", torch.tensor([])).tolist()}
        for name in ("facts", "steps", "habits")
    }  # fmt: skip
    for name in ("facts", "steps", "habits"):
        mine = set(taken.get(f"{name}.ids", torch.tensor([])).tolist())
        back = set(taken.get(f"{name}.forgotten", torch.tensor([])).tolist()) - forgotten[name]
        assert set(one[name]["ids"]) == (set(whole[name]["ids"]) - mine) | back
        # Numbers are not given again, to be able to bring it back.
        assert one[name]["next"] == whole[name]["next"]
    places = set(taken.get("map.numbers", torch.empty(0, 3))[:, 0].tolist())
    assert len(one["codes"]) == len(whole["codes"])
    for place, (mine, all_) in enumerate(zip(one["codes"], whole["codes"], strict=True)):
        assert (mine == all_) != (place in places)
    assert one["edges"].items() <= whole["edges"].items()
    assert one["time"] == whole["time"]
    assert one["code"] == whole["code"]


def test_experiences_taken_back_and_brought_back_leave_no_trace(
    history: History, model: TemT
) -> None:
    again = folded(model, history.told, [True] * 9)
    assert differences(again, history.agents[-1]) == []


def test_without_its_childhood_an_agent_knows_nothing_but_goes_on(
    history: History, model: TemT
) -> None:
    agent = folded(model, history.told[:1], [False])
    assert state(agent)["facts"]["ids"] == []
    assert agent.chart.place == -1
    assert agent.chart.find(agent.senses.sight("mill")) == ()
    place = int(history.told[0]["now"][1])
    assert not agent.chart.known(place)
    # It learns the town anew from where it is, under numbers that nothing had.
    before = agent.chart.map.places.n
    world = SETTINGS.make().tables.lives[0]
    sight = int(history.agents[0].chart.map.places.symbols[place])
    cell = next(c for c in world.town.cells.tolist() if world.town.sights[c] == sight)
    list(live(agent, SETTINGS, cell, 0, 1))
    known = [p for p in range(agent.chart.map.places.n) if agent.chart.known(p)]
    assert known
    assert min(known) >= before
    assert agent.chart.map.n_maps == 1


def carried(town: VectorTown, agent: Agent, place: int, errand: int, steps: int) -> None:
    """Steps from a place where it does not know to be, to the end of an errand."""
    options = {"place": np.array([place]), "errand": np.array([errand])}
    observed, _ = town.reset(seed=0, options=options)
    agent.begin(observed)
    for _ in range(steps):
        action = agent.decide().action
        agent.observe(action, town.step(np.array([action]))[0])
    agent.end(success=False)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 6, 9])
def test_one_who_is_lost_is_the_fold_of_its_experiences_and_goes_on_as_that(
    history: History, model: TemT, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    begin, lost = CognitiveMap._begin_again, list[int]()

    def begun(self: CognitiveMap) -> Where:
        lost.append(1)
        return begin(self)

    monkeypatch.setattr(CognitiveMap, "_begin_again", begun)
    town, agent = SETTINGS.make(10**9), copy.deepcopy(history.agents[0])
    told, other = [history.told[0]], folded(model, history.told[:1])
    streets = town.tables.streets[0].tolist()
    for errand in range(8):
        since = mark(agent)
        for one in (agent, other):
            carried(town, one, streets[(7 * errand) % len(streets)], errand, steps)
        assert differences(other, agent) == []
        told.append(experience(agent, since))
        other = folded(model, told)
        assert differences(other, agent) == []
    assert bool(lost) == (steps >= 3)


def test_nothing_is_told_of_one_who_may_be_elsewhere(history: History) -> None:
    agent = copy.deepcopy(history.agents[0])
    chart, since = agent.chart, mark(agent)
    street = next(a for a in range(4) if chart.looks[chart.place].exits[a])
    sight = next(s for s in range(8) if s != int(chart.map.foresee(street).argmax()))
    chart.move(street, sight, agent.percept.exits, agent.time)
    with pytest.raises(AgentError, match="between errands"):
        experience(agent, since)
    agent.end(success=False)
    assert experience(agent, since)


def test_one_who_is_lost_with_gaps_in_its_map_begins_again(history: History, model: TemT) -> None:
    agent = folded(model, history.told, [False] + [True] * 8)
    town = SETTINGS.make(10**9)
    streets = town.tables.streets[0].tolist()
    for errand in range(4):
        carried(town, agent, streets[9 * errand], errand, 12)
    assert agent.chart.place >= 0


def test_no_experience_leaves_a_new_agent(model: TemT) -> None:
    agent = folded(model, [])
    assert (agent.time, agent.chart.map.places.n, len(agent.habits.slots)) == (0, 0, 0)


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_folded_is_refused(history: History, model: TemT) -> None:
    with pytest.raises(AgentError, match="lived nothing"):
        fold(copy.deepcopy(history.agents[0]), history.told)
    first = history.told[0]
    for name in ("now", "map.code", "map.keys", "facts.values", "map.here"):
        with pytest.raises(AgentError, match="does not fit"):
            folded(model, [{k: v for k, v in first.items() if k != name}])
    for name in ("map.codes", "facts.keys", "map.numbers"):
        with pytest.raises(AgentError, match="does not fit"):
            folded(model, [{**first, name: first[name][:, :-1]}])


def test_weights_are_not_told_as_an_experience(history: History) -> None:
    with pytest.raises(AgentError, match="held in slots"):
        mark(tuned(history.agents[0]))
