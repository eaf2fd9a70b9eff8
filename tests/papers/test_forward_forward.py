"""The comparison of local rules from end to end on a few digits, and bytes that graphs keep."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from unfrozen.learning.forward_forward import FitSettings, mono_forward
from unfrozen.papers import forward_forward
from unfrozen.papers.forward_forward.kept import bytes_kept
from unfrozen.papers.forward_forward.networks import NETWORKS
from unfrozen.papers.running import runner


def test_every_network_is_trained_and_asked(monkeypatch, tmp_path):
    size = forward_forward._Budget(300, 400, 32, 2, FitSettings(epochs=2), 2, 1)
    monkeypatch.setitem(forward_forward._BUDGETS, "quick", size)
    run = runner.run("forward-forward", "quick", out=tmp_path)
    found = {claim.id: claim for claim in run.record.claims}
    assert set(found) == {"forward-forward.error", "forward-forward.best-local-error"}
    assert not any(claim.holds for claim in run.record.claims)
    # Better than chance after six steps, and no figure of a trained network.
    assert all(2 < claim.value < 95 and claim.deviation >= 0 for claim in found.values())
    errors, kept = run.outcome.tables
    assert {row[0] for row in errors.rows} == set(NETWORKS)
    assert {row[4] for row in errors.rows if row[0] == "mono-forward"} == {2}
    assert {row[0] for row in kept.rows} == {*NETWORKS, "backpropagation, four parts"}
    shares = {row[0]: row[2] for row in kept.rows}
    assert shares["backpropagation"] == 1
    assert shares["mono-forward"] < 1
    assert shares["backpropagation, four parts"] < 0.5
    assert run.record.flops > 0
    # What was computed is not computed again.
    monkeypatch.setattr(forward_forward, "_train", lambda *_: pytest.fail("it was kept"))
    again = runner.run("forward-forward", "quick", out=tmp_path)
    assert [c.value for c in again.record.claims] == [c.value for c in run.record.claims]


def test_bytes_kept_are_those_of_activations():
    # Of two linear layers with a ReLU between, a graph keeps the input and the ReLU's output,
    # which the ReLU and the second layer share; the loss keeps its log-probabilities and classes.
    network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    x, y = torch.rand(32, 8), torch.zeros(32, dtype=torch.long)
    found = bytes_kept(lambda: F.cross_entropy(network(x), y).backward(), network)
    activations = 4 * 32 * (8 + 16 + 4) + 8 * 32
    assert activations <= found <= activations + 64


def test_local_layers_keep_one_layer_at_a_time():
    x, y = torch.rand(32, 64), torch.zeros(32, dtype=torch.long)
    kept = []
    for layers in (2, 6):
        network = mono_forward([64] * (layers + 1), 10)
        kept.append(bytes_kept(lambda n=network: n.accumulate(x, y), network))
    assert kept[0] == kept[1]
    assert kept[0] > 4 * 32 * 64
