"""Gumbel search improves on its prior, and halves as the paper says."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world.planning.trees.bandits import F64, bandit

from unfrozen.world.planning.trees import GumbelSettings, gumbel
from unfrozen.world.planning.trees.gumbel import completed, halving, select
from unfrozen.world.planning.trees.tree import View


def drawn(seed, rows=200, actions=6):
    g = torch.Generator().manual_seed(seed)
    logits, rewards = (torch.randn(rows, actions, generator=g, dtype=F64) for _ in range(2))
    # The state is worth what the prior gets, as a perfect value network has it.
    return logits, rewards, (logits.softmax(1) * rewards).sum(1), g


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), simulations=st.integers(1, 12), considered=st.integers(1, 6))
def test_the_improved_policy_is_never_worse_than_the_prior(seed, simulations, considered):
    """Danihelka et al. 2022, section 4: exact in completed values, whatever was visited."""
    logits, rewards, value, g = drawn(seed)
    chosen = GumbelSettings(simulations=simulations, considered=considered)
    found = gumbel(*bandit(logits, rewards, value), chosen, generator=g)
    prior = logits.softmax(1)
    before, after = ((p * found.q).sum(1) for p in (prior, found.policy))
    assert bool((after >= before - 1e-9).all())
    if simulations >= 6 == considered:
        # All was visited: the values are the true ones.
        torch.testing.assert_close(found.q, rewards)
        assert bool(((found.policy * rewards).sum(1) >= value - 1e-9).all())


@pytest.mark.parametrize("simulations", [2, 4])
def test_the_action_is_on_average_better_than_the_prior_and_visits_suffice(simulations):
    logits, rewards, value, g = drawn(1, rows=20_000, actions=16)
    chosen = GumbelSettings(simulations=simulations, considered=simulations)
    found = gumbel(*bandit(logits, rewards, value), chosen, generator=g)
    gain = rewards.gather(1, found.action[:, None])[:, 0] - value
    assert float(gain.mean()) > 5 * float(gain.std()) / math.sqrt(20_000)
    # What was drawn was drawn without replacement, each once.
    assert bool((found.visits.sum(1) == simulations).all())


def test_with_one_simulation_actions_are_drawn_from_the_prior():
    logits = torch.tensor([[0.0, 1.0, -1.0, 0.5]], dtype=F64).expand(40_000, 4)
    chosen = GumbelSettings(simulations=1, considered=1)
    found = gumbel(*bandit(logits, torch.zeros(40_000, 4, dtype=F64)), chosen,
                   generator=torch.Generator().manual_seed(0))  # fmt: skip
    shares = torch.bincount(found.action, minlength=4) / 40_000
    torch.testing.assert_close(shares.to(F64), logits[0].softmax(0), atol=0.01, rtol=0)


def test_halving_follows_the_paper():
    # 50 simulations are less than 16 for each of 4 phases, so each action has one at first.
    assert halving(16, 50)[:16] == [0] * 16
    assert halving(1, 4) == [0, 1, 2, 3]
    assert halving(2, 5) == [0, 0, 1, 1, 2]
    # Figure 1 of the paper: 4 phases for 16 actions and 200 simulations, 50 each.
    schedule = halving(16, 200)
    counts = [schedule.count(k) for k in range(max(schedule) + 1)]
    assert counts[:3] == [16, 16, 16]
    assert counts[3:9] == [8] * 6
    assert counts[9:21] == [4] * 12
    assert set(counts[21:]) == {2}
    for considered in range(1, 9):
        for n in range(1, 40):
            assert len(halving(considered, n)) == n


def test_values_are_completed_by_the_mixed_one():
    view = View(
        torch.tensor([[0.2, 0.3, 0.5]], dtype=F64).log(),
        torch.tensor([[2.0, 1.0, 0.0]], dtype=F64),
        torch.tensor([[4.0, -1.0, 0.0]], dtype=F64),
        torch.tensor([9.0], dtype=F64),
        torch.tensor([0.6], dtype=F64),
        torch.ones(1, 3, dtype=torch.bool),
    )
    mixed = (0.6 + 3 * (0.2 * 4 + 0.3 * -1) / 0.5) / 4
    assert completed(view)[0].tolist() == pytest.approx([4.0, -1.0, mixed])


def test_below_the_root_visits_follow_the_improved_policy():
    """Where values say nothing, visits come as near to the prior as whole numbers can."""
    logits = torch.randn(1, 5, generator=torch.Generator().manual_seed(0), dtype=F64)
    chosen = GumbelSettings(scale=0.0)
    visits, one = torch.zeros(1, 5, dtype=F64), torch.ones(1, dtype=F64)
    for n in range(1, 101):
        visits[0, int(select(View(logits, visits, visits, one, one, visits >= 0), chosen))] += 1
        assert float((visits - n * logits.softmax(1)).abs().max()) <= 1.5
