import math

import matplotlib
import pytest
import torch
from tests.draws import normal
from tests.hippocampus.cells.ground import hexagon, square, waves

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import autocorrelogram
from unfrozen.hippocampus.cells.controls import compared
from unfrozen.hippocampus.cells.plots import (
    _cell,
    autocorrelogram_sheet,
    rate_map_sheet,
    remapping_scatter,
    score_histogram,
)
from unfrozen.hippocampus.cells.remapping import Correlation


def drawn(figure, tmp_path):
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 0
    return figure


@pytest.mark.parametrize(("at", "corners"), [(square(4), 4), (hexagon(3), 6)])
def test_rate_maps_are_drawn_as_the_cells_of_their_world(at, corners, tmp_path):
    rates = normal(0, 3, len(at))
    rates[0, 2] = math.nan
    rates[2] = math.nan
    figure = drawn(rate_map_sheet(rates, at, columns=2, unit="m", title="$5 cells"), tmp_path)
    assert len(figure.axes) == 3
    known = figure.axes[0].collections[1]
    assert len(known.get_array()) == len(at) - 1
    # Closed paths come back to their first corner.
    assert len(known.get_paths()[0].vertices) == corners + 1
    assert "(m)" in figure.get_supxlabel()
    assert figure.axes[2].get_title() == "never visited"


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_cells_touch_their_neighbours_and_no_more(turn):
    c, s = math.cos(turn), math.sin(turn)
    by = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    for at, area in ((square(3) @ by, 1.0), (hexagon(3) @ by, math.sqrt(3) / 2)):
        corners = _cell(at)
        following = corners.roll(-1, 0)
        found = (corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum() / 2
        assert float(found) == pytest.approx(area)
        away = (corners + following).norm(dim=1)
        assert away.tolist() == pytest.approx([1.0] * len(corners))
        # The middle of each side is half way to a neighbour.
        sides = corners + following
        gaps = (sides[:, None] - (at - at[len(at) // 2])).norm(dim=-1).amin(1)
        assert float(gaps.max()) < 1e-6


def test_autocorrelograms_have_their_scores(tmp_path):
    sacs = autocorrelogram(torch.stack([waves(12, 5, 0), waves(12, 5, 20)]))
    figure = drawn(autocorrelogram_sheet(sacs, torch.tensor([1.234, math.nan])), tmp_path)
    assert [ax.get_title() for ax in figure.axes[:2]] == ["1.23", "nan"]
    image = figure.axes[0].get_images()[0]
    assert image.get_extent() == [-11.5, 11.5, -11.5, 11.5]
    assert "bins" in figure.get_supylabel()
    assert figure.axes[2].get_ylabel() == "correlation"


def test_scores_stand_beside_their_control(tmp_path):
    verdict = compared(
        torch.tensor([0.5, 1.0, math.nan]), torch.linspace(0, 1, 300).reshape(100, 3)
    )
    figure = drawn(score_histogram(verdict, "grid score"), tmp_path)
    ax = figure.axes[0]
    assert ax.get_xlabel() == "grid score"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("300 draws" in text for text in labels)
    assert any("2 units" in text for text in labels)
    limit = ax.get_lines()[0].get_xdata()[0]
    assert limit == pytest.approx(0.95, abs=0.01)
    heights = [sum(bar.get_height() for bar in container) for container in ax.containers]
    assert heights == pytest.approx([1, 1])


def test_remapping_shows_every_pair_and_the_null(tmp_path):
    x = normal(0, 50)
    found = Correlation(0.5, 0.01, 0.1, 4.9, 0.002, 50, x, 0.5 * x + normal(1, 50))
    figure = drawn(remapping_scatter(found), tmp_path)
    ax = figure.axes[0]
    assert len(ax.collections[0].get_offsets()) == 50
    assert "r = 0.500" in ax.get_title()
    assert "0.010" in ax.get_title()
    assert "environment 2" in ax.get_ylabel()


@pytest.mark.usefixtures("unchecked")
def test_nothing_to_draw_is_refused():
    with pytest.raises(MapError, match="sheet"):
        rate_map_sheet(torch.ones(0, 9), square(3).float())
    with pytest.raises(MapError, match="title"):
        rate_map_sheet(torch.ones(1, 9), square(3).float(), [])
    with pytest.raises(MapError, match="sheet"):
        autocorrelogram_sheet(torch.ones(0, 9, 9))
    with pytest.raises(MapError, match="score"):
        autocorrelogram_sheet(torch.ones(1, 9, 9), torch.ones(2))
    with pytest.raises(MapError, match="score"):
        score_histogram(compared(torch.tensor([math.nan]), torch.ones(2, 1)))
    nan, none = math.nan, torch.empty(0)
    with pytest.raises(MapError, match="pairs"):
        remapping_scatter(Correlation(nan, nan, nan, nan, nan, 0, none, none))


def test_no_window_is_opened():
    rate_map_sheet(torch.rand(1, 9), square(3).float())
    assert not matplotlib._pylab_helpers.Gcf.get_all_fig_managers()
