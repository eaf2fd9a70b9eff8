"""What the measurements do on small settings."""

import math

import pytest
import torch

from unfrozen.papers.energy_transformer import (
    COMPLETION,
    _gain,
    anomaly,
    completion,
    descent,
    graphs,
)
from unfrozen.papers.running.context import RunContext


def test_blocks_are_of_one_size():
    sizes = [sum(p.numel() for p in make().parameters()) for make in completion.BLOCKS.values()]
    assert max(sizes) / min(sizes) < 1.03


def test_half_of_the_patches_are_hidden():
    hidden = completion.masks(50, torch.Generator().manual_seed(0))
    assert hidden.sum(1).tolist() == [8] * 50
    assert not torch.equal(hidden[0], hidden[1])


def test_pictures_are_apart():
    parts = completion.digits()
    assert sum(map(len, parts)) == 1797
    assert float(parts[0].std()) == pytest.approx(1, abs=1e-3)


def test_completion_is_compared_and_its_energy_falls(tmp_path, monkeypatch):
    monkeypatch.setattr(completion, "RATES", (3e-3,))
    found = completion.compare(RunContext(tmp_path), 1, 1, 0)
    assert set(found.errors) == set(completion.BLOCKS)
    assert all(0 < e < 2 for errors in found.errors.values() for e in errors)
    for fall in descent.falls(found.model, found.pictures, found.hidden):
        assert fall.steps == 60 * len(found.pictures)
        assert math.isfinite(fall.largest)


def test_neighbours_are_the_nearest():
    features = torch.tensor([[0.0], [1.0], [3.0], [10.0]])
    edges = {tuple(e) for e in anomaly.nearest_neighbours(features, 1).T.tolist()}
    assert edges == {(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)}


def test_averaging_is_that_of_the_matrix():
    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    adjacent = torch.eye(3)
    adjacent[edges[0], edges[1]] = 1
    scale = torch.diag(adjacent.sum(1).rsqrt())
    h = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(anomaly.averaged(h, edges), scale @ adjacent @ scale @ h)


def test_anomalies_and_graphs_are_learned(tmp_path, monkeypatch):
    monkeypatch.setattr(anomaly, "_EPOCHS", 20)
    monkeypatch.setattr(graphs, "_EPOCHS", 15)
    monkeypatch.setattr(graphs, "_FOLDS", 2)
    (found,) = anomaly.compare(RunContext(tmp_path), ("ecoli4",), 1, 0)
    assert (found.nodes, found.anomalies) == (336, 20)
    assert all(0.7 < auc[0] <= 1 for auc in found.auc.values())
    (judged,) = graphs.compare(RunContext(tmp_path), ("MUTAG",), 1, 0)
    assert all(0.5 < accuracy[0] <= 1 for accuracy in judged.accuracy.values())


def test_a_single_seed_proves_nothing():
    alone = _gain(COMPLETION, [0.5], "x")
    assert not alone.holds
    assert alone.deviation is None
    assert _gain(COMPLETION, [0.5, 0.51, 0.49], "x").holds
    assert not _gain(COMPLETION, [0.5, -0.5, 0.1], "x").holds
