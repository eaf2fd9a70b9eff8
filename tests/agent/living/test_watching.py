"""Errands as pictures, against what was decided and what the town looks like."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.watching import childhood_frames, film, frames
from unfrozen.errors import AgentError, DataError
from unfrozen.world.environments.town.drawing import LEGEND, draw_town
from unfrozen.world.environments.town.facts import PERSONS


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


def test_rooms_and_persons_are_named_where_they_are(life: LifeFolder) -> None:
    world = life.settings.world
    side = world.town.side
    for number in (0, 11):
        frame, phase = frames(life, number)[0], int(world.phases[number])
        rooms = [label for label in frame.labels if not label.person]
        assert tuple(label.text for label in rooms) == world.town.names
        persons = {label.text: label for label in frame.labels if label.person}
        cells = dict(zip(PERSONS, world.persons[phase].tolist(), strict=False))
        assert set(persons) == set(cells)
        where = {name: cells[name] for name in persons}
        where |= dict(zip(world.town.names, world.town.rooms.tolist(), strict=True))
        for label in frame.labels:
            x, y = where[label.text] % side, side - 1 - where[label.text] // side
            assert x < label.x < x + 1
            assert y < label.y < y + 1


def test_childhood_is_watched_as_it_was_lived(life: LifeFolder) -> None:
    shown, told = childhood_frames(life), life.childhood()
    assert len(shown) == told["steps"] + 1
    assert "wants: the unknown (explore)" in shown[0].lines
    blue = np.array(LEGEND["agent"][0])
    seen = set[int]()
    for frame, cells in zip(shown, [1, *told["cells"]], strict=True):
        zoom = frame.picture.shape[0] // frame.cells
        middles = frame.picture[zoom // 2 :: zoom, zoom // 2 :: zoom]
        ((row, column),) = np.argwhere((middles == blue).all(-1)).tolist()
        seen.add(row * frame.cells + column)
        assert len(seen) == cells
        # Nothing is asked for yet.
        assert not (frame.picture == LEGEND["goal"][0]).all(-1).any()


def test_a_childhood_of_another_version_is_not_watched(life: LifeFolder, tmp_path: Path) -> None:
    shutil.copytree(life.path, tmp_path / "part")
    file = tmp_path / "part" / "childhood.json"
    told = json.loads(file.read_text())
    told["cells"][10] += 1
    file.write_text(json.dumps(told))
    with pytest.raises(AgentError, match="another version"):
        childhood_frames(LifeFolder.open(tmp_path / "part"))


def test_a_film_has_a_picture_a_step(life: LifeFolder, tmp_path: Path) -> None:
    shown = frames(life, 1)[:3]
    film(shown, tmp_path / "errand.gif", speed=10.0)
    with Image.open(tmp_path / "errand.gif") as picture:
        assert picture.format == "GIF"
        assert getattr(picture, "n_frames", 1) == 3
        times = []
        for number in range(3):
            picture.seek(number)
            times.append(picture.info["duration"])
    # The last one stays for two seconds.
    assert times == [100, 100, 2000]
    assert [p.name for p in tmp_path.iterdir()] == ["errand.gif"]


def test_a_film_that_cannot_be_ended_leaves_nothing(
    life: LifeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Image.Image, file: Path, **kwargs: object) -> None:
        Path(file).write_bytes(b"GIF8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises((OSError, DataError)):
        film(frames(life, 1)[:2], tmp_path / "errand.gif")
    assert list(tmp_path.iterdir()) == []


def test_an_errand_that_was_not_lived_is_not_shown(life: LifeFolder) -> None:
    for number in (-1, life.done):
        with pytest.raises(AgentError, match=f"errands 0 to {life.done - 1}"):
            frames(life, number)
