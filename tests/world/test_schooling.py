"""Models of rooms by name: what is walked, and what is learnt of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.environments import images
from unfrozen.world.jepa import ridge_probe
from unfrozen.world.schooling import (
    SCHOOLS,
    School,
    latents_of,
    new_model,
    school,
    train_model,
    walk,
    windows_of,
)

SHORT = replace(SCHOOLS["two-rooms"], trajectories=60, steps=30, batch=16)


def test_windows_are_what_was_walked() -> None:
    walked = walk(SHORT, 3)
    drawn = windows_of(SHORT, walked)(torch.Generator().manual_seed(0))
    assert drawn.observations.shape == (16, 17, 2, 33, 33)
    assert drawn.structure is None
    apart = replace(SCHOOLS["two-rooms-random"], trajectories=20, steps=30, batch=4)
    walked = walk(apart, 3)
    drawn = windows_of(apart, walked)(torch.Generator().manual_seed(0))
    assert drawn.observations.shape == (4, 17, 1, 33, 33)
    assert drawn.structure is not None
    # Walls alone, the same as some layout's.
    shown = drawn.structure[:, 0].bool()
    assert all(any(bool((one == solid).all()) for solid in walked.solid) for one in shown)


def test_a_share_of_the_windows_comes_near_walls() -> None:
    def near(share: float) -> float:
        of = replace(
            SCHOOLS["two-rooms-random"], trajectories=40, steps=40, length=5, batch=200, near=share
        )  # fmt: skip
        drawn = windows_of(of, walk(of, 3))(torch.Generator().manual_seed(0))
        columns = torch.arange(33.0)
        dots = drawn.observations[:, :, 0].sum(2)
        x = (dots * columns).sum(-1) / dots.sum(-1)
        assert drawn.structure is not None
        wall = drawn.structure[:, 0, 1:-1, 1:-1].mean(1).argmax(1) + 1
        # A dot at the picture's edge is cut off, and its middle told less well.
        return float(((x - wall[:, None]).abs() < 2).any(1).float().mean())

    few, half, every = near(0.0), near(0.5), near(1.0)
    assert few < 0.4
    assert half == pytest.approx((few + 1) / 2, abs=0.12)
    assert every > 0.98
    with pytest.raises(WorldError, match="share of windows"):
        replace(SHORT, near=1.5)


def test_a_school_without_walls_has_no_windows_near_them() -> None:
    of = replace(SHORT, near=0.5)
    walked = walk(of, 3)
    bare = replace(walked, solid=torch.zeros_like(walked.solid))
    with pytest.raises(WorldError, match="comes near a wall inside"):
        windows_of(of, bare)


def test_two_doors_are_learnt_before_anything_is_locked() -> None:
    walked = walk(school("two-doors"), 1, 8)
    assert len(walked.solid) == 1
    assert int((~walked.solid[0, :, 16]).sum()) == 10


def test_training_goes_on_from_its_file_and_positions_can_be_read(tmp_path: Path) -> None:
    of = replace(SHORT, training=replace(SHORT.training, steps=40))
    whole = train_model(of, 5)
    told = list[int]()

    def stop(update) -> None:
        told.append(update.number)
        if update.number == 25:
            raise KeyboardInterrupt

    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train_model(of, 5, path=path, progress=stop)
    again = train_model(of, 5, path=path, progress=lambda update: told.append(update.number))
    assert told == [*range(1, 26), *range(26, 41)]
    pairs = zip(whole.model.parameters(), again.model.parameters(), strict=True)
    assert all(np.array_equal(a.detach(), b.detach()) for a, b in pairs)
    found = latents_of(whole.model, whole.walked, slice(0, 20))
    probe = ridge_probe(found.flatten(0, 1), whole.walked.positions[:20].flatten(0, 1))
    error = (probe(found) - whole.walked.positions[:20]).norm(dim=2).mean()
    # Chance is about ten pixels off.
    assert float(error) < 3


def test_latents_are_those_of_the_images() -> None:
    walked, model = walk(SHORT, 2, 5), new_model(SHORT, 0).eval()
    found = latents_of(model, walked, slice(1, 4), batch=2)
    assert found.shape == (3, 31, 64)
    seen = images(walked.positions[2], walked.walls[2].expand(31, -1, -1), walked.sigma)
    assert torch.allclose(found[1], model.encode(seen), atol=1e-5)


def test_bad_input_is_refused() -> None:
    with pytest.raises(WorldError, match="choose from"):
        school("moon")
    with pytest.raises(WorldError, match="do not fit"):
        School(steps=10)
    with pytest.raises(WorldError, match="none of rooms"):
        walk(School("town"), 0, 2)
