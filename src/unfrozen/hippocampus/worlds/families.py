"""Families of worlds by name: structure drawn at the sizes of the papers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.grids import borders, hexagon, maze, objects, rectangle, torus
from unfrozen.hippocampus.worlds.orders import family, hierarchy, laps, line
from unfrozen.hippocampus.worlds.walks import WalkSettings
from unfrozen.hippocampus.worlds.world import World

Make = Callable[[int, torch.Generator], World]


@dataclass(frozen=True)
class Family:
    """Worlds that share their structure.

    Attributes:
        name: by which they are asked for.
        told: what they are.
        sizes: from which one is drawn.
        make: a world of a size.
        walk: how the papers walk in it.
        commutes: whether the order of actions does not matter.
    """

    name: str
    told: str
    sizes: tuple[int, ...]
    make: Make
    walk: WalkSettings = WalkSettings()
    commutes: bool = False

    def draw(self, generator: torch.Generator, sizes: tuple[int, ...] | None = None) -> World:
        """A world of one of its sizes, or of those given."""
        among = sizes or self.sizes
        at = int(torch.randint(len(among), (), generator=generator))
        return self.make(among[at], generator)


_STRAIGHT = WalkSettings(straight=0.5)

FAMILIES = {
    f.name: f
    for f in (
        Family("grid", "squares", (8, 9, 10, 11), lambda n, g: rectangle(n), _STRAIGHT, True),
        Family("hexagonal", "hexagons of six actions", (5, 6, 7), lambda n, g: hexagon(n),
               _STRAIGHT, True),
        Family("torus", "squares without edges", (6, 7, 8), lambda n, g: torus(n), _STRAIGHT,
               True),
        Family("line", "ranks, for transitive inference", (4, 5, 6), lambda n, g: line(n),
               commutes=True),
        Family("hierarchy", "people of two ranks", (4, 5), lambda n, g: hierarchy(n),
               commutes=True),
        Family("family", "family trees", (3, 4, 5), lambda n, g: family(n)),
        Family("laps", "a track run four times", (8,), lambda n, g: laps(n)),
        Family("borders", "boxes whose walls attract", (8, 9, 10, 11), lambda n, g: borders(n),
               _STRAIGHT, True),
        Family("objects", "boxes with objects that attract", (8, 9, 10, 11),
               lambda n, g: objects(n, generator=g), _STRAIGHT, True),
        Family("maze", "squares with walls between places", (6, 7, 8),
               lambda n, g: maze(n, generator=g), _STRAIGHT, True),
    )
}  # fmt: skip
"""Name -> family."""


def named(name: str) -> Family:
    """A family by its name.

    Raises:
        MapError: there is none of that name.
    """
    if name not in FAMILIES:
        raise MapError(f"there are no worlds {name!r}: choose from {', '.join(FAMILIES)}")
    return FAMILIES[name]
