"""Means, intervals and ratios against scipy and closed forms."""

import math
import random

import numpy as np
import pytest
import scipy.stats

from unfrozen.language.evaluation import Estimate, estimate_facts, estimate_state
from unfrozen.language.statistics import bootstrap


def test_the_bootstrap_is_scipys():
    rng = random.Random(0)
    values = [rng.gauss(3, 1) for _ in range(80)]
    ours = bootstrap(values, lambda drawn: math.fsum(drawn) / len(drawn), draws=4000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.02)
    assert ours.high == pytest.approx(theirs.high, abs=0.02)
    assert bootstrap(values, max, seed=1) == bootstrap(values, max, seed=1)
    assert bootstrap([1.0], max) is None


def test_facts_without_a_value_do_not_count_in_its_mean():
    found = estimate_facts(
        [
            {"efficacy_score": 1.0, "paraphrase_score": 0.5, "neighbourhood_score": 1.0, "x": 3.0},
            {"efficacy_score": 1.0, "paraphrase_score": 1.0},
            {"efficacy_score": 0.0},
        ]
    )
    assert found["efficacy_score"].value == pytest.approx(2 / 3)
    assert found["paraphrase_score"].value == 0.75
    assert found["paraphrase_score"].n == 2
    assert found["x"] == Estimate(3.0, None, None, 1)
    s = found["S"]
    assert s.value == pytest.approx(3 / (3 / 2 + 1 / 0.75 + 1 / 1))
    assert s.low <= s.value <= s.high
    assert next(iter(found)) == "S"
    assert "S" not in estimate_facts([{"token_efficacy": 1.0}])
    assert estimate_facts([]) == {}


def test_the_interval_of_a_mean_is_the_normal_one():
    values = [0.0, 1.0, 1.0, 1.0]
    found = estimate_facts([{"names_new": v} for v in values])["names_new"]
    half = scipy.stats.norm.ppf(0.975) * np.std(values, ddof=1) / 2
    assert found.low == pytest.approx(0.75 - half, abs=1e-6)
    assert found.high == pytest.approx(0.75 + half, abs=1e-6)


def test_a_state_is_told_in_units_of_the_base():
    base = {"prose": [(-10.0, 5), (-30.0, 10), (0.0, 0)]}
    state = {
        "prose": [(-11.0, 5), (-32.0, 10), (0.0, 0)],
        "drift": [0.1, 0.5],
        "same_first": [True, False],
        "choice": [True, True, False],
    }
    found = estimate_state(state, base)
    assert found["perplexity"].value == pytest.approx(math.exp(43 / 15))
    assert found["perplexity_ratio"].value == pytest.approx(math.exp(43 / 15) / math.exp(40 / 15))
    # Each text's own ratio is exp(1/5), every draw lies between those of its texts.
    assert found["perplexity_ratio"].low >= math.exp(0.2) - 1e-9
    assert found["perplexity_ratio"].n == 2
    assert (found["drift_mean"].value, found["drift_largest"].value) == (0.3, 0.5)
    assert found["drift_agreement"].value == 0.5
    assert found["choice"].value == pytest.approx(2 / 3)
    assert estimate_state({}, {}) == {}


def test_a_broken_models_perplexity_is_bounded():
    found = estimate_state({"prose": [(-1e9, 5), (-9.0, 2)]}, {"prose": [(-10.0, 5), (-9.0, 2)]})
    assert found["perplexity"].value == 1e9
    assert found["perplexity_ratio"].value == 1e9
