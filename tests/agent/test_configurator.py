"""What is wanted next: tasks of errands, goals by what is known, and what is done when it fails."""

import dataclasses

import pytest
import torch
from tests.agent.conftest import SETTINGS, Walked

from unfrozen.agent import (
    Agent,
    Configuration,
    ConfiguratorSettings,
    Goal,
    Percept,
    Weights,
    senses_of,
)
from unfrozen.agent.chart import Network
from unfrozen.agent.configurator import DOUBT, NOVELTY, SEEN, STALE, Configurator, Task
from unfrozen.agent.memories import FactMemory
from unfrozen.world.environments.town.facts import PERSONS, Errand

SENSES = senses_of(SETTINGS.make())


def percept(errand: Errand, **more: object) -> Percept:
    exits = torch.ones(4, dtype=torch.bool)
    seen = Percept(0, None, exits, False, (), None, errand, ())
    return dataclasses.replace(seen, **more)  # pyright: ignore[reportArgumentType]


def known(place: str, seller: str = "smith") -> FactMemory:
    facts = FactMemory()
    facts.hold("bread", "is sold by", seller, time=0)
    facts.hold(seller, "is at", place, time=0)
    return facts


def network(agent: Agent) -> Network:
    return agent.chart.network(agent.steps)


def goal(walked: Walked, seen: Percept, facts: FactMemory, time: int = 10_000) -> Goal:
    chart = walked.agent.chart
    return Configurator(SENSES).goal(seen, facts, chart, network(walked.agent), time)


def rooms(walked: Walked, known: bool) -> list[str]:
    """Rooms that were seen, or were not."""
    town, cells = walked.life.town, set(walked.cells.values())
    return [name for name, cell in zip(town.names, town.rooms.tolist(), strict=True)
            if (cell in cells) == known]  # fmt: skip


@pytest.mark.parametrize(
    ("errand", "carried", "tasks"),
    [
        (Errand("mill"), None, [("place", "mill")]),
        (Errand("baker"), None, [("person", "baker")]),
        (Errand("baker", "iron"), None, [("item", "iron"), ("person", "baker")]),
        (Errand("baker", "iron"), "iron", [("person", "baker")]),
    ],
)
def test_an_errand_is_split_into_what_is_left_of_it(
    errand: Errand, carried: str | None, tasks: list[tuple[str, str]]
) -> None:
    found = Configurator(SENSES).tasks(percept(errand, carried=carried))
    assert found == tuple(Task(*task) for task in tasks)


def test_a_known_room_is_gone_to_without_doubt(walked: Walked) -> None:
    for name in rooms(walked, known=True):
        found = goal(walked, percept(Errand(name)), FactMemory())
        assert (found.kind, found.name, found.doubts) == ("place", name, (0.0,))
        (node,) = found.nodes
        place = int(network(walked.agent).places[node])
        town = walked.life.town
        assert walked.cells[place] == town.rooms[town.names.index(name)]


def test_who_sells_an_item_is_gone_to_where_they_are_known_to_be(walked: Walked) -> None:
    name = rooms(walked, known=True)[0]
    facts = known(name)
    found = goal(walked, percept(Errand("widow", "bread")), facts)
    assert (found.kind, found.name) == ("person", "smith")
    assert found.nodes == goal(walked, percept(Errand(name)), facts).nodes
    # Both facts are cited, and share its doubt.
    assert {which for which, _ in found.sources} == {0, 1}
    assert sum(share for _, share in found.sources) == pytest.approx(1)
    assert found.doubts[0] == pytest.approx(DOUBT * (1 - (1 / 1.01) ** 2))


def test_a_room_that_was_never_seen_is_explored_for(walked: Walked) -> None:
    name = rooms(walked, known=False)[0]
    for seen, facts in (
        (percept(Errand(name)), FactMemory()), (percept(Errand("smith")), known(name)),
    ):  # fmt: skip
        found = goal(walked, seen, facts)
        assert (found.kind, found.name) == ("explore", name)
        assert found.nodes == tuple(network(walked.agent).frontier.tolist())
        assert set(found.doubts) == {NOVELTY}


