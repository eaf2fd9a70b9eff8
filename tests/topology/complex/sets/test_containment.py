"""Which cells lie within which, against Python's own subsets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.topology.complex import Cells
from unfrozen.topology.complex.sets import containment
from unfrozen.topology.complex.sets.containment import within

# Both ways of looking a node up: cells short enough to be looked through, and longer ones.
SHORT, LONG = (
    st.lists(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True), max_size=15)
    for n in (6, 14)
)


def subsets(inner, outer):
    return [
        (i, j)
        for i, x in enumerate(inner)
        for j, y in enumerate(outer)
        if frozenset(x) < frozenset(y)
    ]


def pairs(inner, outer):
    found = within(Cells.of(inner), Cells.of(outer), 14)
    return list(zip(found.inner.tolist(), found.outer.tolist(), strict=True))


@given(SHORT, SHORT)
def test_short_cells_within_short_ones(inner, outer):
    assert pairs(inner, outer) == subsets(inner, outer)


@given(SHORT, LONG)
def test_short_cells_within_long_ones(inner, outer):
    assert pairs(inner, outer) == subsets(inner, outer)


@given(LONG, LONG)
def test_long_cells_within_long_ones(inner, outer):
    assert pairs(inner, outer) == subsets(inner, outer)


@pytest.mark.parametrize("at_once", [1, 3, 10])
def test_few_candidates_at_a_time_give_the_same(monkeypatch, at_once):
    random = np.random.default_rng(0)
    cells = [random.choice(12, size=size, replace=False).tolist() for size in (2, 3, 5, 9, 1) * 12]
    whole = pairs(cells, cells)
    held = []
    among = containment._among

    def counted(*given):
        held.append(int(given[5].sum()))
        return among(*given)

    monkeypatch.setattr(containment, "_AT_ONCE", at_once)
    monkeypatch.setattr(containment, "_among", counted)
    assert pairs(cells, cells) == whole == subsets(cells, cells)
    # No more than are allowed, or than one cell has.
    assert len(held) > 10
    assert max(held) <= max(at_once, len(cells))


def test_a_common_node_costs_nothing_where_a_rarer_one_tells(monkeypatch):
    # A star of stars: every cell has node 0, and each edge lies in the one triangle of its leaf.
    n = 3000
    leaves = np.arange(1, n + 1)
    zeros = np.zeros_like(leaves)
    edges = Cells.of(np.stack([zeros, leaves], 1))
    triangles = Cells.of(np.stack([zeros, leaves, leaves + n], 1))
    looked = []
    among = containment._among
    monkeypatch.setattr(
        containment, "_among", lambda *g: looked.append(int(g[5].sum())) or among(*g)
    )
    found = within(edges, triangles, 2 * n + 1)
    assert found.inner.tolist() == found.outer.tolist() == list(range(n))
    assert sum(looked) == n
