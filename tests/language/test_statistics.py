import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unfrozen.language.statistics import average_indirect_effects, harmonic_mean, mean
from unfrozen.language.tracing import Trace

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


def traced(effects, subject_span):
    effects = {"mlp": torch.tensor(effects, dtype=torch.float32)}
    tokens = tuple("abcdefgh"[: len(effects["mlp"])])
    return Trace(
        prompt="".join(tokens), subject="b", answer="x", tokens=tokens, subject_span=subject_span,
        clean=1.0, corrupted=0.0, corrupted_samples=(0.0,), effects=effects, spread=effects,
        sigma=0.1, window=1, seed=0,
    )  # fmt: skip


def test_effects_are_averaged_by_role_and_layer():
    one = traced([[0, 0], [1, 2], [3, 4], [5, 6], [7, 8]], (1, 3))
    other = traced([[0, 0], [9, 9], [3, 5], [1, 1], [2, 3]], (1, 2))
    found = average_indirect_effects([one, other], "mlp")
    values = {place: [m.value for m in means] for place, means in found.items()}
    assert values == {
        "first subject token": [1, 2],  # a subject of one token has no first beside its last
        "middle subject tokens": [],
        "last subject token": [6, 6.5],
        "first token after": [4, 5.5],
        "later tokens": [1, 1],
        "last token": [4.5, 5.5],
    }
    assert [m.n for m in found["last token"]] == [2, 2]
    assert list(average_indirect_effects([one], "mlp", ["last token"])) == ["last token"]
