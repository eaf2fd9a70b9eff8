"""Pictures of a town, for people to look at."""

import numpy as np
from jaxtyping import UInt8

from unfrozen.world.environments.town.life import Life
from unfrozen.world.environments.town.plan import STEPS

_ZOOM = 17
# Colours that colour-blind people tell apart (Okabe and Ito).
_STREET, _ROOM, _BLOCK, _WALL = (245, 245, 245), (240, 228, 180), (130, 130, 130), (60, 60, 60)
_DOOR, _LOCKED = (0, 158, 115), (213, 94, 0)
_AGENT, _TARGET, _PERSON = (0, 114, 178), (230, 159, 0), (204, 121, 167)

LEGEND = {
    "agent": (_AGENT, False),
    "goal": (_TARGET, False),
    "person": (_PERSON, False),
    "street": (_STREET, True),
    "room": (_ROOM, True),
    "door": (_DOOR, True),
    "locked door": (_LOCKED, True),
    "wall": (_WALL, True),
    "block": (_BLOCK, True),
}
"""What colours mean: name -> red, green and blue, and whether it is an area and no disc."""


def draw_town(
    life: Life, phase: int, place: int, target: int | None
) -> UInt8[np.ndarray, "height width 3"]:
    """A town from above, north up.

    Streets are light, rooms yellow, blocks grey; walls dark, doors green and red when locked;
    persons violet, the target orange, and who does the errand blue.

    Args:
        life: its town and what happens.
        phase: which changes have happened.
        place: cell where one is.
        target: cell of the next stop; None where none is to be shown.
    """
    town = life.town
    side, zoom = town.side, _ZOOM
    canvas = np.empty((side * zoom, side * zoom, 3), np.uint8)
    canvas[:] = _BLOCK
    exits = life.exits[phase]
    locked = life.schedule.states[phase].locked
    shut = {(int(town.rooms[r]), a) for r, a in enumerate(locked) if a >= 0}
    shut |= {(c + STEPS[a][0] + side * STEPS[a][1], (a + 2) % 4) for c, a in shut}
    for cell in town.cells.tolist():
        # Rows of a picture run down, those of the town up.
        box = canvas[_span(side - 1 - cell // side), _span(cell % side)]
        box[:] = _STREET if town.street[cell] else _ROOM
        edges = (box[:, -1], box[0], box[:, 0], box[-1])
        for action, edge in enumerate(edges):
            if not exits[cell, action]:
                edge[:] = _WALL
            elif town.doors[cell, action]:
                edge[zoom // 4 : -(zoom // 4)] = _LOCKED if (cell, action) in shut else _DOOR
    marks = [(cell, 3, _PERSON) for cell in life.persons[phase].tolist()]
    y, x = np.indices((zoom, zoom)) - zoom // 2
    goal = [] if target is None else [(target, 7, _TARGET)]
    for cell, radius, colour in (*goal, *marks, (place, 5, _AGENT)):
        box = canvas[_span(side - 1 - cell // side), _span(cell % side)]
        box[x**2 + y**2 <= radius**2] = colour
    return canvas


def _span(k: int) -> slice:
    return slice(k * _ZOOM, (k + 1) * _ZOOM)
