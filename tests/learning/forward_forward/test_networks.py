"""What every network that learns by itself must do: keep graphs inside a layer, and learn."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from unfrozen.data.images import images
from unfrozen.errors import LearningError
from unfrozen.learning.forward_forward import (
    ContrastiveLayer,
    FitSettings,
    ForwardForward,
    GoodnessLayer,
    LocalNetwork,
    TopDown,
    contrastive,
    convolutional,
    dense,
    fit,
    mono_forward,
)
from unfrozen.learning.forward_forward.contrastive import contrastive_loss


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Name -> a network on 8 x 8 digits, and whether it is given rows or pictures.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "symmetric": (lambda: dense([64, 60, 60, 60], 10), (64,)),
    "threshold": (lambda: dense([64, 60, 60, 60], 10, loss="threshold"), (64,)),
    "wrong": (lambda: dense([64, 60, 60, 60], 10, negatives="wrong"), (64,)),
    "convolutional": (lambda: convolutional((1, 8, 8), [12, 24], 10, kernel=3), (1, 8, 8)),
    "hybrid": (lambda: dense([64, 60, 60, 60], 10, negatives="hybrid"), (8, 8)),
    "convolutional, hybrid": (
        lambda: convolutional((1, 8, 8), [12, 24], 10, kernel=3, negatives="hybrid"),
        (1, 8, 8),
    ),
    "recurrent": (lambda: TopDown([64, 60, 60], 10), (64,)),
    "contrastive": (lambda: contrastive([64, 60, 60, 60], 10), (64,)),
    "mono-forward": (lambda: mono_forward([64, 60, 60, 60], 10), (64,)),
}


def _data(shape: tuple[int, ...], n: int | None = None) -> tuple[Tensor, Tensor]:
    digits = images("digits")
    return digits.train[:n].float().view(-1, *shape) / 16, digits.train_classes[:n]


def _leaves(root: Tensor) -> set[int]:
    """The tensors that a graph ends at."""
    found, left, seen = set(), [root.grad_fn], set()
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        left += [before for before, _ in node.next_functions]
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_no_graph_spans_two_layers(name, monkeypatch):
    make, shape = NETWORKS[name]
    network = make()
    owner = {}
    for path, parameter in network.named_parameters():
        part = path.split(".")
        # Of the recurrent form, what goes up and what comes down into one layer belong together.
        owner[id(parameter)] = part[1] if part[0] in ("layers", "up", "down") else part[0]
    seen: list[set[str]] = []

    def noted(self: Tensor) -> None:
        seen.append({owner[leaf] for leaf in _leaves(self)})
        backward(self)

    backward = Tensor.backward
    monkeypatch.setattr(Tensor, "backward", noted)
    samples, classes = _data(shape, 20)
    network.accumulate(samples.requires_grad_(), classes, _generator())
    assert {len(layers) for layers in seen} == {1}
    assert set.union(*seen) == set(owner.values())
    assert samples.grad is None
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("name", ["symmetric", "mono-forward", "convolutional"])
def test_what_is_above_does_not_change_what_is_learnt_below(name):
    make, shape = NETWORKS[name]
    samples, classes = _data(shape, 20)
    grads = []
    for changed in (False, True):
        network = make()
        if changed:
            for parameter in network.layers[-1].parameters():
                nn.init.normal_(parameter, generator=_generator(9))
        network.accumulate(samples, classes, _generator())
        grads.append([p.grad for p in network.layers[0].parameters()])
    for one, other in zip(*grads, strict=True):
        assert torch.equal(one, other)


def test_a_layers_gradient_is_that_of_its_own_loss():
    network = dense([6, 5, 4], 2).double()
    samples = torch.randn(8, 6, generator=_generator(), dtype=torch.float64)
    false = torch.randn(8, 6, generator=_generator(1), dtype=torch.float64)
    network.contrast(samples, false)
    below, layer = network.layers[0], network.layers[1]
    assert isinstance(layer, GoodnessLayer)
    with torch.no_grad():
        given = below(torch.cat([samples, false]))
        weight, step = layer.module.weight, 1e-6
        for i, j in ((0, 0), (3, 4), (2, 1)):
            ends = []
            for side in (step, -step):
                layer.usual.fill_(0.5)
                weight[i, j] += side
                above = layer(given)
                ends.append(float(layer.loss(above[:8], above[8:])))
                weight[i, j] -= side
            slope = (ends[0] - ends[1]) / (2 * step)
            assert float(weight.grad[i, j]) == pytest.approx(slope, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_digits(name):
    make, shape = NETWORKS[name]
    network = make()
    history = fit(network, *_data(shape), FitSettings(epochs=8, batch=50, rate=3e-3))
    assert history[-1].losses[-1] < history[0].losses[-1]
    digits = images("digits")
    asked = digits.test.float().view(-1, *shape) / 16
    by = {"by": "classifier"} if "hybrid" in name else {}
    missed = (network.predict(asked, **by) != digits.test_classes).double().mean()
    # Other people wrote these.  Chance misses 0.9, scikit-learn's logistic regression 0.10.
    assert float(missed) <= (0.3 if "hybrid" in name else 0.2)


def test_training_is_the_same_for_the_same_seed():
    runs = []
    for _ in range(2):
        network = dense([64, 20, 20], 10)
        fit(network, *_data((64,), 200), FitSettings(epochs=2, seed=3))
        runs.append(network.state_dict())
    assert all(torch.equal(runs[0][k], runs[1][k]) for k in runs[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_global_generator_is_left_alone(name):
    make, shape = NETWORKS[name]
    before = torch.get_rng_state()
    network = make()
    fit(network, *_data(shape, 40), FitSettings(epochs=1, batch=20))
    network.predict(_data(shape, 5)[0], **({"by": "classifier"} if "hybrid" in name else {}))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_comes_back_from_its_state():
    network = dense([64, 20, 20], 10)
    fit(network, *_data((64,), 200), FitSettings(epochs=1))
    again = dense([64, 20, 20], 10, generator=_generator(5))
    again.load_state_dict(network.state_dict())
    asked = images("digits").test[:50].float().flatten(1) / 16
    assert torch.equal(again.scores(asked), network.scores(asked))


def test_two_ways_of_asking_agree_on_most():
    network = dense([64, 60, 60, 60], 10)
    fit(network, *_data((64,)), FitSettings(epochs=3, batch=50, rate=3e-3))
    asked = images("digits").test.float().flatten(1) / 16
    same = network.predict(asked) == network.predict(asked, "classifier")
    assert float(same.double().mean()) > 0.85


def test_networks_live_where_their_weights_are():
    network = dense([64, 8, 8], 10).to("meta")
    assert network.predict(torch.zeros(3, 64, device="meta")).shape == (3,)
    assert mono_forward([64, 8], 10).to("meta").logits(torch.zeros(3, 64, device="meta")).shape == (
        1,
        3,
        10,
    )


def test_settings_that_make_no_sense_are_refused(unchecked):
    for make in (
        lambda: dense([64], 10),
        lambda: dense([64, 8], 1),
        lambda: ForwardForward([nn.Linear(64, 8)], 10, 8),
        lambda: dense([64, 8], 10, loss="hinge"),
        lambda: dense([64, 8], 10, negatives="soft"),
        lambda: dense([64, 8], 10, sharpness=0.0),
        lambda: mono_forward([64], 10),
        lambda: LocalNetwork([]),
        lambda: ContrastiveLayer(nn.Linear(4, 4), 4, 2, _generator(), naming=0.0),
        lambda: TopDown([64], 10),
        lambda: TopDown([64, 8], 10, scored=(9,)),
        lambda: TopDown([64, 8], 10, keep=1.0),
        lambda: convolutional((1, 8, 8), [4] * 5, 10),
        lambda: FitSettings(epochs=0),
        lambda: dense([64, 8], 10).predict(torch.zeros(1, 64), "guess"),
        lambda: dense([64, 8], 10, negatives="hybrid").predict(torch.zeros(1, 64)),
        lambda: mono_forward([64, 8], 10).predict(torch.zeros(1, 64), "first"),
        lambda: fit(dense([64, 8], 10), torch.zeros(2, 64), torch.zeros(3, dtype=torch.long)),
    ):
        with pytest.raises(LearningError):
            make()


def test_contrast_is_the_surprise_at_ones_own_class_one_pair_at_a_time():
    states = torch.randn(7, 5, generator=_generator(), dtype=torch.float64)
    classes = torch.tensor([0, 1, 0, 2, 1, 0, 3])
    unit = states / states.norm(dim=1, keepdim=True)
    each = []
    for i in range(7):
        others = [j for j in range(7) if j != i]
        total = sum(torch.exp(unit[i] @ unit[j] / 0.2) for j in others)
        peers = [j for j in others if classes[j] == classes[i]]
        pairs = [-torch.log(torch.exp(unit[i] @ unit[j] / 0.2) / total) for j in peers]
        each.append(sum(pairs) / len(pairs) if pairs else torch.zeros((), dtype=torch.float64))
    found = contrastive_loss(3 * states, classes, 0.2)
    torch.testing.assert_close(found, torch.stack(each).mean())


def test_a_layer_of_ones_own_making_learns_to_contrast():
    layer = ContrastiveLayer(nn.Linear(64, 16), 16, 10, _generator())
    before = layer.states.weight.detach().clone()
    fit(LocalNetwork([layer]), *_data((64,), 100), FitSettings(epochs=2, batch=20))
    assert float((layer.states.weight.detach() - before).abs().max()) > 1e-3


def test_a_single_image_that_is_left_joins_the_batch_before(monkeypatch):
    network, sizes = dense([64, 8, 8], 10, negatives="hybrid"), []
    accumulate = network.accumulate
    monkeypatch.setattr(
        network, "accumulate", lambda x, y, g: sizes.append(len(x)) or accumulate(x, y, g)
    )
    fit(network, *_data((8, 8), 41), FitSettings(epochs=1, batch=20))
    assert sizes == [20, 21]


def test_looking_at_a_loss_is_no_learning():
    network = dense([64, 8, 8], 10)
    layer = network.layers[0]
    with torch.no_grad():
        activity = layer(_data((64,), 20)[0])
        first = layer.loss(activity[:10], activity[10:])
        assert layer.loss(activity[:10], activity[10:]) == first
    assert torch.equal(layer.usual, torch.full((8,), 0.5))
