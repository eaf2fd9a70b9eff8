"""What the measurements do on small settings."""

import pytest
import torch

from unfrozen.papers.hopfield import bags, reading, retrieval, tables
from unfrozen.papers.hopfield.tables import TableResult, mean_ranks
from unfrozen.papers.running.context import RunContext


def test_separated_patterns_are_within_their_bound():
    found = retrieval.one_step(64, 200, 1.0, 0)
    assert found.separated > 0.9
    assert found.error < 1e-3
    assert found.ratio <= 1


def test_crowded_patterns_do_not_meet_the_condition():
    assert retrieval.one_step(4, 500, 0.1, 0).separated == 0


def test_one_step_is_attention():
    assert retrieval.attention_gap(0) <= 1e-6


@pytest.mark.parametrize("make", [bags.HopfieldBags, bags.AttentionBags])
def test_what_pads_a_bag_does_not_count(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make(5).eval()
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(3, 5, generator=generator), torch.randn(7, 5, generator=generator)
    together = model(*bags._padded([one, other]))
    torch.testing.assert_close(together[:1], model(*bags._padded([one])))
    torch.testing.assert_close(together[1:], model(*bags._padded([other])))


def test_bags_are_learned(tmp_path, monkeypatch):
    monkeypatch.setattr(bags, "_EPOCHS", 8)
    (found,) = bags.compare(RunContext(tmp_path), ("musk1",), 1, 0)
    assert found.hopfield > 0.7
    assert found.attention > 0.7
    assert found.forest > 0.8


def test_tables_are_learned_and_ranked(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_EPOCHS", 20)
    monkeypatch.setattr(tables, "_CHOICES", ((16, 1.0),))
    (found,) = tables.compare(RunContext(tmp_path), ("iris",), 0)
    assert min(found.accuracy) > 0.75
    results = [
        TableResult("a", (0.9, 0.8, 0.8, 0.7)),
        TableResult("b", (0.5, 0.6, 0.7, 0.8)),
    ]
    assert results[0].ranks == (1, 2.5, 2.5, 4)
    assert mean_ranks(results) == {"Hopfield": 2.5, "random forest": 2.75, "SVM": 2.25, "MLP": 2.5}


def test_readings_are_timed_and_exact(monkeypatch):
    monkeypatch.setattr(reading, "_ROUNDS", 1)
    found = reading.measure(20_000, 8, 0, clustered=True)
    assert found.error < 1e-6
    assert found.recall is not None
    assert found.recall >= 0.9
    assert min(found.softmax, found.ours, found.plain, found.index) > 0
