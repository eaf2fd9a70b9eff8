"""The paper on continual learning from end to end on small digits: every claim is measured."""

import pytest

from unfrozen.learning.continual import class_incremental, permuted
from unfrozen.papers import continual
from unfrozen.papers.continual import measuring, shown
from unfrozen.papers.running import runner

SMALL = measuring.Size(seeds=2, per_class=20, per_task=40, per_test=40, tasks=10)


@pytest.fixture
def small(monkeypatch):
    """Streams of the digits that need no fetching."""
    monkeypatch.setitem(measuring.SIZES, "quick", SMALL)
    monkeypatch.setattr(
        measuring,
        "classes",
        lambda seed, size, tasks=5: class_incremental(
            "digits", tasks, seed, per_class=size.per_class
        ),
    )
    monkeypatch.setattr(
        measuring,
        "domains",
        lambda seed, size: permuted("digits", 2, seed, per_task=40, per_test=40),
    )
    monkeypatch.setattr(
        measuring, "hundreds", lambda seed, size: permuted("digits", 10, seed, per_task=20)
    )


def test_every_claim_is_measured_and_a_run_goes_on(small, tmp_path, monkeypatch):
    computed = []
    online = measuring._online

    def killed(entry, seed, size):
        computed.append(entry.learner)
        if len(computed) == 4:
            raise KeyboardInterrupt
        return online(entry, seed, size)

    monkeypatch.setattr(measuring, "_online", killed)
    with pytest.raises(KeyboardInterrupt):
        runner.run("continual", "quick", out=tmp_path / "out")
    run = runner.run("continual", "quick", out=tmp_path / "out")
    # Three were kept; the fourth of six was begun twice.
    assert len(computed) == 7
    found = {claim.id: claim for claim in run.record.claims}
    assert set(found) == {"continual.forgetting", "continual.domains", "continual.plasticity"}
    assert all(claim.value is not None and not claim.holds for claim in found.values())
    classes, domains, plastic = run.outcome.tables
    assert [row[0] for row in classes.rows] == [*measuring.LEARNT, *measuring.BESIDE]
    assert [row[0] for row in domains.rows] == [*measuring.MOVED]
    assert [row[0] for row in plastic.rows] == [*measuring.PLASTIC]
    assert len(run.outcome.figures) == 4
    rows = {row[0]: dict(zip(classes.columns, row, strict=True)) for row in classes.rows}
    assert rows["all at once"]["forgetting (points)"] is None
    assert found["continual.forgetting"].value == rows["hopfield"]["forgetting (points)"]


def run_of(matrix, size):
    return {"matrix": matrix, "before": [0.0, 0.0], "seconds": 1.0, "bytes": size}


@pytest.mark.parametrize(
    ("ours", "size", "full", "holds"),
    [
        ([[0.9, 0.0], [0.88, 0.9]], 10, True, True),
        ([[0.9, 0.0], [0.88, 0.9]], 10, False, False),  # a quick run proves nothing
        ([[0.9, 0.0], [0.88, 0.9]], 11, True, False),  # more memory than replay
        ([[0.9, 0.0], [0.80, 1.0]], 10, True, False),  # forgets ten points
        ([[0.4, 0.0], [0.40, 0.9]], 10, True, False),  # knows less than replay
    ],
)
def test_the_claim_asks_for_all_of_it(ours, size, full, holds):
    replay = [run_of([[0.9, 0.0], [0.7, 0.9]], 10)]
    found = {"hopfield": [run_of(ours, size)], "replay": replay}
    claim = continual._against(continual.FORGETTING, found, full)
    assert claim.holds is holds
    assert claim.value == pytest.approx(100 * (ours[0][0] - ours[1][0]), abs=1e-3)


def test_plasticity_is_lost_from_the_best_tenth_to_the_last():
    falling = {"accuracy": [0.5] * 10 + [0.8] * 2 + [0.6] * 6 + [0.4, 0.5]}
    steady = {"accuracy": [0.5] * 20}
    assert shown.lost(falling) == pytest.approx(35, abs=1e-3)
    assert shown.last(falling) == pytest.approx(45)
    claim = continual._plasticity({"backprop": [falling], "continual backprop": [steady]}, True)
    assert claim.holds
    assert claim.value == pytest.approx(5)
    claim = continual._plasticity({"backprop": [steady], "continual backprop": [falling]}, True)
    assert not claim.holds
