"""What an agent is born with."""

import torch

from unfrozen.world.costs import Danger, Effort


def test_effort_and_danger_are_felt_where_they_are():
    states = torch.tensor([[[1.0], [-3.0]]])
    actions = torch.tensor([[[3.0, 4.0], [0.0, 1.0]]])
    assert Effort()(states, actions).tolist() == [[25.0, 1.0]]
    fire = Danger(lambda s: (s[..., 0] < 0).float(), name="fire")
    assert fire(states, actions).tolist() == [[0.0, 1.0]]
    assert fire.immutable
    assert fire.shares(states, actions)[0].amounts.tolist() == [[1.0]]
