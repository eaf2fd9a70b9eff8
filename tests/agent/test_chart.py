"""The map of an agent against the town as it is."""

import copy

import pytest
import torch
from tests.agent.conftest import Walked

from unfrozen.agent.chart import Chart
from unfrozen.agent.memories import StepMemory
from unfrozen.errors import MapError
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.world.environments.town.plan import STEPS, neighbours


def empty(model: TemT) -> StepMemory:
    return StepMemory(model.settings.width, 4)


def test_places_and_true_cells_are_one_to_one(walked: Walked) -> None:
    pairs = set(walked.truth)
    assert len({place for place, _ in pairs}) == len({cell for _, cell in pairs}) == len(pairs)
    assert walked.agent.chart.map.places.n == len(pairs) > 20
    assert walked.agent.chart.map.n_maps == 1


def test_edges_are_the_openings_of_the_town(walked: Walked, model: TemT) -> None:
    life, cells = walked.life, walked.cells
    network = walked.agent.chart.network(empty(model))
    beside = neighbours(life.town.side)
    seen = {
        (cell, action)
        for cell in cells.values() for action in range(4) if life.exits[0, cell, action]
    }  # fmt: skip
    graph, frontier = network.graph, set(network.frontier.tolist())
    found = set()
    for source, target, action in zip(
        graph.source.tolist(), graph.target.tolist(), network.actions.tolist(), strict=True
    ):
        cell = cells[int(network.places[source])]
        found.add((cell, action))
        to = int(beside[cell, action])
        # What nobody has seen is a place of its own, and everything else is where it really is.
        assert (target in frontier) == (to not in cells.values())
        if target not in frontier:
            assert cells[int(network.places[target])] == to
    assert found == seen
    assert len(frontier) > 3


def test_actions_take_each_other_back_as_they_do_in_the_town(model: TemT) -> None:
    chart = Chart(model)
    assert chart.back.tolist() == [2, 3, 0, 1]
    for action, (dx, dy) in enumerate(STEPS):
        assert STEPS[int(chart.back[action])] == (-dx, -dy)


def test_a_step_has_two_sides(walked: Walked) -> None:
    chart, cells = walked.agent.chart, walked.cells
    places = {cell: place for place, cell in cells.items()}
    beside = neighbours(walked.life.town.side)
    checked = 0
    for place, cell in cells.items():
        for action in range(4):
            there, back = chart.both_ways(place, action)
            assert torch.equal(there.key, chart.key(place))
            assert (there.action, back.action) == (action, (action + 2) % 4)
            if (to := int(beside[cell, action])) in places:
                # The very key, or what is found from here is not known there.
                assert torch.equal(back.key, chart.key(places[to]))
                checked += 1
    assert checked > 40


def test_places_are_found_by_what_they_look_like(walked: Walked) -> None:
    chart, cells = walked.agent.chart, walked.cells
    for sight in range(walked.life.town.n_sights):
        truth = {place for place, cell in cells.items() if walked.life.town.sights[cell] == sight}
        assert set(chart.find(sight)) == truth


def test_the_network_is_made_anew_when_something_is_otherwise(walked: Walked) -> None:
    chart = copy.deepcopy(walked.agent.chart)
    memory = empty(chart.model)
    network = chart.network(memory)
    assert chart.network(memory) is network
    here = chart.place
    exits = torch.tensor(chart.looks[here].exits)
    chart.look(exits, 1000)
    assert chart.network(memory) is network
    action = int(torch.nonzero(exits)[0])
    assert network.edge(here, action) >= 0
    exits[action] = False
    chart.look(exits, 1001)
    closed = chart.network(memory)
    assert closed is not network
    # Nor is it open from the other side, which was seen before.
    assert closed.edge(here, action) == -1
    (to,) = network.graph.target[[network.edge(here, action)]].tolist()
    assert closed.edge(int(network.places[to]), (action + 2) % 4) == -1
    memory.blocked(chart.both_ways(here, action), time=1002)
    assert chart.network(memory) is not closed


def test_what_was_seen_later_from_the_other_side_counts(walked: Walked) -> None:
    chart = copy.deepcopy(walked.agent.chart)
    memory = empty(chart.model)
    network, here = chart.network(memory), chart.place
    row = next(r for r in range(len(network.graph)) if int(network.places[network.graph.target[r]])
               == here)  # fmt: skip
    place, action = int(network.places[network.graph.source[row]]), int(network.actions[row])
    exits = torch.tensor(chart.looks[here].exits)
    exits[(action + 2) % 4] = False
    chart.look(exits, 10**6)
    assert chart.network(memory).edge(place, action) == -1


def test_a_blocked_step_is_barred_until_it_is_found_open(walked: Walked) -> None:
    chart, memory = copy.deepcopy(walked.agent.chart), empty(walked.agent.chart.model)
    here = chart.place
    action = int(torch.nonzero(torch.tensor(chart.looks[here].exits))[0])
    row = chart.network(memory).edge(here, action)
    assert not chart.network(memory).barred(row, since=-1e9)
    memory.blocked(chart.both_ways(here, action), time=100)
    assert chart.network(memory).barred(row, since=99.0)
    assert not chart.network(memory).barred(row, since=100.0)
    others = [r for r in range(len(chart.network(memory).graph)) if r != row]
    assert sum(chart.network(memory).barred(r, since=0.0) for r in others) <= 1
    memory.opened(chart.both_ways(here, action), time=101)
    assert not chart.network(memory).barred(row, since=0.0)


def test_what_is_no_place_has_no_node_and_no_edge(walked: Walked, model: TemT) -> None:
    network = walked.agent.chart.network(empty(model))
    n = walked.agent.chart.map.places.n
    assert [network.node(place) for place in (-1, n, 0)] == [-1, -1, 0]
    assert network.edge(-1, 0) == network.edge(n, 0) == -1
    assert network.graph.n == n + len(network.frontier)


def test_a_frozen_chart_looks_at_nothing_and_goes_beyond_what_it_knows(walked: Walked) -> None:
    chart = copy.deepcopy(walked.agent.chart)
    chart.map.plastic = False
    looks, n, before = dict(chart.looks), chart.map.places.n, chart.bytes
    network = chart.network(empty(chart.model))
    row = int(torch.nonzero(torch.isin(network.graph.target, network.frontier))[0])
    chart.map.resume(int(network.places[network.graph.source[row]]))
    chart.move(int(network.actions[row]), 3, torch.ones(4, dtype=torch.bool), 10**6)
    assert chart.place == -1
    assert (chart.looks, chart.map.places.n, chart.bytes) == (looks, n, before)


def test_life_goes_on_at_a_place_or_beside_all_places(walked: Walked) -> None:
    chart = copy.deepcopy(walked.agent.chart)
    code = chart.map.code
    chart.resume(3, code, 0)
    assert chart.place == 3
    chart.resume(10**6, code, 0)
    assert chart.place == -1
    assert torch.equal(chart.map.code, code)
    assert [chart.known(place) for place in (-1, 0, chart.map.places.n)] == [False, True, False]


def test_a_chart_that_is_nowhere_says_so(model: TemT) -> None:
    with pytest.raises(MapError, match="begin"):
        _ = Chart(model).place
