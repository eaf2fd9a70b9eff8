"""Walks against their transition probabilities, and novelty against a count by hand."""

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds import (
    FAMILIES,
    WalkSettings,
    batch,
    borders,
    draw_symbols,
    line,
    named,
    novelty,
    rectangle,
    walk,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def walked(name, walks=16, steps=120, seed=0, settings=None):
    g = generator(seed)
    family = named(name)
    worlds = batch([family.draw(g) for _ in range(walks)])
    symbols = draw_symbols(worlds, 45, g)
    return worlds, symbols, walk(worlds, symbols, steps, g, settings or family.walk)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_step_is_one_that_its_world_has(name):
    worlds, symbols, steps = walked(name)
    rows = torch.arange(len(worlds))[:, None]
    assert (steps.actions[:, 0] == -1).all()
    to = worlds.neighbours[rows, steps.places[:, :-1], steps.actions[:, 1:]]
    assert torch.equal(to, steps.places[:, 1:])
    assert torch.equal(symbols[rows, steps.places], steps.symbols)
    assert (steps.places < worlds.counts[:, None]).all()


def test_steps_are_as_likely_as_the_attraction_of_where_they_lead():
    world = borders(4, bias=3.0)
    worlds = batch([world] * 400)
    symbols = draw_symbols(worlds, 45, generator())
    steps = walk(worlds, symbols, 300, generator(1))
    assert world.attraction is not None
    counts = torch.zeros(world.n_places, world.n_actions)
    here, action = steps.places[:, :-1].flatten(), steps.actions[:, 1:].flatten()
    counts.index_put_((here, action), torch.ones(len(here)), accumulate=True)
    weight = torch.where(world.possible, world.attraction[world.neighbours.clamp(min=0)], 0.0)
    expected = weight / weight.sum(1, keepdim=True)
    found = counts / counts.sum(1, keepdim=True)
    # Five deviations of a share of at least 2,000 draws.
    assert counts.sum(1).min() > 2000
    assert (found - expected).abs().max() < 5 * (0.25 / 2000) ** 0.5
    assert (found[~world.possible] == 0).all()


def test_walks_keep_their_direction_as_often_as_they_are_told():
    worlds = batch([rectangle(40)] * 100)
    symbols = draw_symbols(worlds, 45, generator())
    steps = walk(worlds, symbols, 200, generator(1), WalkSettings(straight=0.6))
    before, after = steps.actions[:, 1:-1], steps.actions[:, 2:]
    rows = torch.arange(100)[:, None]
    could = worlds.neighbours[rows, steps.places[:, 1:-1], before] >= 0
    inner = (worlds.neighbours[rows, steps.places[:, 1:-1]] >= 0).all(-1) & could
    # Told to, or by chance of one in four.
    share = (before == after)[inner].double().mean()
    assert share.item() == pytest.approx(0.6 + 0.4 / 4, abs=0.01)


def test_novelty_is_what_a_count_by_hand_says():
    for name in ("grid", "family", "line", "laps", "hierarchy"):
        _, _, steps = walked(name, walks=3, steps=80, seed=2)
        new = novelty(steps)
        for row in range(3):
            places = steps.places[row].tolist()
            seen, pairs, edges = {}, set(), set()
            for t, place in enumerate(places):
                assert new.visits[row, t] == seen.get(place, 0)
                known = place in seen
                assert bool(new.known[row, t]) == known
                edge = (places[t - 1], place) if t else (place, place)
                moved = edge[0] != edge[1]
                assert bool(new.new_edge[row, t]) == (known and moved and edge not in edges)
                assert bool(new.new_pair[row, t]) == (
                    known and moved and frozenset(edge) not in pairs
                )
                seen[place] = seen.get(place, 0) + 1
                if moved:
                    edges.add(edge)
                    pairs.add(frozenset(edge))


def test_the_same_seed_walks_the_same_way_and_another_does_not():
    one, same, other = (walked("grid", seed=s)[2] for s in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one.places, other.places)


def test_walks_begin_where_they_are_told():
    worlds = batch([rectangle(3), rectangle(4)])
    symbols = draw_symbols(worlds, 45, generator())
    steps = walk(worlds, symbols, 5, generator(), start=torch.tensor([8, 15]))
    assert steps.places[:, 0].tolist() == [8, 15]
    with pytest.raises(MapError, match="starts at a place"):
        walk(worlds, symbols, 5, generator(), start=torch.tensor([9, 15]))
    with pytest.raises(MapError, match="starts at a place"):
        walk(worlds, symbols, 5, generator(), start=torch.tensor([8, -1]))


def test_starts_are_spread_over_all_places():
    worlds = batch([line(4)] * 2000)
    symbols = draw_symbols(worlds, 45, generator())
    steps = walk(worlds, symbols, 1, generator())
    assert torch.bincount(steps.places[:, 0], minlength=4).min() > 400


def test_walks_that_make_no_sense_are_refused():
    worlds = batch([rectangle(3)])
    symbols = draw_symbols(worlds, 45, generator())
    with pytest.raises(MapError, match="at least one step"):
        walk(worlds, symbols, 0, generator())
    with pytest.raises(MapError, match="symbols"):
        walk(worlds, symbols[:, :4], 5, generator())
    with pytest.raises(MapError, match="below 1"):
        WalkSettings(straight=1.0)
