"""Windows of recorded trajectories, against a record whose every entry tells its place."""

import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.jepa import Recorded, Windows


def recorded(**more):
    e, s = 5, 12
    code = (100 * torch.arange(e)[:, None] + torch.arange(s)).float()
    given = {
        "observations": code[..., None],
        "actions": code[:, :-1, None] + 0.5,
        "structure": torch.arange(e).float().reshape(e, 1, 1, 1),
        "text": torch.arange(e)[:, None],
        "length": 4,
        "batch": 300,
    }
    return Recorded(**{**given, **more})


def test_windows_are_pieces_of_episodes_and_all_of_them_are_drawn():
    drawn = recorded()(torch.Generator().manual_seed(0))
    first = drawn.observations[:, :1, 0]
    assert torch.equal(drawn.observations[..., 0], first + torch.arange(4))
    assert torch.equal(drawn.between[..., 0], first + torch.arange(3) + 0.5)
    assert torch.equal(drawn.structure[:, 0, 0, 0], (first[:, 0] // 100))
    assert torch.equal(drawn.text[:, 0].float(), first[:, 0] // 100)
    assert len(first.unique()) == 5 * (12 - 4 + 1)
    again = recorded()(torch.Generator().manual_seed(0))
    assert torch.equal(drawn.observations, again.observations)


def test_an_action_that_leads_out_of_the_window_is_not_used():
    z = torch.zeros(2, 4, 3)
    actions = torch.randn(2, 4, 1)
    assert torch.equal(Windows(z, actions).between, actions[:, :3])
    assert Windows(z, actions).of(slice(0, 1)).actions.shape == (1, 4, 1)
    for wrong in (torch.zeros(2, 2, 1), torch.zeros(1, 3, 1)):
        with pytest.raises(WorldError, match="an action between each two"):
            _ = Windows(z, wrong).between


def test_what_does_not_fit_is_refused(unchecked):
    with pytest.raises(WorldError, match="no window of 13 steps fits into 12"):
        recorded(length=13)
    with pytest.raises(WorldError, match="as many rows"):
        recorded(text=torch.zeros(4, 1, dtype=torch.long))
    with pytest.raises(WorldError, match="an action between each two"):
        recorded(actions=torch.zeros(5, 9, 1))
