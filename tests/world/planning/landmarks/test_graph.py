"""Maps hold what happened, by plain counting."""

import itertools
from collections import Counter, defaultdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.world.planning.landmarks.places import F64, edge_id, grid, mapped

from unfrozen.errors import WorldError
from unfrozen.world.planning.landmarks import build, empty_graph, farthest_points, observe


@given(seed=st.integers(0, 1000), k=st.integers(1, 5))
def test_farthest_points_cover_within_twice_the_best(seed, k):
    points = torch.randn(12, 2, generator=torch.Generator().manual_seed(seed), dtype=F64)
    far = torch.cdist(points, points)
    chosen = farthest_points(points, k)
    assert len(set(chosen.tolist())) == k
    best = min(float(far[list(c)].amin(0).max()) for c in itertools.combinations(range(12), k))
    assert float(far[chosen].amin(0).max()) <= 2 * best + 1e-9


def walks(seed, rows=6, times=40):
    g = torch.Generator().manual_seed(seed)
    steps = torch.randint(-1, 2, (rows, times, 2), generator=g)
    # A little beside whole numbers, so that no two landmarks are equally near.
    return steps.cumsum(1).clamp(-3, 3) + 0.01 * torch.randn(rows, times, 2, generator=g, dtype=F64)


def counted(trajectories, places):
    """Transitions between cells and the steps they took, in plain Python."""
    counts, steps, last = Counter(), defaultdict(list), {}
    for row, way in enumerate(trajectories):
        cells = torch.cdist(way, places).argmin(1).tolist()
        entered = 0
        for t in range(1, len(cells)):
            if cells[t] != cells[t - 1]:
                key = (cells[t - 1], cells[t])
                counts[key] += 1
                steps[key].append(t - entered)
                last[key] = row
                entered = t
    return counts, steps, last


def test_edges_are_the_transitions_that_were_seen():
    trajectories = walks(0)
    graph = build(trajectories, 12, time=5.0)
    counts, steps, last = counted(trajectories, graph.landmarks)
    found = list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    assert sorted(found) == sorted(counts)
    for e, key in enumerate(found):
        a, b = graph.landmarks[list(key)]
        assert int(graph.counts[e]) == counts[key]
        assert float(graph.steps[e]) == pytest.approx(sum(steps[key]) / counts[key])
        assert float(graph.lengths[e]) == pytest.approx(float((a - b).norm()))
        assert int(graph.evidence[e]) == last[key]
    assert set(graph.verified.tolist()) == {5.0}


def test_what_is_seen_later_is_added_and_ids_stay():
    first, second = walks(1), walks(2)
    places = build(torch.cat([first, second]), 15).landmarks
    at_once = observe(empty_graph(places), torch.cat([first, second]), time=0.0)
    early = observe(empty_graph(places), first, time=1.0, evidence=torch.arange(6) + 100)
    later = observe(early, second, time=2.0, evidence=torch.arange(6) + 200)
    assert torch.equal(later.ids[: len(early)], early.ids)
    assert len(set(later.ids.tolist())) == len(later)
    order = (at_once.source * 15 + at_once.target).argsort()
    mine = (later.source * 15 + later.target).argsort()
    assert torch.equal(at_once.counts[order], later.counts[mine])
    torch.testing.assert_close(at_once.steps[order], later.steps[mine])
    seen = counted(second, places)[0]
    for e in range(len(later)):
        again = (int(later.source[e]), int(later.target[e])) in seen
        assert float(later.verified[e]) == (2.0 if again else 1.0)
        assert (int(later.evidence[e]) >= 200) == again
    # What is older than what is known does not change the time of it.
    assert torch.equal(observe(later, first, time=0.5).verified, later.verified)


def test_edges_can_be_taken_out():
    graph, places, number = grid(3, 2)
    made = mapped(graph, places)
    gone = edge_id(made, number[0, 0], number[1, 0])
    less = made.without(gone)
    assert len(less) == len(made) - 1
    assert gone not in less.ids.tolist()
    # Seen anew it is a new edge.
    again = observe(less, places[[number[0, 0], number[1, 0]]][None], time=9.0)
    assert edge_id(again, number[0, 0], number[1, 0]) == made.next_id
    with pytest.raises(WorldError, match="no edge 999"):
        made.without(999)


def test_what_makes_no_map_is_refused(unchecked):
    points = torch.zeros(3, 2)
    with pytest.raises(WorldError, match="4 landmarks"):
        farthest_points(points, 4)
    # Equal points are one landmark.
    assert farthest_points(points, 3).tolist() == [0]
    with pytest.raises(WorldError, match="finite latents"):
        build(points[None] * torch.nan, 1)
    with pytest.raises(WorldError, match="finite latents"):
        empty_graph(points[:0])
    with pytest.raises(WorldError, match="width 2"):
        empty_graph(points).place(torch.zeros(1, 3))
    with pytest.raises(WorldError, match="finite time"):
        observe(empty_graph(points), points[None], time=float("nan"))
    alone = empty_graph(points[:1])
    assert len(observe(alone, points[None], time=0.0)) == 0
    assert len(observe(alone, points[None, :1], time=0.0)) == 0
