"""Log-probabilities of tokens against torch's own softmax, with its gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.language import likelihood
from unfrozen.language.likelihood import token_log_probabilities


def both(logits, tokens, weights):
    """Values and gradients: ours, and those of a softmax of everything."""
    found = []
    for compute in (
        token_log_probabilities,
        lambda x, t: x.float().log_softmax(-1).gather(-1, t[..., None])[..., 0],
    ):
        x = logits.clone().requires_grad_()
        said = compute(x, tokens)
        (gradient,) = torch.autograd.grad((said * weights).sum(), x)
        found.append((said.detach(), gradient))
    return found


@given(
    st.integers(1, 7), st.integers(1, 4), st.integers(2, 50), st.integers(1, 3), st.integers(0, 99)
)
def test_values_and_gradients_are_those_of_a_softmax(rows, times, vocabulary, at_once, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(rows, times, vocabulary, generator=generator)
    tokens = torch.randint(vocabulary, (rows, times), generator=generator)
    weights = torch.randn(rows, times, generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likelihood, "_CPU", 4 * vocabulary * at_once)
        (said, gradient), (expected, slope) = both(logits, tokens, weights)
    assert torch.allclose(said, expected, atol=1e-5)
    assert torch.allclose(gradient, slope, atol=1e-5)


def test_half_precision_is_summed_in_float32():
    logits = (3 * torch.randn(5, 2, 4000, generator=torch.Generator().manual_seed(0))).bfloat16()
    tokens = torch.arange(10).reshape(5, 2)
    (said, gradient), (expected, slope) = both(logits, tokens, torch.ones(5, 2))
    assert said.dtype == torch.float32
    assert gradient.dtype == torch.bfloat16
    assert torch.allclose(said, expected, atol=1e-5)
    assert torch.allclose(gradient.float(), slope.float(), atol=1e-2)


def test_extreme_logits_have_finite_values_and_gradients():
    logits = torch.tensor([[1e4, -1e4, 0.0], [float("-inf"), 0.0, 0.0]])
    (said, gradient), (expected, slope) = both(logits, torch.tensor([1, 2]), torch.ones(2))
    assert torch.equal(said, expected)
    assert torch.allclose(gradient, slope)
