"""Every planner has one entry and one door."""

import dataclasses

from unfrozen.world.planning import PLANNERS


def test_settings_are_frozen_and_of_one_planner_each():
    settings = [planner.settings for planner in PLANNERS.values()]
    assert len(set(settings)) == len(settings) == 4
    for one in settings:
        assert dataclasses.is_dataclass(one)
        assert one.__dataclass_params__.frozen
