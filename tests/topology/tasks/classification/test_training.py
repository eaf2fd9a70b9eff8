"""Training: it learns, stops, keeps its best, and repeats itself."""

import pytest
import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.tasks.classification.networks import (
    CellClassifier,
    ComplexClassifier,
    NetworkSettings,
)
from unfrozen.topology.tasks.classification.training import (
    TrainSettings,
    fit,
    mean_and_deviation,
    measure,
)
from unfrozen.topology.tasks.labelled import CellLabelled, Labelled, Parts


def _rings(n=24):
    """Rings whose nodes have one feature, which is larger in the second class."""
    draw = torch.Generator().manual_seed(0)
    found = []
    for i in range(n):
        size = 3 + i % 4 // 2
        ring = [[v, (v + 1) % size] for v in range(size)]
        x = torch.rand(size, 1, generator=draw) + i % 2
        found.append(Complex({1: ring}, features={0: x}))
    return Labelled("rings", tuple(found), torch.arange(n) % 2, "here")


PARTS = Parts(torch.arange(12), torch.arange(12, 18), torch.arange(18, 24))


def _network(seed=0, **more):
    settings = NetworkSettings("gin", width=8, layers=1, **more)
    return ComplexClassifier(settings, {0: 1}, 2, generator=torch.Generator().manual_seed(seed))


def test_it_learns_and_is_left_at_its_best():
    data, network = _rings(), _network()
    settings = TrainSettings(epochs=12, batch_size=4, learning_rate=0.03)
    found = fit(network, data, PARTS, settings, seed=1)
    assert found.test.accuracy == found.validation.accuracy == 1.0
    assert measure(network, data, PARTS.test) == found.test
    assert measure(network, data, PARTS.validation) == found.validation
    assert found.test_curve[found.epoch] == found.test.accuracy
    assert len(found.test_curve) == found.epochs <= 12
    assert not network.training


def test_the_same_seed_is_the_same_training():
    settings = TrainSettings(epochs=3, batch_size=4, learning_rate=0.01)
    before = torch.get_rng_state()
    losses = [
        fit(_network(seed=2), _rings(), PARTS, settings, seed=seed).test.loss for seed in (1, 1, 2)
    ]
    assert losses[0] == losses[1] != losses[2]
    torch.testing.assert_close(torch.get_rng_state(), before)


def test_it_stops_when_the_validation_part_goes_no_better():
    """Nodes that are all alike, and a mean of them, tell nothing of the class."""
    rings = tuple(each.with_features(0, 0 * each.features[0] + 1) for each in _rings().complexes)
    data = Labelled("alike", rings, _rings().classes, "here")
    ended = TrainSettings(epochs=40, patience=2, learning_rate=1e-3)
    found = fit(_network(readout="mean"), data, PARTS, ended)
    assert found.epochs < 40
    assert found.epochs - 1 - found.epoch == 2
    on = TrainSettings(epochs=6, patience=None, learning_rate=1e-3)
    assert fit(_network(readout="mean"), data, PARTS, on).epochs == 6


def test_classes_of_cells():
    """Whether an edge is the odd one out, which its ends' features say."""
    draw = torch.Generator().manual_seed(0)
    complexes, targets = [], []
    for i in range(16):
        n = 4 + i % 3
        x = torch.randint(2, (n, 1), generator=draw).float()
        path = [[v, v + 1] for v in range(n - 1)]
        complexes.append(Complex({1: path}, features={0: x}))
        targets.append(((x[1:] + x[:-1]).ravel() == 1).long())
    data = CellLabelled("odd", tuple(complexes), 1, tuple(targets), 2, "here")
    settings = NetworkSettings("gin", width=8, layers=1)
    network = CellClassifier(
        settings, {0: 1}, 2, rank=1, generator=torch.Generator().manual_seed(0)
    )
    parts = Parts(torch.arange(10), torch.arange(10, 13), torch.arange(13, 16))
    train = TrainSettings(epochs=30, batch_size=5, learning_rate=0.03)
    found = fit(network, data, parts, train)
    assert found.validation.accuracy == 1.0
    answers = torch.cat(targets[13:])
    share = measure(network, data, parts.test).accuracy
    assert share * len(answers) == pytest.approx(round(share * len(answers)))


def test_accuracy_and_loss_of_a_network_that_knows_nothing():
    found = measure(_network(), _rings(), torch.tensor([0, 1, 2]))
    assert found.accuracy == pytest.approx(2 / 3)  # the first class, where all are alike
    assert found.loss == pytest.approx(torch.log(torch.tensor(2.0)).item())


def test_means_and_deviations():
    assert mean_and_deviation([1.0, 2.0, 4.0]) == pytest.approx((7 / 3, (7 / 3) ** 0.5))
    assert mean_and_deviation([2.0]) == (2.0, 0.0)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(TopologyError, match="one epoch or more"):
        TrainSettings(epochs=0)
    data = _rings(24)
    wrong = data.complexes[0].with_features(0, torch.full((3, 1), float("inf")))
    data = Labelled("x", (wrong, *data.complexes[1:]), data.classes, "here")
    with pytest.raises(TopologyError, match="the loss is no number any more"):
        fit(_network(), data, PARTS, TrainSettings(epochs=2))
