"""Diagnostics against closed forms, scipy, scikit-learn, and worlds that are known."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from tests.world.jepa.dot import held_out, seeded

from unfrozen.errors import WorldError
from unfrozen.world.jepa import (
    Diagnosis,
    Jepa,
    JepaSettings,
    Probe,
    Push,
    crossing,
    diagnose,
    effective_rank,
    r_squared,
    ridge_probe,
    spearman,
    tunnelling,
)


def test_effective_rank_in_closed_form():
    # Centred, orthogonal columns of lengths s: the singular values are s.
    q = torch.linalg.qr(torch.cat([torch.ones(20, 1), torch.randn(20, 4, generator=seeded())], 1)).Q
    for s in ([1.0, 1, 1, 1], [3.0, 1, 0, 0], [5.0, 0, 0, 0], [4.0, 3, 2, 1]):
        p = np.array(s) / sum(s)
        entropy = -sum(x * math.log(x) for x in p if x > 0)
        mixed = (q[:, 1:] * torch.tensor(s)) @ torch.linalg.qr(torch.randn(4, 4)).Q + 7
        assert effective_rank(mixed) == pytest.approx(math.exp(entropy), rel=1e-3)
    assert effective_rank(torch.ones(5, 3)) == 1.0
    with pytest.raises(WorldError, match="two finite samples"):
        effective_rank(torch.ones(1, 3))


@given(arrays(np.float64, (2, 12), elements=st.integers(-5, 5).map(float)))
def test_rank_correlation_is_scipys_with_ties_too(values):
    one, other = torch.from_numpy(values.copy())
    if len(one.unique()) == 1 or len(other.unique()) == 1:
        assert math.isnan(spearman(one, other))
    else:
        assert spearman(one, other) == pytest.approx(stats.spearmanr(*values).statistic)


def test_the_probe_is_ridge_regression_on_what_it_did_not_see():
    x = torch.randn(60, 5, generator=seeded(), dtype=torch.float64) + 3
    y = x @ torch.randn(5, 2, generator=seeded(1), dtype=torch.float64) + 4
    y += torch.randn(60, 2, generator=seeded(2), dtype=torch.float64)
    probe = ridge_probe(x[:40], y[:40], penalty=0.2)
    centred = (x[:40] - x[:40].mean(0)).square()
    theirs = Ridge(alpha=0.2 * float(centred.sum(0).mean())).fit(x[:40], y[:40])
    assert np.allclose(probe(x).numpy(), theirs.predict(x.numpy()))
    expected = r2_score(y[40:], probe(x[40:]), multioutput="variance_weighted")
    assert r_squared(probe(x[40:]), y[40:]) > 0.5
    # Theirs weighs coordinates by their variance, which is ours of all together.
    assert r_squared(probe(x[40:]), y[40:]) == pytest.approx(expected)
    # A collapsed latent can be probed, and tells nothing.
    nothing = ridge_probe(torch.ones(20, 5), y[:20].float())
    assert torch.allclose(nothing(torch.ones(5)), y[:20].float().mean(0), atol=1e-4)


@dataclass(frozen=True)
class Corridor:
    """States are positions; a wall at x = 0, with a door where y is above 0, or air."""

    solid: bool

    def step(self, state, action):
        after = state + action
        blocked = (state[:, 0] < 0) & (after[:, 0] >= 0) & (state[:, 1] <= 0) & self.solid
        return torch.where(blocked[:, None], state, after)


def pushes(y, n=8):
    starts = torch.stack([-torch.rand(n, generator=seeded()) - 0.5, torch.full((n,), y)], 1)
    ahead = torch.tensor([0.5, 0.0]).expand(n, 6, 2)
    return Push(starts, ahead, lambda position: position[:, 0] > 0)


def test_tunnelling_tells_a_wall_from_air():
    see = Probe(torch.eye(2), torch.zeros(2))
    wall, door = pushes(-1.0), pushes(1.0)
    assert tunnelling(Corridor(solid=True), see, wall, door) == (0.0, 1.0)
    assert tunnelling(Corridor(solid=False), see, wall, door) == (1.0, 1.0)
    still = SimpleNamespace(step=lambda state, action: state)
    assert tunnelling(Corridor(solid=False), see, wall, door, through=still) == (1.0, 0.0)
    # A start that is decoded on the far side says nothing.
    starts = wall.starts.clone()
    starts[0, 0] = 1.0
    moved = Push(starts, wall.actions, wall.beyond)
    assert crossing(Corridor(solid=True), moved, see) == 0.0
    with pytest.raises(WorldError, match="turn them round"):
        crossing(Corridor(solid=True), Push(-starts[1:], wall.actions[1:], wall.beyond), see)
    with pytest.raises(WorldError, match="a push and a step"):
        crossing(Corridor(True), Push(starts[:0], wall.actions[:0], wall.beyond), see)


def test_verdicts_name_what_is_wrong():
    def verdict(**more):
        fine = {"deviation": 1.0, "rank": 8.0, "sees": 0.99, "foresees": 0.98}
        probe = Probe(torch.zeros(1, 1), torch.zeros(1))
        return Diagnosis(**{**fine, **more}, error=0.1, order=0.5, probe=probe).verdict

    assert verdict() == "sound"
    assert verdict(foresees=0.5) == "unforeseeing"
    # As measured in a prototype: a static background, and a moving average alone.
    assert verdict(sees=-0.07) == "blind"
    assert verdict(deviation=0.04, rank=8.9, sees=0.867) == "collapsed"
    assert verdict(rank=1.2) == "collapsed"
    assert verdict(sees=math.nan) == "blind"


class Truth(Jepa):
    """A model whose latents are positions times ten, and whose prediction is exact."""

    def __init__(self, positions):
        super().__init__(JepaSettings((1, 12, 12), 2, width=2, channels=(2,), hidden=2))
        self.positions = positions

    def _latents(self, windows):
        return 10 * self.positions

    def step(self, state, action):
        return (state + 20 * action).clamp(10, 100)


def test_a_model_that_is_the_truth_is_sound():
    windows, positions = held_out(20, 8)
    found = diagnose(Truth(positions), windows, positions, seeded(), horizon=5)
    assert found.sees == pytest.approx(1.0, abs=1e-4)
    assert found.foresees == pytest.approx(1.0, abs=1e-4)
    assert found.order == pytest.approx(1.0)
    assert found.deviation == pytest.approx(10 * float(positions.flatten(0, 1).std(0).mean()))
    assert found.verdict == "sound"
    # Where the shortest way is another than the straight one, the order is lower.
    around = diagnose(
        Truth(positions), windows, positions, seeded(), horizon=5,
        distance=lambda a, b: (a - b).abs().sum(-1) + 20 * ((a[:, 0] < 5) != (b[:, 0] < 5)),
    )  # fmt: skip
    assert 0.3 < around.order < 0.95


def test_what_does_not_fit_is_refused(unchecked):
    windows, positions = held_out(4, 6)
    model = Truth(positions)
    with pytest.raises(WorldError, match="four windows or more"):
        diagnose(model, windows, positions[:, :5], seeded(), horizon=3)
    with pytest.raises(WorldError, match="cannot be ranked"):
        spearman(torch.zeros(3), torch.zeros(4))
    with pytest.raises(WorldError, match="as many positions"):
        ridge_probe(torch.zeros(3, 2), torch.zeros(4, 2))
