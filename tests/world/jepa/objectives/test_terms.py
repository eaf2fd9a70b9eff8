"""Terms against formulas of numpy written from the papers, and where gradients flow."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from unfrozen.errors import WorldError
from unfrozen.world.jepa.objectives import (
    ahead,
    covariance,
    follow,
    inverse_dynamics,
    place,
    prediction,
    starts,
    time_similarity,
    variance,
)


def latents(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_vicreg_is_the_papers_formula():
    z = latents(3, 20, 6) * torch.tensor([0.1, 0.5, 0.9, 1.1, 2.0, 0.0], dtype=torch.float64)
    v, c = [], []
    for group in z.numpy():
        v.append(np.mean(np.maximum(0, 1 - np.sqrt(group.var(0, ddof=1) + 1e-4))))
        matrix = np.cov(group.T)
        # Equation 4 divides by d; ours is a mean over pairs.
        papers = (matrix**2)[~np.eye(6, dtype=bool)].sum() / 6
        c.append(papers / 5)
    assert float(variance(z)) == pytest.approx(np.mean(v))
    assert float(covariance(z)) == pytest.approx(np.mean(c))


def test_variance_pulls_a_collapsed_feature_apart():
    z = (1e-3 * latents(8, 2)).requires_grad_()
    variance(z).backward()
    # Down the gradient, samples leave their mean.
    away = (z - z.mean(0)).detach()
    assert float(-(z.grad * away).sum()) > 0
    assert bool(torch.isfinite(z.grad).all())
    assert float(variance(torch.zeros(8, 2))) == pytest.approx(0.99)


@given(st.integers(2, 20), st.integers(1, 8), st.integers(1, 5))
def test_pieces_are_those_of_a_loop(steps, horizon, stride):
    z, a = latents(2, steps, 3), latents(2, steps - 1, 2, seed=1)
    if steps <= horizon:
        with pytest.raises(WorldError, match="longer window"):
            starts(steps, horizon, stride)
        return
    first = starts(steps, horizon, stride)
    assert list(first) == [s for s in range(0, steps, stride) if s + horizon < steps]
    targets, actions = ahead(z, horizon, stride, 1), ahead(a, horizon, stride, 0)
    assert targets.shape == (2, len(first), horizon, 3)
    for i, s in enumerate(first):
        assert torch.equal(targets[:, i], z[:, s + 1 : s + 1 + horizon])
        assert torch.equal(actions[:, i], a[:, s : s + horizon])


def test_prediction_is_a_mean_square_and_its_gradient_goes_where_it_may():
    one, other = latents(2, 3, 4, 5).requires_grad_(), latents(2, 3, 4, 5, seed=1).requires_grad_()
    loss = prediction(one, other)
    assert loss.item() == pytest.approx(((one - other) ** 2).detach().numpy().mean())
    loss.backward()
    assert torch.allclose(one.grad, -other.grad)
    other.grad = None
    prediction(one, other.detach()).backward()
    assert other.grad is None


def test_similarity_and_inverse_dynamics_by_hand():
    z = torch.tensor([[[0.0, 0.0], [1.0, 2.0], [1.0, 4.0]]])
    assert float(time_similarity(z)) == pytest.approx((1 + 4 + 0 + 4) / 4)
    a = torch.tensor([[[1.0], [3.0]]])
    assert float(inverse_dynamics(torch.zeros(1, 2, 1), a)) == pytest.approx(5.0)


def test_a_moving_average_by_hand():
    slow, fast = (
        [torch.tensor([1.0, 2.0]), torch.tensor([[4.0]])],
        [torch.zeros(2), torch.ones(1, 1)],
    )
    for _ in range(3):
        follow(slow, fast, 0.5)
    assert slow[0].tolist() == [0.125, 0.25]
    assert slow[1].tolist() == [[1 + 3 * 0.125]]
    follow(slow, fast, 1.0)
    assert slow[0].tolist() == [0.125, 0.25]
    with pytest.raises(WorldError, match="share of 0 to 1"):
        follow(slow, fast, 1.5)


def test_what_has_no_statistic_is_refused():
    with pytest.raises(WorldError, match="two samples"):
        variance(torch.zeros(1, 3))
    with pytest.raises(WorldError, match="two or more"):
        covariance(torch.zeros(4, 1))


def test_where_a_map_is_asked_is_compared_as_scipy_compares_distributions():
    generator = torch.Generator().manual_seed(5)
    looked, active = (
        torch.rand(3, 4, 9, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    looked, active = (x / x.sum(-1, keepdim=True) for x in (looked, active))
    expected = np.mean(
        [
            scipy_entropy(p, q)
            for p, q in zip(active.view(-1, 9).numpy(), looked.view(-1, 9).numpy(), strict=True)
        ]
    )
    assert float(place(looked, active, eps=1e-12)) == pytest.approx(expected, rel=1e-6)
    assert float(place(active, active)) == pytest.approx(0, abs=1e-12)
    # Where nothing is seen, nothing is asked of the attention.
    assert float(place(looked, torch.zeros_like(active))) == 0
    sharp = torch.zeros(1, 1, 9, dtype=torch.float64)
    sharp[..., 4] = 1
    assert torch.isfinite(place(sharp.roll(1, -1), sharp))
