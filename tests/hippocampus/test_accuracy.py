"""Shares by kind of step, and agents, against agents that are played out."""

import math

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.accuracy import accuracy, agents, by_visits
from unfrozen.hippocampus.training import draw_walks
from unfrozen.hippocampus.worlds import Novelty, named, novelty


def walks_of(name, walks=40, steps=60, seed=0):
    return draw_walks(named(name), walks, steps, 45, torch.Generator().manual_seed(seed))


def moved_in(walks):
    moved = torch.zeros_like(walks.places, dtype=torch.bool)
    moved[:, 1:] = walks.places[:, 1:] != walks.places[:, :-1]
    return moved


def test_shares_are_those_of_their_steps():
    walks = walks_of("grid")
    new = novelty(walks)
    right = torch.rand(walks.places.shape, generator=torch.Generator().manual_seed(1)) < 0.7
    found = accuracy(right, new)
    assert found.zero_shot == pytest.approx(right[new.new_pair].double().mean().item())
    assert found.directed == pytest.approx(right[new.new_edge].double().mean().item())
    assert found.known == pytest.approx(right[new.known].double().mean().item())
    last = right[:, 45:][new.new_pair[:, 45:]].double().mean().item()
    assert found.last_quarter == pytest.approx(last)
    assert found.steps == int(new.new_pair.sum())


def test_a_walk_too_short_for_quarters_has_no_last_one():
    every = torch.ones(2, 3, dtype=torch.bool)
    found = accuracy(every, Novelty(every.long(), every, every, every))
    assert math.isnan(found.last_quarter)
    assert found.steps == 6


def test_walks_without_a_zero_shot_step_cannot_be_judged():
    walks = walks_of("laps", steps=10)
    with pytest.raises(MapError, match="walk for longer"):
        accuracy(torch.ones_like(walks.places, dtype=torch.bool), novelty(walks))


@pytest.mark.parametrize("name", ["grid", "family", "hierarchy"])
def test_agents_foresee_what_agents_that_are_played_out_foresee(name):
    walks, n_symbols = walks_of(name, walks=150), 45
    new, g = novelty(walks), torch.Generator().manual_seed(2)
    expected = agents(new, moved_in(walks), n_symbols)
    guesses = torch.randint(n_symbols, walks.symbols.shape, generator=g)
    right = {
        kind: torch.zeros_like(walks.places, dtype=torch.bool)
        for kind in ("node", "edge", "reversible_edge")
    }
    for row in range(len(walks.places)):
        places, symbols = walks.places[row].tolist(), walks.symbols[row].tolist()
        seen, edges = {places[0]: symbols[0]}, set()
        for t in range(1, len(places)):
            before, place = places[t - 1], places[t]
            guess = int(guesses[row, t])
            stays = before == place
            right["node"][row, t] = seen.get(place, guess) == symbols[t]
            for kind, back in (("edge", False), ("reversible_edge", True)):
                taken = (before, place) in edges or (back and (place, before) in edges)
                told = symbols[t] if (taken or stays) else guess
                right[kind][row, t] = told == symbols[t]
            seen[place] = symbols[t]
            edges.add((before, place))
    for kind, steps in right.items():
        played, told = accuracy(steps, new), getattr(expected, kind)
        for measure in ("zero_shot", "directed", "known"):
            share, n = getattr(told, measure), int(new.known.sum())
            tolerance = 5 * (0.25 / min(n, expected.node.steps)) ** 0.5
            assert getattr(played, measure) == pytest.approx(share, abs=tolerance), (kind, measure)
    assert expected.node.zero_shot == 1.0
    assert expected.edge.directed == pytest.approx(1 / 45)
    assert expected.reversible_edge.zero_shot == pytest.approx(1 / 45)


def test_accuracy_by_visits_is_one_share_a_count():
    right = torch.tensor([[False, True, True, False]])
    visits = torch.tensor([[0, 1, 1, 2]])
    found = by_visits(right, visits, most=3)
    assert found[:3].tolist() == [0.0, 1.0, 0.0]
    assert found[3].isnan()
