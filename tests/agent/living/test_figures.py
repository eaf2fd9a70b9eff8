"""What lives come to, by hand; and pictures that show it."""

import math

import pytest
from matplotlib.colors import to_hex

from unfrozen.agent.living.figures import (
    AFTER,
    plot_arms,
    plot_life,
    since_change,
    summary,
    told_change,
)
from unfrozen.agent.living.life import Lived
from unfrozen.errors import AgentError
from unfrozen.world.environments.town.changes import KINDS, ScheduleSettings
from unfrozen.world.environments.town.life import make_life


def lived(phases: str, done: str, steps: int = 10, shortest: int = 8) -> list[Lived]:
    """A life: a phase and whether it was done, errand by errand."""
    return [
        Lived(k, int(phase), "Go to the mill.", "", good == "1", steps, shortest, 0.5, 100 + k, 0)
        for k, (phase, good) in enumerate(zip(phases, done, strict=True))
    ]


def test_a_summary_counts_what_it_says() -> None:
    one, other = lived("0001111122", "1101011101"), lived("00", "10", steps=20)
    found = summary([one, other])
    assert found.success == pytest.approx(8 / 12)
    assert found.before == pytest.approx(3 / 5)
    # The first errands after changes are numbers 3 and 8.
    assert found.first == pytest.approx(1 / 2)
    # From the fourth one after a change on: numbers 6 and 7.
    assert AFTER == 3
    assert found.recovered == pytest.approx(2 / 2)
    assert found.last == pytest.approx((1 + 1) / 4)
    assert found.detour == pytest.approx((7 * 10 + 20) / (8 * 8))
    assert found.seconds == pytest.approx((10 * 0.5 + 2 * 0.5) / 2)
    assert found.bytes == pytest.approx((109 + 101) / 2)


def test_a_life_without_changes_or_success_has_no_figures_of_them() -> None:
    found = summary([lived("000", "000")])
    assert (found.success, found.detour) == (0.0, 0.0)
    assert math.isnan(found.first)
    assert math.isnan(found.recovered)


def test_errands_are_counted_from_each_change() -> None:
    assert since_change(lived("0011123", "1111111")) == [0, 1, 0, 1, 2, 0, 0]


@pytest.mark.parametrize("none", [[], [[]], [lived("0", "1"), []]])
def test_of_no_errands_there_is_no_summary(none: list[list[Lived]]) -> None:
    with pytest.raises(AgentError, match="lives with errands"):
        summary(none)


def test_every_change_is_told_in_words() -> None:
    world = make_life(seed=1, schedule=ScheduleSettings(silent=0.5))
    told = {kind: list[str]() for kind in KINDS}
    for change in world.schedule.changes:
        text = told_change(change, world)
        told[change.kind].append(text)
        assert ("again" in text) == change.reverts
        assert ("untold" in text) == (change.kind in ("move", "trade") and not change.told)
        if change.kind == "move":
            assert world.town.names[change.after] in text
    assert all(told.values())
    assert all("door" in text for text in told["lock"])
    assert all("street" in text for text in told["street"])


def test_a_life_is_drawn_with_its_errands_and_changes() -> None:
    changes = make_life(seed=1).schedule.changes
    one = lived("000001111122", "101111110111")
    (axes,) = plot_life(one, changes, "A life").axes
    lines = {str(line.get_label()): line for line in axes.lines}
    assert list(lines["done"].get_xdata()) == [0, 2, 3, 4, 5, 6, 7, 9, 10, 11]
    assert list(lines["not done"].get_xdata()) == [1, 8]
    assert list(lines["shortest way"].get_ydata()) == [8] * 12
    # Changes at errands 5 and 10, each before its errand.
    upright = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
    assert upright == [4.5, 9.5]
    assert axes.get_title() == "A life"
    assert plot_life([], changes).axes


def test_nothing_in_the_picture_of_a_life_has_the_colour_of_anything_else() -> None:
    changes = make_life(seed=1).schedule.changes
    last = max(change.at for change in changes)
    assert {change.kind for change in changes} == set(KINDS)
    one = lived("0" * (last + 1), "01" + "1" * (last - 1))
    (axes,) = plot_life(one, changes).axes
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    colours = [to_hex(line.get_color()) for line in named]
    assert len(set(colours)) == len(colours) == len(KINDS) + 3
    # Who sees no colours tells changes by their dashes.
    dashes = {
        str(line.get_linestyle()) for line in named if line.get_xdata()[0] == line.get_xdata()[-1]
    }
    assert len(dashes) >= 4


def test_arms_are_drawn_as_shares_of_errands_done() -> None:
    good, bad = lived("0" * 10, "1111111111"), lived("0" * 10, "1000011110")
    (axes,) = plot_arms({"one": [good, bad], "other": [bad, bad]}).axes
    one, other = axes.lines
    assert list(one.get_ydata()) == pytest.approx([(1 + 0.2) / 2, (1 + 0.8) / 2])
    assert list(other.get_ydata()) == pytest.approx([0.2, 0.8])
    assert list(one.get_xdata()) == [2.5, 7.5]
    assert [one.get_label(), other.get_label()] == ["one", "other"]
