"""Pictures of walks show what they are given."""

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.plots import Step, animated, by_visits, walked
from unfrozen.hippocampus.worlds import family, rectangle

STEPS = [Step(0, 5, -1, 0.0, False), Step(1, 6, 3, 0.02, False), Step(0, 5, 5, 0.97, True),
         Step(1, 7, 6, 0.9, True)]  # fmt: skip


def test_every_place_that_was_seen_has_its_symbol_and_its_colour():
    axes = walked(rectangle(2), STEPS).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["5", "7"]
    colours = [tuple(c.get_facecolor()[0].round(2)) for c in axes.collections[1:3]]
    assert len(set(colours)) == 2
    assert "sees 7, foreseen 6 (0.90)" in axes.get_title()


def test_a_film_has_a_frame_a_step(tmp_path):
    from PIL import Image

    animated(rectangle(2), STEPS).save(tmp_path / "walk.gif", writer="pillow", dpi=40)
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.n_frames == len(STEPS)


def test_curves_are_drawn_by_visits():
    axes = by_visits({"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([0.1, 0.5])}, 0.02).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert list(lines["b"]) == pytest.approx([0.1, 0.5])
    assert lines["chance"][0] == 0.02


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(MapError, match="lies in no plane"):
        walked(family(3), STEPS)
    with pytest.raises(MapError, match="no step"):
        walked(rectangle(2), [])
