"""MeZO: every step against the same sums written out with the noise in hand."""

import math

import pytest
import torch
from tests.learning.zeroth_order.bowl import SHAPES, Bowl, close, drawn
from torch import nn

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order import MeZO


@pytest.mark.parametrize("kind", ["gaussian", "rademacher", "sphere", "low-rank"])
def test_a_step_goes_along_the_noise_by_the_slope_along_it(kind):
    bowl = Bowl()
    before = bowl.copy()
    optimizer = MeZO(bowl.weights.items(), lr=1e-3, noise=kind, clip=None)
    loss = optimizer.step(bowl)
    assert bowl.asked == 2
    z = drawn(0, kind=kind)
    g = bowl.along(z)
    close(bowl, {name: w - 1e-3 * g * z[name] for name, w in before.items()})
    assert loss == pytest.approx(float(bowl.at(before)), rel=1e-9)


def test_samples_are_averaged():
    bowl = Bowl()
    before = bowl.copy()
    MeZO(bowl.weights.items(), lr=1e-3, samples=4, clip=None).step(bowl)
    assert bowl.asked == 8
    noises = [drawn(0, i) for i in range(4)]
    close(
        bowl,
        {n: w - 1e-3 / 4 * sum(bowl.along(z) * z[n] for z in noises) for n, w in before.items()},
    )


def test_one_side_asks_once_a_sample_and_once_at_the_weights():
    bowl = Bowl(bend=0.3)
    before, eps = bowl.copy(), 1e-2
    optimizer = MeZO(bowl.weights.items(), lr=1e-3, eps=eps, samples=3, sides=1, clip=None)
    loss = optimizer.step(bowl)
    assert bowl.asked == 4
    assert loss == pytest.approx(float(bowl.at(before)), rel=1e-9)
    expected = dict(before)
    for i in range(3):
        z = drawn(0, i)
        ahead = bowl.at({n: w + eps * z[n] for n, w in before.items()})
        g = float(ahead - bowl.at(before)) / eps
        expected = {n: w - 1e-3 / 3 * g * z[n] for n, w in expected.items()}
    close(bowl, expected)


def test_the_deviation_of_losses_scales_the_step():
    bowl = Bowl()
    before, eps = bowl.copy(), 1e-2
    settings = {"noise": "rademacher", "samples": 5, "sides": 1, "scale": "deviation"}
    MeZO(bowl.weights.items(), lr=1e-3, eps=eps, clip=None, **settings).step(bowl)
    noises = [drawn(0, i, kind="rademacher") for i in range(5)]
    slopes = torch.tensor([bowl.along(z) for z in noises], dtype=torch.float64)
    spread = float((eps * slopes).std())
    moved = {n: sum(g * z[n] for g, z in zip(slopes, noises, strict=True)) / 5 for n in SHAPES}
    close(bowl, {n: w - 1e-3 / spread * moved[n] for n, w in before.items()})


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"momentum": 0.8}, lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.8)),
        ({"betas": (0.9, 0.99)}, lambda p: torch.optim.Adam(p, lr=1e-3, betas=(0.9, 0.99))),
    ],
    ids=["momentum", "adam"],
)
def test_moments_are_those_of_torch_while_the_window_holds_all(settings, reference):
    bowl = Bowl()
    beside = {name: nn.Parameter(w) for name, w in bowl.copy().items()}
    optimizer = MeZO(bowl.weights.items(), lr=1e-3, window=100, clip=None, **settings)
    theirs = reference(beside.values())
    for step in range(12):
        optimizer.step(bowl)
        z = drawn(step)
        g = bowl.along(z)
        for name, parameter in beside.items():
            parameter.grad = g * z[name]
        theirs.step()
    close(bowl, {name: p.detach() for name, p in beside.items()}, tolerance=1e-5)


