"""The ideal observer against a count of hypotheses, one by one."""

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.accuracy import accuracy
from unfrozen.hippocampus.observer import observe
from unfrozen.hippocampus.training import draw_walks
from unfrozen.hippocampus.worlds import WalkSettings, laps, named, novelty, rectangle


def counted(walks, worlds, n_symbols, straight):
    """Predictions of each walk from all its beginnings, in plain Python."""
    found = torch.zeros(*walks.symbols.shape, n_symbols, dtype=torch.float64)
    for b in range(len(walks.symbols)):
        actions, symbols = walks.actions[b].tolist(), walks.symbols[b].tolist()
        live = [
            (w.neighbours.tolist(), at, 1 / len(worlds) / w.n_places, {})
            for w in worlds
            for at in range(w.n_places)
        ]
        for t, (action, symbol) in enumerate(zip(actions, symbols, strict=True)):
            moved = []
            for table, at, p, seen in live:
                if not t:
                    moved.append((table, at, p, seen))
                    continue
                possible = [a for a, to in enumerate(table[at]) if to >= 0]
                if action not in possible:
                    continue
                chance = 1 / len(possible)
                if t > 1 and actions[t - 1] in possible:
                    chance = (1 - straight) * chance + straight * (action == actions[t - 1])
                moved.append((table, table[at][action], p * chance, seen))
            total = sum(p for _, _, p, _ in moved)
            live = []
            for table, at, p, seen in moved:
                if at in seen:
                    found[b, t, seen[at]] += p / total
                    if seen[at] == symbol:
                        live.append((table, at, p / total, seen))
                else:
                    found[b, t] += p / total / n_symbols
                    live.append((table, at, p / total / n_symbols, {**seen, at: symbol}))
    return found


@pytest.mark.parametrize(
    ("family", "sizes", "straight"), [("family", (2, 3), 0.0), ("grid", (2, 3), 0.5)]
)
def test_its_predictions_are_those_of_a_count(family, sizes, straight):
    generator = torch.Generator().manual_seed(1)
    walking = WalkSettings(straight)
    walks = draw_walks(named(family), 6, 30, 5, generator, walking, sizes)
    worlds = [named(family).make(size, generator) for size in sizes]
    found = observe(walks, worlds, 5, walking).double().exp()
    torch.testing.assert_close(found, counted(walks, worlds, 5, straight), atol=1e-6, rtol=1e-5)


def test_on_a_lattice_known_places_are_foreseen_for_certain():
    generator = torch.Generator().manual_seed(0)
    walks = draw_walks(named("grid"), 8, 60, 45, generator, sizes=(5,))
    logits = observe(walks, [rectangle(5)], 45)
    found = accuracy(logits.argmax(-1) == walks.symbols, novelty(walks))
    assert found.known == 1.0
    torch.testing.assert_close(logits.logsumexp(-1), torch.zeros(8, 60), atol=1e-5, rtol=0)


def test_what_it_cannot_judge_is_refused():
    walks = draw_walks(named("grid"), 2, 9, 45, torch.Generator().manual_seed(0), sizes=(5,))
    with pytest.raises(MapError, match="one world or more"):
        observe(walks, [], 45)
    with pytest.raises(MapError, match="symbol of its own"):
        observe(walks, [laps(4)], 45)
    with pytest.raises(MapError, match="possible in none"):
        observe(walks, [rectangle(2)], 45)
