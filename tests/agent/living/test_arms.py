"""Ways to live after one childhood: each leaves off what it says, and nothing else."""

import dataclasses

import pytest
from tests.agent.conftest import SETTINGS

from unfrozen.agent import FACULTIES, Agent, senses_of
from unfrozen.agent.living.arms import ARMS, lives, tuned
from unfrozen.agent.living.life import LifeSettings, Lived, grow_up, live
from unfrozen.agent.memories.steps import STRENGTH
from unfrozen.agent.planning import HALF_LIFE
from unfrozen.agent.tuned import TunedFacts, TunedSteps
from unfrozen.errors import AgentError
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.world.environments.town.changes import ScheduleSettings
from unfrozen.world.planning.landmarks import Belief

SHORT = LifeSettings(schedule=ScheduleSettings(changes=1, every=2))
SOME = ("plastic", "amnesic", "frozen", "fine-tuned")
SENSES = senses_of(SHORT.make())


def told(errands: list[Lived]) -> list[Lived]:
    return [dataclasses.replace(one, seconds=0.0) for one in errands]


@pytest.fixture(scope="module")
def lived(model: TemT) -> dict[str, list[Lived]]:
    """A short life of some arms."""
    return {name: told(list(errands)) for name, _, errands in lives(SOME, SENSES, model, SHORT)}


def test_all_arms_are_asked_for_the_same_errands(lived: dict[str, list[Lived]]) -> None:
    assert tuple(lived) == SOME
    asked = {tuple((one.number, one.phase, one.asked, one.told) for one in of)
             for of in lived.values()}  # fmt: skip
    assert len(asked) == 1
    assert len(lived["plastic"]) == 4
    assert {of[0].shortest for of in lived.values()} == {lived["plastic"][0].shortest}


def test_the_plastic_arm_is_the_agent_itself(lived: dict[str, list[Lived]], model: TemT) -> None:
    agent = Agent(SENSES, model)
    assert told(list(live(agent, SHORT, grow_up(agent, SHORT).place))) == lived["plastic"]


def test_what_is_frozen_or_forgotten_does_not_grow(lived: dict[str, list[Lived]]) -> None:
    assert len({one.bytes for one in lived["frozen"]}) == 1
    plastic = [one.bytes for one in lived["plastic"]]
    assert plastic == sorted(plastic)
    assert plastic[-1] > plastic[0] > lived["frozen"][0].bytes
    # What an errand wrote is gone by the next one.
    assert max(one.bytes for one in lived["amnesic"][1:]) < plastic[-1]


@pytest.mark.parametrize("faculty", FACULTIES)
def test_each_faculty_has_an_arm_without_it(faculty: str) -> None:
    assert set(ARMS[f"no {faculty}"].plastic) == set(FACULTIES) - {faculty}


def test_one_who_forgets_goes_on_where_the_last_errand_ended(model: TemT) -> None:
    # Little is known of the town after so short a childhood, so errands end at unknown places.
    little = dataclasses.replace(SHORT, childhood=12, horizon=25)
    ((_, childhood, errands),) = lives(("amnesic",), SENSES, model, little)
    assert childhood.steps == 12
    assert [one.number for one in errands] == list(range(4))


def test_weights_know_what_childhood_left(child: tuple[Agent, int]) -> None:
    agent = tuned(child[0])
    assert isinstance(agent.facts, TunedFacts)
    assert isinstance(agent.steps, TunedSteps)
    senses = agent.senses
    for person in senses.people:
        known = child[0].facts.ask(person, "is at", senses.places)
        assert agent.facts.ask(person, "is at", senses.places).name == known.name
    # The child is as it was.
    assert not isinstance(child[0].facts, TunedFacts)
    with pytest.raises(AgentError, match="in slots"):
        tuned(agent)


def test_what_is_in_weights_does_not_fade_with_time(child: tuple[Agent, int]) -> None:
    agent = tuned(child[0])
    network = agent.chart.network(agent.steps)
    place, action = int(network.places[network.graph.source[0]]), int(network.actions[0])
    agent.steps.blocked(agent.chart.both_ways(place, action), time=agent.time)
    network, late = agent.chart.network(agent.steps), 1e5
    edge = network.edge(place, action)
    assert float(Belief(half_life=HALF_LIFE).strengths(network.graph, late)[edge]) == STRENGTH
    assert network.barred(edge, since=late - HALF_LIFE)


def test_an_arm_that_is_none_is_refused(model: TemT) -> None:
    with pytest.raises(AgentError, match="no arm 'wooden': choose from plastic, no map"):
        next(lives(("plastic", "wooden"), SENSES, model, SETTINGS))
