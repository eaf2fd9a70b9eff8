"""Visits of PUCT, against a bandit in plain Python."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world.planning.trees.bandits import F64, bandit

from unfrozen.world.planning.trees import PuctSettings, puct


def reference(prior, rewards, simulations, first, second):
    """Schrittwieser et al. 2020, appendix B, for one state whose actions end the episode."""
    visits = [0] * len(prior)
    returns = [0.0]  # The root's own value.
    for _ in range(simulations):
        own = sum(returns) / len(returns)
        seen = [r for r, n in zip(rewards, visits, strict=True) if n]
        low, high = min([own, *seen]), max([own, *seen])
        n = sum(visits)
        c = first + math.log((n + second + 1) / second)
        scores = []
        for p, r, k in zip(prior, rewards, visits, strict=True):
            q = (r - low) / (high - low) if k and high > low else 0.0
            scores.append(q + c * p * math.sqrt(n) / (1 + k) if n else p)
        action = max(range(len(prior)), key=lambda a: scores[a])
        visits[action] += 1
        returns.append(rewards[action])
    return visits, sum(returns) / len(returns)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 10_000), actions=st.integers(2, 8), second=st.sampled_from([19652.0, 5.0])
)
def test_a_bandit_is_visited_as_in_the_reference(seed, actions, second):
    g = torch.Generator().manual_seed(seed)
    logits, rewards = (torch.randn(3, actions, generator=g, dtype=F64) for _ in range(2))
    found = puct(*bandit(logits, rewards), PuctSettings(simulations=50, second=second))
    for row in range(3):
        visits, value = reference(
            logits[row].softmax(0).tolist(), rewards[row].tolist(), 50, 1.25, second
        )
        assert found.visits[row].tolist() == visits
        assert abs(float(found.value[row]) - value) < 1e-9
        assert found.policy[row].tolist() == [n / 50 for n in visits]
