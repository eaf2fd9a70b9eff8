"""The optical network from end to end on the small digits that need no fetching."""

import pytest
import torch

from unfrozen.learning.forward_forward import FitSettings
from unfrozen.papers import optical
from unfrozen.papers.optical import learning
from unfrozen.papers.running import runner


@pytest.fixture
def small(monkeypatch):
    size = learning.Size(100, 60, 40, 5, (24,), FitSettings(epochs=8, batch=50), 2, 1)
    monkeypatch.setitem(optical._BUDGETS, "quick", size)
    monkeypatch.setattr(optical, "_SETS", ("digits", "no such set"))
    choices = {"0.01, 4.0": (0.01, 4.0)}
    monkeypatch.setattr(learning, "CHOICES", choices)
    monkeypatch.setattr(optical.telling, "CHOICES", choices)


def test_every_claim_is_measured_and_kept(small, monkeypatch, tmp_path):
    run = runner.run("optical", "quick", out=tmp_path)
    found = {claim.id: claim for claim in run.record.claims}
    assert set(found) == {"optical.convergence", "optical.nonlinear", "optical.between"}
    assert not any(claim.holds for claim in run.record.claims)
    assert "no such set could not be had" in found["optical.convergence"].note
    accuracies, between, numbers = run.outcome.tables
    assert tuple(row[0] for row in accuracies.rows) == learning.TRANSFORMS
    # Eight by eight pixels teach a hundred images to two dozen units and to a linear readout.
    pixels = dict(zip(accuracies.columns, accuracies.rows[0], strict=True))
    assert pixels["24 units"] > 50
    assert pixels["ridge"] > 60
    at = accuracies.columns.index("24 units")
    kerr = next(row[at] for row in accuracies.rows if row[0] == "Kerr fibre")
    best = max(row[at] for row in accuracies.rows if row[0] in learning.DIGITAL)
    assert found["optical.convergence"].value == pytest.approx(kerr - best)
    assert all(10 < row[1] <= 100 for row in between.rows)
    measured = {row[0]: row[1] for row in numbers.rows}
    assert measured["halving, mean (%)"] < 1 < measured["Kerr effect (%)"]
    assert measured["energy error, double precision"] < 1e-12
    assert run.record.flops > 0
    assert len(run.outcome.figures) == 2
    monkeypatch.setattr(optical, "measure", lambda *_, **__: pytest.fail("it was kept"))
    again = runner.run("optical", "quick", out=tmp_path)
    assert [c.value for c in again.record.claims] == [c.value for c in run.record.claims]


def test_no_seed_learns_from_what_settings_are_chosen_on():
    size = learning.Size(50, 10, 30, 10, (8,), FitSettings(epochs=1), 2, 1)
    at, kept = learning._drawn(100, 100, size)
    other, same = learning._drawn(100, 101, size)
    assert torch.equal(kept, same)
    assert len(kept) == 30
    assert set(at.tolist()) != set(other.tolist())
    assert len({*at.tolist(), *kept.tolist()}) == len({*other.tolist(), *kept.tolist()}) == 80


def test_standardised_features_have_no_mean_and_dark_ones_stay_small():
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 9, 1e-9])
    seen, asked = learning._standardised(x + 4, x[:7] + 4)
    assert seen.mean(0).abs().max() < 1e-5
    assert seen.std(0)[:2] == pytest.approx([1, 1], abs=1e-5)
    assert seen[:, 2].abs().max() < 1e-5
    assert torch.equal(asked, seen[:7])


def test_linear_readout_is_exact_where_classes_are_linear():
    classes = torch.arange(400) % 10
    x = torch.nn.functional.one_hot(classes, 10).float()
    assert learning._ridge(x, classes, x[:50], classes[:50]) == 100
    assert learning._ridge(x, classes, x[:50], (classes[:50] + 1) % 10) == 0
