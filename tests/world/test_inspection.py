"""A model of rooms is looked through: whether it knows walls is found out."""

from dataclasses import replace

import pytest
from tests.agent.latent.points import Points

from unfrozen.world.environments.rooms.layouts import open_room, two_rooms
from unfrozen.world.inspection import inspect_model
from unfrozen.world.schooling import SCHOOLS, new_model

SHORT = replace(SCHOOLS["two-rooms"], trajectories=50, steps=30)
WALL, DOOR = 16, 7


@pytest.mark.parametrize("knows", [True, False])
def test_pushes_tell_whether_walls_are_known(knows: bool) -> None:
    known = two_rooms(33, WALL, DOOR) if knows else open_room(33)
    found = inspect_model(SHORT, Points(known), 0, walls=True)
    assert found.tunnelling is not None
    assert found.tunnelling.door == pytest.approx(1.0, abs=0.02)
    assert found.tunnelling.wall == pytest.approx(0.0 if knows else 1.0, abs=0.02)


@pytest.mark.parametrize(("off", "through"), [(1, 0.0), (2, 0.5)])
def test_a_wall_that_is_known_half_a_pixel_off_still_holds(off: int, through: float) -> None:
    # From the one side it is stopped too late by as much, from the other one too early.
    found = inspect_model(SHORT, Points(two_rooms(33, WALL + off, DOOR)), 0, walls=True)
    assert found.tunnelling is not None
    assert found.tunnelling.wall == pytest.approx(through, abs=0.08)


def test_a_model_whose_latents_are_places_is_sound() -> None:
    found = inspect_model(SHORT, Points(two_rooms(33, WALL, DOOR)), 1, walls=False)
    told = found.told()
    assert told["verdict"] == "sound"
    assert told["sees"] == pytest.approx(1, abs=1e-3)
    assert told["foresees"] > 0.99
    assert told["order"] == pytest.approx(1, abs=1e-3)
    assert told["through_walls"] is None


def test_a_model_that_sees_nothing_is_not_pushed() -> None:
    found = inspect_model(SHORT, new_model(SHORT, 0), 2, walls=True).told()
    assert found["verdict"] in ("collapsed", "blind")
    assert found["through_walls"] is None
