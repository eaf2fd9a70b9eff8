"""Trajectories against the environment that they came from."""

import numpy as np
import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.environments.collecting import collect
from unfrozen.world.environments.registry import make
from unfrozen.world.environments.rooms.moving import slide


@pytest.mark.parametrize("name", ["two-rooms-random", "push"])
def test_images_drawn_later_are_those_seen_at_the_time(name):
    env = make(name, 3)
    data = collect(env, "persistent", 3, 12, seed=4)
    options = {"anywhere": np.ones(3, bool)} if name != "push" else {}
    observed, _ = env.reset(seed=4, options=options)
    rows = torch.arange(3)
    for t in range(13):
        drawn = data.images(rows, torch.full((3,), t))
        assert torch.equal(drawn, torch.from_numpy(observed["image"]))
        assert np.array_equal(data.walls.numpy(), observed["image"][:, 1] > 0)
        if t < 12:
            observed, _, _, _, info = env.step(data.actions[:, t].numpy())
            assert np.array_equal(data.bumped[:, t].numpy(), info["bumped"])


def test_windows_are_pieces_and_steps_lead_from_one_position_to_the_next():
    data = collect(make("two-rooms", 50, observe="position"), "random", 120, 30, seed=0)
    assert data.positions.shape == (120, 31, 2)
    assert len(data) == 120
    assert len(torch.unique(data.positions[:, 0], dim=0)) == 120
    windows = data.windows(torch.tensor([3, 119]), torch.tensor([0, 25]), 6)
    assert windows.images.shape == (2, 6, 2, 33, 33)
    assert torch.equal(windows.actions, torch.stack([data.actions[3, :5], data.actions[119, 25:]]))
    assert torch.equal(
        windows.images[1, 2], data.images(torch.tensor([119]), torch.tensor([27]))[0]
    )
    which = data.which.numpy()
    moves = data.actions[:, 7].numpy()
    moves = moves * np.minimum(1, 1.5 / np.linalg.norm(moves, axis=1, keepdims=True))
    ends, _ = slide(data.solid.numpy(), which, data.positions[:, 7].numpy(), moves)
    assert np.allclose(ends, data.positions[:, 8].numpy(), atol=1e-4)
    drawn = [data.sample(4, 17, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(drawn[0].images, drawn[1].images)
    assert not torch.equal(drawn[0].images, drawn[2].images)


def test_walks_begin_anywhere_and_a_quarter_crosses_the_wall():
    data = collect(make("two-rooms", 1000, observe="position"), "persistent", 1000, 100)
    left = data.positions[:, :, 0] < 16
    crossed = (left != left[:, :1]).any(1).double().mean()
    # The prototypes' walks: 26.9 % of trajectories of 100 steps.
    assert 0.2 < crossed < 0.36
    assert 0.4 < left[:, 0].double().mean() < 0.6


def test_walks_in_towns_are_kept_as_places_and_seen_as_sights():
    env = make("town", 2, lives=2)
    data = collect(env, "random", 3, 20, seed=5)
    assert data.places.shape == (3, 21)
    assert data.life.tolist() == [0, 1, 0]
    table = torch.from_numpy(env.tables.table)[:, 0]
    for t in range(20):
        to = table[data.life, data.places[:, t], data.actions[:, t]]
        assert torch.equal(to, data.places[:, t + 1])
        assert torch.equal(data.bumped[:, t], to == data.places[:, t])
    observed, _ = env.reset(seed=5)
    assert data.sights[:2, 0].tolist() == observed["sight"].tolist()
    assert data.exits[:2, 0].tolist() == observed["exits"].tolist()


def test_pieces_near_walls_are_all_those_that_come_near_one():
    data = collect(make("two-rooms-random", 8, observe="position"), "persistent", 16, 25, seed=1)
    found = {tuple(pair) for pair in data.near_walls(6, distance=2.0).tolist()}
    expected = set()
    for row in range(16):
        solid = data.solid[data.which[row]]
        walls = [x for x in range(1, solid.shape[1] - 1) if bool(solid[1:-1, x].any())]
        for start in range(25 + 1 - 6 + 1):
            xs = data.positions[row, start : start + 6, 0].tolist()
            if any(abs(x - wall) <= 2.0 for x in xs for wall in walls):
                expected.add((row, start))
    assert found == expected
    assert 0 < len(found) < 16 * 21


def test_bad_input_is_refused():
    env = make("two-rooms", 2, observe="position")
    with pytest.raises(WorldError, match="have steps"):
        collect(env, "random", 1, 0)
    with pytest.raises(WorldError, match="of ours"):
        collect(make("CartPole-v1", 2), "random", 1, 5)
    data = collect(env, "random", 1, 5)
    with pytest.raises(WorldError, match="do not fit"):
        data.windows(torch.tensor([0]), torch.tensor([3]), 4)
    with pytest.raises(WorldError, match="do not fit"):
        data.sample(1, 7, torch.Generator())
