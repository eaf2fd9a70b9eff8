"""Ways to places seen before, through steps never taken: the model says where they would lead."""

from collections import deque
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from unfrozen.hippocampus.cognitive_map.places import Places
from unfrozen.hippocampus.tem_t.model import TemT


class Route(NamedTuple):
    """A way.

    Attributes:
        actions: to take, in turn; none where the walk is there already.
        places: where each leads.
        walked: whether each step was taken before.
    """

    actions: tuple[int, ...]
    places: tuple[int, ...]
    walked: tuple[bool, ...]


def imagined(
    model: TemT, places: Places, which: int, threshold: float
) -> tuple[Int[Tensor, " place"], Int[Tensor, "place action"]]:
    """Where every action leads from every place of a map, as far as the map is known.

    Args:
        model: whose position codes actions drive.
        places: of all maps.
        which: of the maps.
        threshold: cosine from which two codes are one place.

    Returns:
        Places of the map, and for each the place where an action leads, -1 where that is unknown.
        What was walked is as it was walked; what was found closed is -1.
    """
    of = places.of(which)
    n, actions = len(of), model.settings.n_actions
    codes = places.codes[of].repeat_interleave(actions, 0)
    taken = torch.arange(actions, device=codes.device).repeat(n)
    keys = model.key(model.positions.step(codes, taken))
    found = places.nearest(keys, torch.full_like(taken, which))
    table = torch.where(found.cosines > threshold, found.places, -1).reshape(n, actions)
    row = {int(place): i for i, place in enumerate(of.tolist())}
    for (place, action), to in places.edges.items():
        if place in row:
            table[row[place], action] = to
    for place, action in places.blocked:
        if place in row:
            table[row[place], action] = -1
    return of, table


def shortest(
    of: Int[Tensor, " place"],
    table: Int[Tensor, "place action"],
    start: int,
    goals: set[int],
    edges: dict[tuple[int, int], int],
) -> Route | None:
    """The shortest way from a place to the nearest of several; None where there is none.

    Of ways of one length, the one that is found first by actions in their order.
    """
    ways = dict(zip(of.tolist(), table.tolist(), strict=True))
    came: dict[int, tuple[int, int]] = {start: (-1, -1)}
    queue = deque([start])
    while queue:
        place = queue.popleft()
        if place in goals:
            path = []
            while place != start:
                before, action = came[place]
                path.append((action, place, (before, action) in edges))
                place = before
            actions, places, walked = zip(*reversed(path), strict=True) if path else ((), (), ())
            return Route(actions, places, walked)
        for action, to in enumerate(ways[place]):
            if to >= 0 and to not in came:
                came[to] = (place, action)
                queue.append(to)
    return None