def test_groups_have_their_own_steps_distances_and_decay():
    bowl = Bowl()
    before = bowl.copy()
    groups = [
        {"params": [("a", bowl.weights["a"])], "lr": 1e-3, "eps": 1e-3, "weight_decay": 0.1},
        {"params": [("b", bowl.weights["b"]), ("c", bowl.weights["c"])], "lr": 2e-3, "eps": 4e-3},
    ]
    MeZO(groups, clip=None).step(bowl)
    z = drawn(0)
    eps = {"a": 1e-3, "b": 4e-3, "c": 4e-3}
    # The loss bends nowhere: half the difference of both sides is the slope along what was added.
    half = sum(eps[n] * float((bowl.slope[n] * z[n]).sum()) for n in SHAPES)
    lr = {"a": 1e-3, "b": 2e-3, "c": 2e-3}
    expected = {n: w - lr[n] * half / eps[n] * z[n] for n, w in before.items()}
    expected["a"] = expected["a"] - 1e-3 * 0.1 * before["a"]
    close(bowl, expected)


def test_a_scheduler_sets_the_step():
    bowl = Bowl()
    optimizer = MeZO(bowl.weights.items(), lr=1e-3, clip=None)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.0)
    optimizer.step(bowl)
    scheduler.step()
    before = bowl.copy()
    optimizer.step(bowl)
    close(bowl, before, tolerance=1e-9)
    assert optimizer.record.rates[:, 0].tolist() == [1e-3, 0.0]


def test_several_closures_are_one_batch():
    one, parts = Bowl(), Bowl()
    MeZO(one.weights.items(), lr=1e-3).step(one)
    MeZO(parts.weights.items(), lr=1e-3).step([lambda: 0.5 * parts(), lambda: 1.5 * parts()])
    close(parts, one.weights)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_moves_nothing(bad):
    bowl = Bowl()
    before = bowl.copy()
    optimizer = MeZO(bowl.weights.items(), lr=1e-3, weight_decay=0.5)
    optimizer.step(lambda: bad)
    close(bowl, before, tolerance=1e-6)
    assert optimizer.skipped == 1
    optimizer.step(bowl)
    assert optimizer.skipped == 1
    assert not torch.equal(bowl.weights["a"], before["a"])


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("failing", range(4))
def test_a_loss_that_raises_leaves_the_weights_where_they_were(sides, failing):
    bowl = Bowl()
    before = bowl.copy()
    asked = iter(range(9))

    def closure():
        if next(asked) == failing:
            raise ZeroDivisionError
        return bowl()

    optimizer = MeZO(bowl.weights.items(), lr=1e-3, eps=1e-2, samples=3, sides=sides)
    with pytest.raises(ZeroDivisionError):
        optimizer.step(closure)
    close(bowl, before, tolerance=1e-6)
    assert optimizer.steps == 0
    optimizer.step(bowl)
    assert optimizer.steps == 1


def test_workers_that_are_lost_leave_the_weights_where_they_were():
    class Lost:
        def mean(self, losses):
            raise ConnectionError

    for more in (False, True):
        bowl = Bowl()
        optimizer = MeZO(bowl.weights.items(), lr=0.0, eps=0.1)
        optimizer.step(bowl, more=more)
        optimizer.exchange = Lost()
        with pytest.raises(ConnectionError):
            optimizer.step(bowl)
        close(bowl, Bowl().weights, tolerance=1e-5)
        optimizer.exchange = None
        optimizer.step(bowl)
        z = drawn(1)
        assert float(optimizer.record.gradients[1, 0]) == pytest.approx(bowl.along(z), rel=1e-3)


def test_one_side_never_leans_forward():
    bowl, plain = Bowl(), Bowl()
    first, second = (MeZO(b.weights.items(), lr=1e-3, sides=1) for b in (bowl, plain))
    for _ in range(4):
        first.step(bowl, more=True)
        second.step(plain)
    assert torch.equal(first.record.gradients, second.record.gradients)
    assert bool((first.record.gradients != 0).all())


@pytest.mark.parametrize("kind", [{"momentum": 0.9}, {"betas": (0.9, 0.99)}], ids=str)
def test_what_is_not_known_moves_nothing_by_momentum_either(kind):
    bowl = Bowl()
    optimizer = MeZO(bowl.weights.items(), lr=1e-3, scale="rms", **kind)
    for _ in range(12):
        optimizer.step(lambda: 1000 * bowl())
    before = bowl.copy()
    optimizer.step(lambda: math.nan)
    close(bowl, before, tolerance=1e-5)


