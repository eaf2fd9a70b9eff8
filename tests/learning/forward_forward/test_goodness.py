"""Goodness and its losses against PyTorch's own cross-entropy, and what scaling leaves alone."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.learning.forward_forward.goodness import (
    goodness,
    of_one_length,
    peer_loss,
    symmetric_loss,
    threshold_loss,
)


def _draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_goodness_is_the_squared_norm_whatever_the_shape():
    x = _draw(5, 3, 4, 2)
    norms = torch.stack([torch.linalg.vector_norm(one) for one in x])
    torch.testing.assert_close(goodness(x), norms**2)


@given(st.floats(1e-3, 1e3), st.integers(0, 99))
def test_one_length_keeps_the_direction_alone(scale, seed):
    x = _draw(4, 6, seed=seed)
    y = of_one_length(x)
    torch.testing.assert_close(y, of_one_length(scale * x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(goodness(y) / 6, torch.ones(4, dtype=x.dtype), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(F.cosine_similarity(x, y), torch.ones(4, dtype=x.dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_silence_stays_silence(dtype):
    assert not of_one_length(torch.zeros(2, 3, 3, dtype=dtype)).any()
    loud = of_one_length(torch.full((2, 9), 300.0, dtype=dtype))
    torch.testing.assert_close(loud, torch.ones_like(loud))


def test_threshold_loss_is_cross_entropy_of_real_and_false():
    real, false = _draw(7).abs() * 9, _draw(5, seed=1).abs() * 9
    expected = F.binary_cross_entropy_with_logits(
        real - 2, torch.ones_like(real)
    ) + F.binary_cross_entropy_with_logits(false - 2, torch.zeros_like(false))
    torch.testing.assert_close(threshold_loss(real, false, 2.0), expected)
    assert threshold_loss(torch.tensor([1e4]), torch.tensor([0.0]), 5e3).isfinite()


def test_symmetric_loss_is_cross_entropy_of_which_of_two_is_real():
    real, false = _draw(7), _draw(7, seed=1)
    logits = torch.stack([3 * real, 3 * false], 1)
    expected = F.cross_entropy(logits, torch.zeros(7, dtype=torch.long))
    torch.testing.assert_close(symmetric_loss(real, false, 3.0), expected)
    # What both have in common says nothing.
    torch.testing.assert_close(symmetric_loss(real + 5, false + 5, 3.0), expected)


def test_peers_are_the_variance_of_what_is_usual():
    usual, activity = torch.rand(6), torch.rand(9, 6)
    loss, now = peer_loss(usual, activity, 0.9)
    torch.testing.assert_close(now, 0.9 * usual + 0.1 * activity.mean(0))
    torch.testing.assert_close(loss, now.var(correction=0))
    assert float(peer_loss(torch.ones(6), torch.ones(9, 6), 0.9)[0]) == pytest.approx(0)
