"""The searches that capacity is measured by, against curves whose answer is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unfrozen.papers.hopfield import capacity
from unfrozen.papers.hopfield.capacity import _crossing, _falls_below, linear_fit
from unfrozen.papers.running.context import RunContext


@given(
    x=st.lists(st.floats(-5, 5), min_size=3, max_size=9, unique_by=lambda v: round(v, 2)),
    slope=st.floats(-3, 3),
    seed=st.integers(0, 99),
)
def test_the_line_is_that_of_scipy(x, slope, seed):
    y = [slope * v + math.sin(seed + 7 * v) for v in x]
    found, expected = linear_fit(x, y), stats.linregress(x, y)
    assert found[0] == pytest.approx(expected.slope, abs=1e-6)
    assert found[1] == pytest.approx(expected.intercept, abs=1e-6)
    assert found[2] == pytest.approx(expected.rvalue**2, abs=1e-6)


@given(at=st.integers(2, 50_000), start=st.integers(1, 100_000))
def test_a_crossing_is_found_from_anywhere(at, start):
    found = _crossing(lambda count: count / at, 1.0, start)
    assert found == pytest.approx(at, rel=0.03, abs=1)


def test_a_line_of_points_is_crossed_where_it_falls():
    assert _falls_below([1.0, 2.0, 3.0], [1.0, 0.8, 0.2], 0.5) == pytest.approx(2.5)
    assert math.isnan(_falls_below([1.0, 2.0], [1.0, 0.9], 0.5))


def test_small_networks_show_the_laws(tmp_path):
    context = RunContext(tmp_path)
    overlap, load, _ = capacity.classical(context, 300, (0.08, 0.12, 0.16, 0.20, 0.24), 2, 0)
    assert overlap.y[0] > 0.99
    assert list(overlap.y) == sorted(overlap.y, reverse=True)
    assert 0.11 < load < 0.18
    curve, slope = capacity.dense(context, 3, (40, 80), 3, 0)
    assert curve.y[0] < curve.y[1]
    assert slope == pytest.approx(2, abs=0.5)
    _, growth, r2 = capacity.modern(context, (6, 9, 12), 2, 0)
    assert growth > 0.2
    assert r2 > 0.95