def test_groups_of_adam_step_alike_whatever_their_distance():
    bowl = Bowl()
    before = bowl.copy()
    groups = [
        {"params": [("a", bowl.weights["a"])], "eps": 1e-3},
        {"params": [("b", bowl.weights["b"]), ("c", bowl.weights["c"])], "eps": 4e-3},
    ]
    MeZO(groups, lr=1e-3, betas=(0.9, 0.99)).step(bowl)
    for name, w in bowl.weights.items():
        # A first step of Adam is as long as its rate.
        torch.testing.assert_close(
            (w - before[name]).abs(), torch.full_like(w, 1e-3), atol=1e-5, rtol=1e-2
        )


def test_a_group_that_is_refused_is_not_there():
    bowl = Bowl()
    optimizer = MeZO([("a", bowl.weights["a"])], lr=1e-3)
    for bad in ({"params": [("b", bowl.weights["b"])], "eps": 0.0},
                {"params": [("a", bowl.weights["c"])]}):  # fmt: skip
        with pytest.raises(LearningError):
            optimizer.add_param_group(bad)
    optimizer.step(bowl)
    assert len(optimizer.record.groups) == 1
    with pytest.raises(LearningError, match="at least one loss"):
        optimizer.step([])


def test_a_slope_far_beyond_the_others_is_cut():
    bowl = Bowl()
    optimizer = MeZO(bowl.weights.items(), lr=0.0, clip=3.0)
    for _ in range(30):
        optimizer.step(bowl)
    usual = optimizer.record.gradients.square().mean().sqrt()
    optimizer.step(lambda: 1e6 * bowl())
    assert abs(optimizer.record.gradients[-1, 0]) < 3.5 * usual


def test_the_root_mean_square_makes_the_scale_of_the_loss_no_matter():
    one, larger = Bowl(), Bowl()
    first, second = (MeZO(b.weights.items(), lr=1e-3, scale="rms") for b in (one, larger))
    for _ in range(15):
        first.step(one)
        second.step(lambda: 1000 * larger())
    close(larger, one.weights, tolerance=1e-5)


def test_dropout_drops_the_same_on_both_sides_and_goes_on_between_steps():
    torch.manual_seed(0)
    seen = []

    def closure():
        seen.append(torch.rand(()).item())
        return torch.tensor(seen[-1])

    optimizer = MeZO([torch.zeros(5)], lr=1e-3, samples=2)
    optimizer.step(closure)
    optimizer.step(closure)
    assert len(set(seen[:4])) == 1
    assert len(set(seen[4:])) == 1
    assert seen[0] != seen[4]


def test_a_network_learns():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(128, 4)
    y = (x[:, :1] - x[:, 1:2]).tanh()
    optimizer = MeZO(model.named_parameters(), lr=1e-2, noise="rademacher", samples=4, scale="rms")
    losses = [optimizer.step(lambda: nn.functional.mse_loss(model(x), y)) for _ in range(150)]
    assert losses[-1] < 0.2 * losses[0]


def test_meta_parameters_take_steps():
    model = nn.Linear(4, 4, device="meta")
    optimizer = MeZO(model.named_parameters(), lr=1e-3)
    assert optimizer.step(lambda: 1.0) == 1.0
    assert model.weight.is_meta


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"eps": 0.0}, "eps is positive"),
        ({"lr": -1.0}, "not negative"),
        ({"samples": 0}, "positive"),
        ({"sides": 3}, "sides 1 or 2"),
        ({"momentum": 1.0}, "momentum"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"betas": (0.9, 0.9), "samples": 2}, "second moments"),
        ({"scale": "deviation"}, "several samples of one side"),
        ({"clip": 0.0}, "clip is positive"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(LearningError, match=told):
        MeZO([torch.zeros(3)], **settings)
