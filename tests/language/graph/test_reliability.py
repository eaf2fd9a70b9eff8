"""Calibrations against scikit-learn, and against answers whose confidence is known."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from tests.language.graph.hand import answered, graph

from unfrozen.errors import FactError
from unfrozen.language.graph import calibrate, reliability
from unfrozen.language.graph.reliability import fitted_on, measure


@given(
    st.lists(
        st.tuples(st.floats(0, 1).filter(lambda p: (10 * p) % 1 > 1e-9), st.booleans()),
        min_size=2,
        max_size=60,
    ).filter(lambda rows: len({y for _, y in rows}) == 2)
)
def test_bins_and_brier_are_those_of_scikit_learn(rows):
    sure, right = [p for p, _ in rows], [y for _, y in rows]
    found = measure(sure, right)
    share, confidence = calibration_curve(right, sure, n_bins=10)
    assert [b[0] for b in found.bins] == pytest.approx(list(confidence))
    assert [b[1] for b in found.bins] == pytest.approx(list(share))
    assert found.brier == pytest.approx(brier_score_loss(right, sure))
    assert found.accuracy == pytest.approx(np.mean(right))
    numbers = np.histogram(sure, bins=np.linspace(0, 1, 11))[0]
    assert [b[2] for b in found.bins] == [n for n in numbers if n]
    error = (np.abs(share - confidence) * numbers[numbers > 0]).sum() / len(rows)
    assert found.error == pytest.approx(error)


def test_ends_of_the_range_are_in_its_bins():
    found = measure([0.0, 1.0, 1.0], [False, True, False])
    assert found.bins == ((0.0, 0.0, 1), (1.0, 0.5, 2))
    assert found.error == pytest.approx(1 / 3)
    with pytest.raises(FactError, match="as many confidences as outcomes"):
        measure([0.5], [])


def synthetic(n, seed=0, familiarity=False):
    """Answers that are right with a probability that their share hides: its square."""
    rng = random.Random(seed)
    answers = []
    for i in range(n):
        share = rng.uniform(0.05, 0.99)
        shares = {"a": share, "b": (1 - share) * 0.6, "c": (1 - share) * 0.4}
        best = max(shares, key=lambda o: shares[o])
        true = best if rng.random() < shares[best] ** 2 else "none of them"
        more = {"familiarity": rng.random()} if familiarity else {}
        answers.append(answered(f"subject {i}", shares, truth=true, **more))
    return graph(*answers)


@pytest.mark.parametrize("familiarity", [False, True])
def test_calibrated_probabilities_come_true(familiarity):
    raw = synthetic(3000, familiarity=familiarity)
    calibration = calibrate(raw)
    assert calibration is not None
    assert len(calibration.coefficients) == 2 + familiarity
    done = calibration.apply(raw)
    assert done.calibrated
    held = [a for a in done.answers if not fitted_on(a.question)]
    before, after = reliability(raw), reliability(done)
    assert before is not None
    assert after is not None
    assert after.n == len(held)
    assert before.error > 0.15
    assert after.error < 0.04
    assert after.brier < before.brier
    for answer in held[:50]:
        assert answer.confidence == pytest.approx(answer.share**2, abs=0.1)


def test_the_regression_is_that_of_scikit_learn():
    raw = synthetic(400, seed=3)
    calibration = calibrate(raw)
    assert calibration is not None
    fitted = [a for a in raw.answers if fitted_on(a.question)]
    assert calibration.n == len(fitted)

    def logits(answers):
        p = np.array([[a.share, a.probability] for a in answers])
        return np.log(p / (1 - p))

    peer = LogisticRegression(C=10.0, max_iter=1000)
    peer.fit(logits(fitted), [a.right for a in fitted])
    expected = peer.predict_proba(logits(raw.answers))[:, 1]
    assert [a.confidence for a in calibration.apply(raw).answers] == pytest.approx(
        list(expected), abs=1e-5
    )


def test_no_subject_is_on_both_sides():
    rows = [answered("France", {"a": 1.0, "b": 0.1}, relation=r, truth="a") for r in "xyz"]
    sides = {fitted_on(a.question) for a in rows}
    assert len(sides) == 1
    share = sum(fitted_on(a.question) for a in synthetic(1000).answers) / 1000
    assert share == pytest.approx(0.5, abs=0.05)


def test_too_few_answers_calibrate_nothing():
    assert calibrate(synthetic(30)) is None
    right = graph(*(answered(str(i), {"a": 0.9, "b": 0.1}, truth="a") for i in range(200)))
    assert calibrate(right) is None
    unknown = graph(*(answered(str(i), {"a": 0.9, "b": 0.1}) for i in range(200)))
    assert calibrate(unknown) is None
    assert reliability(unknown) is None


def test_a_calibration_is_for_graphs_of_its_kind():
    calibration = calibrate(synthetic(400))
    assert calibration is not None
    with pytest.raises(FactError, match="mark both or none"):
        calibration.apply(synthetic(5, familiarity=True))
    assert calibration.apply(graph()).answers == ()
