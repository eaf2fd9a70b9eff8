"""Worlds in a plane: rectangles, hexagons, tori, mazes, and boxes with walls and objects."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.world import World, by_steps

_SQUARE = {"east": (1, 0), "north": (0, 1), "west": (-1, 0), "south": (0, -1)}
_DIAGONAL = {
    "north-east": (1, 1), "north-west": (-1, 1), "south-west": (-1, -1), "south-east": (1, -1),
}  # fmt: skip
# Axial coordinates, anticlockwise from the east.
_HEXAGONAL = {
    "east": (1, 0), "north-east": (0, 1), "north-west": (-1, 1),
    "west": (-1, 0), "south-west": (0, -1), "south-east": (1, -1),
}  # fmt: skip
_STAY = {"stay": (0, 0)}
_HALL = 4.0


@lru_cache(maxsize=256)
def rectangle(
    width: int, height: int | None = None, *, stay: bool = False, diagonal: bool = False
) -> World:
    """Places on a square lattice, four actions (Whittington et al. 2020, 2-D graphs).

    Args:
        width: places from west to east.
        height: from south to north; as wide by default.
        stay: with a fifth action that leads nowhere else.
        diagonal: with four more actions.

    Raises:
        MapError: a side has fewer than two places.
    """
    height = _sides(width, height, 2)
    positions = [(x, y) for y in range(height) for x in range(width)]
    steps = {**_SQUARE, **(_DIAGONAL if diagonal else {}), **(_STAY if stay else {})}
    return by_steps("rectangle", positions, steps, coordinates=torch.tensor(positions).float())


@lru_cache(maxsize=256)
def torus(width: int, height: int | None = None) -> World:
    """A rectangle whose edges are joined: every place has four neighbours.

    Coordinates are those of the rectangle, so that the last column is next to the first.

    Raises:
        MapError: a side has fewer than three places.
    """
    height = _sides(width, height, 3)
    x = torch.arange(width).repeat(height)
    y = torch.arange(height).repeat_interleave(width)
    table = torch.stack(
        [(x + dx) % width + (y + dy) % height * width for dx, dy in _SQUARE.values()], 1
    )
    return World("torus", table, tuple(_SQUARE), torch.stack([x, y], 1).float())


@lru_cache(maxsize=256)
def hexagon(edge: int, *, stay: bool = False) -> World:
    """A hexagon of places on a triangular lattice, six actions.

    Args:
        edge: places along a side: 5, 6 and 7 are 61, 91 and 127 places.
        stay: with a seventh action that leads nowhere else.

    Raises:
        MapError: a side has fewer than two places.
    """
    _sides(edge, None, 2)
    reach = range(1 - edge, edge)
    positions = [(q, r) for r in reach for q in reach if abs(q + r) < edge]
    steps = {**_HEXAGONAL, **(_STAY if stay else {})}
    flat = torch.tensor(positions).float()
    plane = torch.stack([flat[:, 0] + flat[:, 1] / 2, flat[:, 1] * math.sqrt(3) / 2], 1)
    return by_steps("hexagon", positions, steps, coordinates=plane)


def maze(
    width: int,
    height: int | None = None,
    *,
    openings: float = 0.1,
    generator: torch.Generator | None = None,
) -> World:
    """A rectangle with walls between places, drawn at random; every place can be reached.

    Args:
        width: places from west to east.
        height: from south to north; as wide by default.
        openings: share of the walls of a perfect maze (one way between any two places) that are
            opened, so that there are ways round.
        generator: draws it.

    Raises:
        MapError: a side has fewer than two places, or openings are no share.
    """
    if not 0 <= openings <= 1:
        raise MapError(f"openings are a share of the walls between 0 and 1, not {openings}")
    base = rectangle(width, height)
    open_ = torch.zeros_like(base.possible)

    def join(place: int, action: int) -> None:
        open_[place, action] = True
        open_[base.neighbours[place, action], base.reverse[place, action]] = True

    path, found = [0], {0}
    while path:
        here = path[-1]
        ways = [
            a
            for a in torch.randperm(base.n_actions, generator=generator).tolist()
            if int(to := base.neighbours[here, a]) >= 0 and int(to) not in found
        ]
        if not ways:
            path.pop()
            continue
        there = int(base.neighbours[here, ways[0]])
        join(here, ways[0])
        found.add(there)
        path.append(there)
    draws = torch.rand(base.possible.shape, generator=generator)
    for place, action in torch.nonzero(base.possible & ~open_).tolist():
        # Each wall once, of its two sides.
        if place < int(base.neighbours[place, action]) and draws[place, action] < openings:
            join(place, action)
    table = torch.where(open_, base.neighbours, -1)
    return World("maze", table, base.actions, base.coordinates)


def borders(width: int, height: int | None = None, *, bias: float = _HALL) -> World:
    """A rectangle whose walls attract walks, as animals keep to walls (border cells).

    Args:
        width: places from west to east.
        height: from south to north; as wide by default.
        bias: attraction of places at a wall, against 1 elsewhere.
    """
    base = rectangle(width, height)
    wall = (base.neighbours == -1).any(1)
    return World(
        "borders", base.neighbours, base.actions, base.coordinates,
        attraction=torch.where(wall, bias, 1.0),
    )  # fmt: skip


def objects(
    width: int,
    height: int | None = None,
    *,
    number: int = 2,
    bias: float = _HALL,
    generator: torch.Generator | None = None,
) -> World:
    """A rectangle with objects that look the same in every world and attract walks.

    Object-vector cells fire at a distance and direction from such objects, wherever they stand.

    Args:
        width: places from west to east.
        height: from south to north; as wide by default.
        number: of objects; the symbol of each is its number from 0.
        bias: attraction of an object and of the places next to it, against 1 elsewhere.
        generator: draws where they stand.

    Raises:
        MapError: there are more objects than places.
    """
    base = rectangle(width, height)
    if not 1 <= number <= base.n_places:
        raise MapError(f"{number} objects do not fit {base.n_places} places")
    at = torch.randperm(base.n_places, generator=generator)[:number]
    landmarks = torch.full((base.n_places,), -1)
    landmarks[at] = torch.arange(number)
    attraction = torch.ones(base.n_places)
    beside = base.neighbours[at].flatten()
    attraction[beside[beside >= 0]] = bias
    attraction[at] = bias
    return World(
        "objects", base.neighbours, base.actions, base.coordinates,
        landmarks=landmarks, attraction=attraction,
    )  # fmt: skip


def object_places(world: World) -> Tensor:
    """Places of a world's landmarks, in the order of their symbols."""
    if world.landmarks is None:
        return torch.empty(0, dtype=torch.long)
    at = torch.nonzero(world.landmarks >= 0)[:, 0]
    return at[world.landmarks[at].argsort()]


def _sides(width: int, height: int | None, least: int) -> int:
    height = width if height is None else height
    if min(width, height) < least:
        raise MapError(f"a side of such a world has at least {least} places, not {width}x{height}")
    return height
