"""A life that is written down, gone on with, and explained."""

from pathlib import Path

from unfrozen.agent.living.explaining import explain
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.watching import frames


def test_a_life_is_lived_explained_and_shown(tmp_path: Path) -> None:
    life = LifeFolder.create(tmp_path / "life")
    assert all(one.success for one in life.live(8))
    time = life.errand(3)["moments"][0]["time"]
    found = explain(life, time)
    assert found.errand == 3
    assert found.slots
    assert found.matters
    assert len(frames(life, 3)) == life.errand(3)["steps"] + 1
