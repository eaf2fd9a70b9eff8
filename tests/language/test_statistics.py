import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unfrozen.language.statistics import harmonic_mean, mean

numbers = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30)


@given(numbers)
def test_mean_and_interval_are_those_of_scipy(values):
    found = mean(values)
    low, high = stats.norm.interval(0.95, statistics.fmean(values), stats.sem(values) or 1e-300)
    assert found.value == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)
    assert found.n == len(values)


def test_one_value_has_no_interval():
    assert mean([True]) == (1.0, math.inf, 1)


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="nothing"):
        mean([])


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5))
def test_harmonic_mean_is_that_of_the_standard_library(values):
    assert harmonic_mean(values) == pytest.approx(statistics.harmonic_mean(values))


@pytest.mark.parametrize("values", [[], [0.0, 1.0], [-1, 1.0]])
def test_harmonic_mean_of_what_is_not_positive_is_zero(values):
    assert harmonic_mean(values) == 0
