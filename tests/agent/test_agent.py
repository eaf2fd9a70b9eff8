"""An agent in the town: what it writes when, checked against the schedule that it does not see."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from tests.agent.conftest import SETTINGS
from tests.agent.states import differences, state

from unfrozen.agent import FACULTIES, Agent, AgentSettings, Senses, senses_of
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.life import live
from unfrozen.agent.protocols import Acts, Facts, Foresees, Perceives, Scores, Steps
from unfrozen.errors import AgentError, MapError
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.world.environments.town.facts import ITEMS, PERSONS
from unfrozen.world.environments.town.living import VectorTown
from unfrozen.world.environments.town.plan import neighbours


def at(place: int, errand: int = 0) -> tuple[VectorTown, dict[str, Any]]:
    town = SETTINGS.make()
    options = {"place": np.array([place]), "errand": np.array([errand])}
    return town, town.reset(seed=0, options=options)[0]


@pytest.fixture
def begun(child: tuple[Agent, int]) -> tuple[Agent, VectorTown]:
    """A grown-up agent at the beginning of its first errand."""
    agent, (town, observed) = copy.deepcopy(child[0]), at(child[1])
    agent.begin(observed)
    return agent, town


def test_what_is_told_is_known(begun: tuple[Agent, VectorTown]) -> None:
    agent, town = begun
    life, senses = town.tables.lives[0], agent.senses
    for person, room in zip(PERSONS, life.schedule.start.persons, strict=False):
        found = agent.facts.ask(person, "is at", senses.places)
        assert found.name == life.town.names[room]
    for item, seller in zip(ITEMS, life.schedule.start.sellers, strict=True):
        assert agent.facts.ask(item, "is sold by", senses.people).name == PERSONS[seller]


def test_what_is_known_already_is_not_written_again(begun: tuple[Agent, VectorTown]) -> None:
    agent, town = begun
    before = state(agent)["facts"]
    agent.begin(town.reset(options={"errand": np.array([0])})[0])
    assert state(agent)["facts"] == before


def test_after_a_life_all_that_was_told_or_seen_is_as_the_town_is(life: LifeFolder) -> None:
    agent, world = life.agent(), life.settings.make().tables.lives[0]
    phase = world.phases[life.done - 1]
    state_ = world.schedule.states[phase]
    for person, room in zip(PERSONS, state_.persons, strict=False):
        found = agent.facts.ask(person, "is at", agent.senses.places)
        assert found.name == world.town.names[room]


def test_a_locked_door_is_stored_from_both_sides_and_only_when_it_is_tried(
    child: tuple[Agent, int],
) -> None:
    world = SETTINGS.make().tables.lives[0]
    room, action = next((r, a) for r, a in enumerate(world.schedule.start.locked) if a >= 0)
    cell = int(world.town.rooms[room])
    town, observed = at(cell)
    agent = copy.deepcopy(child[0])
    agent.chart.map.resume(agent.chart.find(agent.senses.sight(world.town.names[room]))[0])
    agent.begin(observed)
    network = agent.chart.network(agent.steps)
    row = network.edge(agent.chart.place, action)
    before = len(agent.steps.slots)  # pyright: ignore[reportAttributeAccessIssue]
    observed = town.step(np.array([action]))[0]
    agent.observe(action, observed)
    network = agent.chart.network(agent.steps)
    assert network.barred(row, since=float(agent.time - 1))
    beyond = int(neighbours(world.town.side)[cell, action])
    (other,) = [
        p for p in network.places.tolist()
        if p >= 0 and network.edge(p, (action + 2) % 4) >= 0
        and int(network.graph.target[network.edge(p, (action + 2) % 4)])
        == network.node(agent.chart.place)
    ]  # fmt: skip
    assert world.town.sights[beyond] == agent.chart.map.places.symbols[other]
    assert network.barred(network.edge(other, (action + 2) % 4), since=float(agent.time - 1))
    assert len(agent.steps.slots) - before == 2  # pyright: ignore[reportAttributeAccessIssue]
    # It is opened: the step can be taken, and is not barred any more.
    place = agent.chart.place
    sight, exits = int(world.town.sights[beyond]), world.exits[0, beyond]
    opened = {**observed, "sight": np.array([sight]), "exits": exits[None].astype(np.int8),
              "bumped": np.array([0]), "persons": np.zeros((1, 8), np.int8)}  # fmt: skip
    agent.observe(action, opened)
    network = agent.chart.network(agent.steps)
    assert agent.chart.place == other
    assert not network.barred(network.edge(place, action), since=0.0)
    assert not network.barred(network.edge(other, (action + 2) % 4), since=0.0)


def test_a_wall_that_is_seen_is_no_surprise(begun: tuple[Agent, VectorTown]) -> None:
    agent, town = begun
    before, wall = state(agent), int(torch.nonzero(~agent.percept.exits)[0])
    agent.observe(wall, town.step(np.array([wall]))[0])
    after = state(agent)
    assert after["time"] == before["time"] + 1
    assert [after[k] for k in ("steps", "codes", "where")] == [
        before[k] for k in ("steps", "codes", "where")
    ]


def test_who_is_not_where_they_were_said_to_be_is_denied_to_be_there(
    child: tuple[Agent, int],
) -> None:
    # An errand to somebody of whom it was told a lie.
    world = SETTINGS.make().tables.lives[0]
    errands = world.schedule.errands
    number = next(k for k, e in enumerate(errands) if e.to in PERSONS and e.item is None)
    name = errands[number].to
    town, observed = at(child[1], number)
    agent = copy.deepcopy(child[0])
    truth = world.town.names[world.schedule.states[world.phases[number]].persons[
        PERSONS.index(name)]]  # fmt: skip
    near = agent.percept
    lie = next(place for place in agent.senses.places if place not in (truth, near.name))
    agent.begin(observed)
    agent.time += 500
    agent.facts.hold(name, "is at", lie, time=agent.time)
    visited = list[str | None]()
    for _ in range(80):
        decision = agent.decide()
        observed, _, ended, _, _ = town.step(np.array([decision.action]))
        agent.observe(decision.action, observed)
        visited.append(agent.percept.name)
        if agent.percept.name == lie or ended[0]:
            break
    assert visited[-1] == lie
    assert agent.facts.ask(name, "is at", agent.senses.places).name != lie


def test_what_led_to_a_goal_is_done_again_by_habit(child: tuple[Agent, int]) -> None:
    agent = copy.deepcopy(child[0])
    town, observed = at(child[1])
    ways = list[list[tuple[str, int]]]()
    for _ in range(2):
        agent.begin(observed)
        way, ended = list[tuple[str, int]](), np.array([False])
        while not ended[0]:
            decision = agent.decide()
            way.append((decision.mode, decision.action))
            observed, _, ended, _, _ = town.step(np.array([decision.action]))
            agent.observe(decision.action, observed)
        agent.end(success=True)
        ways.append(way)
        town, observed = at(child[1])
        # Put back where it began.
        agent.chart.map.resume(child[0].chart.place)
    first, second = ways
    assert {mode for mode, _ in first} == {"plan"}
    assert "habit" in {mode for mode, _ in second}
    assert len(second) <= len(first)


@pytest.mark.parametrize("faculty", FACULTIES)
def test_a_faculty_that_is_not_plastic_stays_as_it_is(
    child: tuple[Agent, int], faculty: str
) -> None:
    agent = copy.deepcopy(child[0])
    agent.set_plastic(f for f in FACULTIES if f != faculty)
    before = state(agent)
    list(live(agent, SETTINGS, child[1], 0, 2))
    after = state(agent)
    parts = {"map": ("codes", "symbols", "edges", "looks")}.get(faculty, (faculty,))
    assert all(after[part] == before[part] for part in parts)
    assert after["time"] > before["time"]


def test_a_frozen_agent_writes_nothing(child: tuple[Agent, int]) -> None:
    agent = copy.deepcopy(child[0])
    agent.set_plastic(())
    bytes_ = agent.bytes
    list(live(agent, SETTINGS, child[1], 0, 3))
    assert set(differences(agent, child[0])) <= {"time", "where", "code"}
    assert agent.bytes == bytes_


def test_deciding_writes_nothing_and_is_the_same_again(begun: tuple[Agent, VectorTown]) -> None:
    agent, _ = begun
    before = state(agent)
    first, second = agent.decide(), agent.decide()
    assert first.action == second.action
    assert first.goal == second.goal
    assert state(agent) == before
    assert first.belief.place == agent.chart.place
    assert first.belief.time == agent.time


def test_one_state_is_shared_and_a_decision_tells_it(begun: tuple[Agent, VectorTown]) -> None:
    agent, _ = begun
    before, decision = agent.belief, agent.decide()
    for one in (before, decision.belief, agent.belief):
        assert (one.place, one.time) == (agent.chart.place, agent.time)
        assert torch.equal(one.latent, agent.chart.map.code)
        assert torch.equal(one.structure, agent.percept.exits)
    assert decision.belief.goal == decision.goal == agent.belief.goal
    assert decision.configuration.plastic == agent.plastic


def test_faculties_keep_to_their_protocols(begun: tuple[Agent, VectorTown]) -> None:
    agent, _ = begun
    members = {
        Perceives: agent.senses, Foresees: agent.chart, Scores: agent.actor.planner,
        Acts: agent.actor, Facts: agent.facts, Steps: agent.steps,
    }  # fmt: skip
    for protocol, member in members.items():
        assert isinstance(member, protocol)


def test_bytes_are_those_of_all_that_is_stored(life: LifeFolder) -> None:
    agent = life.agent()
    parts = (agent.chart.bytes, agent.facts.bytes, agent.steps.bytes, agent.habits.bytes)
    assert agent.bytes == sum(parts)
    assert min(parts) > 0
    assert agent.bytes == life.errand(life.done - 1)["bytes"]


def test_an_agent_that_cannot_be_is_refused(model: TemT) -> None:
    with pytest.raises(AgentError, match="no faculty 'smell': choose from map"):
        AgentSettings(plastic=("map", "smell"))
    many = model.settings.n_symbols + 1
    with pytest.raises(AgentError, match=f"the town has {many}"):
        Agent(Senses(many, 12, 8), model)
    agent = Agent(senses_of(SETTINGS.make()), model)
    with pytest.raises(AgentError, match="begin"):
        agent.decide()
    _, observed = at(0)
    with pytest.raises(AgentError, match="begin"):
        agent.observe(0, observed)
    # One that never wrote a map is nowhere.
    with pytest.raises(MapError, match="new world"):
        Agent(senses_of(SETTINGS.make()), model, AgentSettings(plastic=())).begin(observed)
