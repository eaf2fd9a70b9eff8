"""Pictures of the town: what is where, by colour."""

import numpy as np

from unfrozen.world.environments.town.drawing import _ZOOM as ZOOM
from unfrozen.world.environments.town.drawing import draw_town
from unfrozen.world.environments.town.life import make_life


def test_a_picture_shows_who_does_the_errand_and_which_doors_are_locked():
    life = make_life(seed=1)
    side, place = life.town.side, int(life.town.cells[3])
    drawn = draw_town(life, 0, place, int(life.town.rooms[0]))
    assert drawn.shape == (side * ZOOM, side * ZOOM, 3)
    y, x = ((side - 1 - place // side) * ZOOM, place % side * ZOOM)
    assert drawn[y + ZOOM // 2, x + ZOOM // 2].tolist() == [0, 114, 178]
    locked = life.schedule.start.locked
    red = (drawn == np.array([213, 94, 0])).all(2).sum()
    # Each locked door is drawn on both of its sides.
    assert red == 2 * sum(a >= 0 for a in locked) * len(range(ZOOM)[ZOOM // 4 : -(ZOOM // 4)])
