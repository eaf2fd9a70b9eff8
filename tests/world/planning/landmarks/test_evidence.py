"""Evidence: later wins, it fades, and it reaches edges nearby."""

import math

import pytest
import torch
from tests.world.planning.landmarks.places import F64, edge_id, grid, mapped

from unfrozen.errors import WorldError
from unfrozen.world.planning.landmarks import Belief, block, block_edges, clear, observe

BELIEF = Belief(half_life=10.0)


@pytest.fixture
def town():
    graph, places, number = grid(4, 3)
    return mapped(graph, places, time=0.0), places, number


def strength(map_, a, b, now):
    return float(BELIEF.strengths(map_, now)[map_.ids == edge_id(map_, a, b)])


def test_the_later_evidence_wins_and_the_older_fades(town):
    map_, places, _ = town
    a, b = int(map_.source[0]), int(map_.target[0])
    edge = map_.ids[:1]
    shut = block_edges(map_, edge, time=5.0, belief=BELIEF, strength=2.0)
    assert strength(shut, a, b, 5.0) == 2
    assert strength(shut, a, b, 15.0) == pytest.approx(1.0)
    # Once more, on top of what is left.
    twice = block_edges(shut, edge, time=15.0, belief=BELIEF, strength=2.0)
    assert strength(twice, a, b, 25.0) == pytest.approx(1.5)
    opened = observe(shut, places[[a, b]][None], time=6.0)
    assert strength(opened, a, b, 6.0) == 0
    # What was seen before it was locked says nothing.
    stale = observe(shut, places[[a, b]][None], time=4.0)
    assert strength(stale, a, b, 5.0) == 2
    # Locked again, only the new evidence counts.
    again = block_edges(opened, edge, time=7.0, belief=BELIEF, strength=2.0)
    assert strength(again, a, b, 7.0) == 2


def test_evidence_reaches_edges_by_the_kernel(town):
    map_, places, _ = town
    before, after = torch.tensor([[1.2, 1.0]], dtype=F64), torch.tensor([[1.9, 1.1]], dtype=F64)
    shut = block(map_, before, after, time=0.0, belief=BELIEF, strength=2.0, width=0.7)
    for e in range(len(map_)):
        a, b = places[int(map_.source[e])], places[int(map_.target[e])]

        def felt(x, y):
            far = float((x - before[0]).square().sum() + (y - after[0]).square().sum())
            return math.exp(-far / (2 * 0.49))

        expected = 2 * max(felt(a, b), felt(b, a))
        touched = expected > 0.02 * 0.9
        found = float(BELIEF.strengths(shut, 0.0)[e])
        assert found == pytest.approx(expected, rel=1e-6) or (not touched and found == 0)
    # A step through the same place takes all of it away, one far away nothing.
    assert float(clear(shut, before, after, width=0.7).strengths.max()) < 2
    opened = clear(shut, *(places[[int(x)]] for x in shut.ids.new_tensor([4, 7])), width=0.3)
    e = (map_.source == 4) & (map_.target == 7)
    assert float(opened.strengths[e]) == pytest.approx(0.0, abs=1e-9)
    far = clear(shut, places[:1], places[:1], width=0.1)
    torch.testing.assert_close(far.strengths, shut.strengths)


def test_evidence_that_makes_no_sense_is_refused(town, unchecked):
    map_, places, _ = town
    with pytest.raises(WorldError, match="as many"):
        block(map_, places[:1], places[:2], time=0.0)
    with pytest.raises(WorldError, match="width of evidence"):
        block(map_, places[:1], places[:1], time=0.0, width=0.0)
    with pytest.raises(WorldError, match="finite time"):
        block(map_, places[:1], places[:1], time=float("inf"))
    with pytest.raises(WorldError, match="not in the map"):
        block_edges(map_, torch.tensor([999]), time=0.0)
    with pytest.raises(WorldError, match="'hops'"):
        Belief(unit="miles")
    with pytest.raises(WorldError, match="half-life"):
        Belief(half_life=0.0)
