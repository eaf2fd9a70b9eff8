from dataclasses import replace

import matplotlib
import pytest
import torch

from unfrozen.language.plots import average_effects, heat_map
from unfrozen.language.statistics import Mean
from unfrozen.language.tracing import Trace


@pytest.fixture
def found():
    generator = torch.Generator().manual_seed(0)
    effects = {k: torch.rand(4, 5, generator=generator) for k in ("state", "mlp", "attention")}
    return Trace(
        prompt="The $ tower is", subject="$ tower", answer=" Rome",
        tokens=("The", " $", " tower", " is\n"), subject_span=(1, 3), clean=0.9, corrupted=0.1,
        corrupted_samples=(0.1,), effects=effects, spread=effects, sigma=0.1, window=2, seed=0,
    )  # fmt: skip


def drawn(figure, tmp_path):
    figure.savefig(tmp_path / "figure.png")
    return figure


def test_heat_map_shows_every_effect_and_marks_the_subject(found, tmp_path):
    figure = drawn(heat_map(found), tmp_path)
    panels = [ax for ax in figure.axes if ax.get_images()]
    shown = [ax for ax in panels if ax.get_title()]
    assert len(shown) == 3
    for ax, kind in zip(shown, found.effects, strict=True):
        assert torch.equal(torch.as_tensor(ax.get_images()[0].get_array()), found.effects[kind])
        assert "layer" in ax.get_xlabel()
    labels = [label.get_text() for label in shown[0].get_yticklabels()]
    assert [label.endswith("*") for label in labels] == [False, True, True, False]
    assert (tmp_path / "figure.png").stat().st_size > 0


@pytest.mark.parametrize("answer", ["$$", r" $\foo$", "$5"])
def test_no_text_is_taken_for_mathematics(found, tmp_path, answer):
    figure = heat_map(replace(found, answer=answer, tokens=(answer, *found.tokens[1:])))
    assert answer.strip() in drawn(figure, tmp_path).get_suptitle().replace("\\\\", "\\")


def test_heat_map_of_some_kinds(found):
    titles = [ax.get_title() for ax in heat_map(found, ["mlp"]).axes if ax.get_title()]
    assert len(titles) == 1
    assert "window of 2" in titles[0]


def test_average_effects_have_a_band_a_kind(tmp_path):
    profile = [Mean(0.1 * i, 0.05, 9) for i in range(4)]
    effects = {
        "mlp": {"last token": profile, "later tokens": []},
        "state": {"last token": profile},
    }
    figure = drawn(
        average_effects(effects, ("last token", "later tokens"), Mean(0.5, 0.1, 9)), tmp_path
    )
    ax = figure.axes[0]
    lines = [line for line in ax.get_lines() if len(line.get_ydata()) == 4]
    assert [list(line.get_ydata()) for line in lines] == [[m.value for m in profile]] * 2
    assert ax.get_ylabel()
    assert "9 facts" in figure.get_suptitle()


def test_no_window_is_opened_and_nothing_is_kept(found):
    heat_map(found)
    assert not matplotlib._pylab_helpers.Gcf.get_all_fig_managers()
