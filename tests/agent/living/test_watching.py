"""Errands as pictures, against what was decided and what the town looks like."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.watching import film, frames
from unfrozen.errors import AgentError, DataError
from unfrozen.world.environments.town.drawing import draw_town


def test_every_step_is_shown_as_the_town_was(life: LifeFolder) -> None:
    world = life.settings.make().tables.lives[0]
    for number in (0, 5):
        found = life.errand(number)
        shown = frames(life, number)
        assert len(shown) == found["steps"] + 1
        phase, (first, last) = int(world.phases[number]), world.stops[number].tolist()
        place = life.errand(number - 1)["place"] if number else life.childhood()["place"]
        done_first = not world.items[number]
        for moment, frame in zip(found["moments"], shown, strict=False):
            target = last if done_first else first
            np.testing.assert_array_equal(frame.picture, draw_town(world, phase, place, target))
            place = int(world.table[phase, place, moment["action"]])
            done_first = done_first or place == first
        assert place == found["place"]


def test_what_is_thought_is_what_was_written_down(life: LifeFolder) -> None:
    number = next(k for k in range(life.done) if life.errand(k)["told"])
    found = life.errand(number)
    shown = frames(life, number)
    for moment, frame in zip(found["moments"], shown, strict=False):
        text = "\n".join(frame.lines)
        assert frame.lines[0] == f"Errand {number}: {found['asked']}"
        assert frame.lines[1].startswith("Told: ")
        assert f"step {moment['time']}: " in text
        assert f"mode:  {moment['mode']}" in text
        assert ("energy of the way" in text) == (moment["mode"] == "plan")
        assert ("rests on: " in text) == bool(moment["cites"])
    end = "done" if found["success"] else "not done"
    assert shown[-1].lines[-1].startswith(f"{end}, in {found['steps']} steps")


def test_a_small_picture_has_some_points_of_every_cell(life: LifeFolder) -> None:
    frame = frames(life, 0)[0]
    side = life.settings.make().tables.side
    assert frame.small.shape == (4 * side, 4 * side, 3)
    zoom = frame.picture.shape[0] // side
    for row, column in ((0, 0), (3, 5), (side - 1, side - 1)):
        cell = frame.picture[row * zoom : (row + 1) * zoom, column * zoom : (column + 1) * zoom]
        colours = {tuple(c) for c in cell.reshape(-1, 3).tolist()}
        small = frame.small[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert {tuple(c) for c in small.reshape(-1, 3).tolist()} <= colours


def test_one_who_is_nowhere_can_be_watched(frozen: LifeFolder) -> None:
    shown = frames(frozen, frozen.done - 1)
    assert any("mode:  random" in frame.lines for frame in shown)


def test_a_film_has_a_picture_a_step(life: LifeFolder, tmp_path: Path) -> None:
    shown = frames(life, 1)[:3]
    film(shown, tmp_path / "errand.gif", speed=10.0)
    with Image.open(tmp_path / "errand.gif") as picture:
        assert picture.format == "GIF"
        assert 2 <= getattr(picture, "n_frames", 1) <= 3
    assert [p.name for p in tmp_path.iterdir()] == ["errand.gif"]


def test_a_film_that_cannot_be_ended_leaves_nothing(
    life: LifeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.animation import PillowWriter

    def full(self: PillowWriter) -> None:
        Path(self.outfile).write_bytes(b"GIF8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PillowWriter, "finish", full)
    with pytest.raises((OSError, DataError)):
        film(frames(life, 1)[:2], tmp_path / "errand.gif")
    assert list(tmp_path.iterdir()) == []


def test_an_errand_that_was_not_lived_is_not_shown(life: LifeFolder) -> None:
    for number in (-1, life.done):
        with pytest.raises(AgentError, match=f"errands 0 to {life.done - 1}"):
            frames(life, number)