def test_somebody_of_whom_nothing_is_known_is_looked_for_where_one_was_not_lately(
    walked: Walked,
) -> None:
    for errand, name in ((Errand("baker"), "baker"), (Errand("baker", "bread"), "bread")):
        seen = walked.agent.chart.looks
        latest = max(look.time for look in seen.values())
        here = rooms(walked, known=True)[0]
        found = goal(walked, percept(errand, name=here), FactMemory(), latest)
        assert (found.kind, found.name) == ("search", name)
        places = network(walked.agent).places[list(found.nodes)].tolist()
        town = walked.life.town
        cells = [town.rooms[town.names.index(n)] for n in rooms(walked, known=True)[1:]]
        assert [walked.cells[place] for place in places] == cells
        for place, doubt in zip(places, found.doubts, strict=True):
            gone = min(1.0, (latest - seen[place].time) / STALE)
            assert doubt == pytest.approx(NOVELTY + SEEN * (1 - gone))


def test_a_seller_of_whom_it_is_not_known_where_they_are_is_looked_for(walked: Walked) -> None:
    facts = FactMemory()
    facts.hold("bread", "is sold by", "smith", time=0)
    found = goal(walked, percept(Errand("baker", "bread")), facts)
    assert (found.kind, found.name) == ("search", "smith")


def test_every_second_impasse_lets_the_unknown_be_explored_for_a_while(walked: Walked) -> None:
    configurator = Configurator(SENSES)
    chart, found = walked.agent.chart, network(walked.agent)
    seen, facts = percept(Errand(rooms(walked, known=True)[0])), FactMemory()

    def kind(time: int) -> str:
        return configurator.goal(seen, facts, chart, found, time).kind

    configurator.impasse(100)
    assert kind(100) == "place"
    configurator.impasse(200)
    steps = configurator.settings.explore
    assert [kind(200), kind(199 + steps), kind(200 + steps)] == ["explore", "explore", "place"]
    # Where there is nothing unknown, it goes nowhere in particular.
    nothing = dataclasses.replace(found, frontier=found.frontier[:0])
    assert configurator.goal(seen, facts, chart, nothing, 200).nodes == ()
    configurator.begin()
    assert kind(200) == "place"
    configurator.impasse(300)
    assert kind(300) == "place"


def test_persons_and_places_are_told_apart_by_their_names() -> None:
    for person in PERSONS[:8]:
        assert Configurator(SENSES).tasks(percept(Errand(person)))[-1].kind == "person"
    for place in SENSES.places:
        assert Configurator(SENSES).tasks(percept(Errand(place)))[-1].kind == "place"


def test_the_mode_sets_goal_weights_and_faculties(walked: Walked) -> None:
    agent, found = walked.agent, network(walked.agent)
    heavy = Weights(memory=5.0)
    settings = ConfiguratorSettings(sure=0.7, patience=5, weights={"recover": heavy})
    configurator = Configurator(SENSES, settings)
    place = rooms(walked, known=True)[0]

    def configured(errand: Errand, time: int = 10, **more: bool) -> Configuration:
        belief = dataclasses.replace(agent.belief, time=time)
        return configurator.configure(
            belief, percept(errand), FactMemory(), agent.chart, found, ("map", "habits"), **more
        )

    usual = configured(Errand(place))
    assert (usual.mode, usual.goal.kind, usual.weights) == ("pursue", "place", Weights())
    assert (usual.habits, usual.sure, usual.patience) == (True, 0.7, 5)
    assert usual.plastic == {"map", "habits"}
    assert usual.tasks == (Task("place", place),)
    assert configured(Errand("baker")).mode == "search"
    new = configured(Errand(place), wandering=True)
    assert (new.mode, new.goal.kind, new.tasks) == ("explore", "explore", ())
    configurator.impasse(10)
    configurator.impasse(10)
    lost = configured(Errand(place))
    assert (lost.mode, lost.goal.kind, lost.weights) == ("recover", "explore", heavy)
    assert configured(Errand(place), time=10 + settings.explore).mode == "pursue"
