"""Mode 1 learns what Mode 2 does, and answers in one pass."""

import numpy as np
import pytest
import torch
from tests.agent.latent.points import Points

from unfrozen.agent.latent import DistillSettings, Thinker, distill
from unfrozen.agent.latent.distilling import LatentPolicy, Quick
from unfrozen.errors import AgentError
from unfrozen.world.environments import evaluate, make
from unfrozen.world.environments.batched import Batched


def rooms(n: int) -> Batched:
    env = make("push", n) if n < 0 else make("two-rooms", n, wall=16, door=16, width=29)
    assert isinstance(env, Batched)
    return env


def test_a_distilled_policy_reaches_what_the_planner_does() -> None:
    # The door is nearly all of the wall, so that straight is right.
    env = rooms(16)
    settings = DistillSettings(rounds=2, steps=400, every=2)
    learnt = distill(Thinker(Points()), env, settings)
    assert learnt.pairs == 2 * 16 * env.horizon // 2
    assert learnt.losses[1] < learnt.losses[0]
    found = evaluate(rooms(30), Quick(Points(), learnt.policy), 30, seed=77)
    untaught = LatentPolicy(2, 2, 1.5, 64, torch.Generator().manual_seed(0))
    assert found.success_end.mean > 0.8
    assert evaluate(rooms(30), Quick(Points(), untaught), 30, seed=77).success_end.mean < 0.3


def test_actions_stay_within_their_bounds() -> None:
    policy = LatentPolicy(3, 2, 1.5, 8, torch.Generator().manual_seed(0))
    far = torch.full((4, 3), 1e6)
    assert float(policy(far, -far).detach().abs().max()) <= 1.5


def test_the_same_seed_learns_the_same() -> None:
    settings = DistillSettings(rounds=1, steps=20, every=10, seed=3)
    one, other = (distill(Thinker(Points()), rooms(4), settings).policy for _ in range(2))
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    assert all(np.array_equal(a.detach(), b.detach()) for a, b in pairs)


def test_rounds_and_steps_are_one_or_more() -> None:
    with pytest.raises(AgentError, match="1 or more"):
        DistillSettings(rounds=0)
