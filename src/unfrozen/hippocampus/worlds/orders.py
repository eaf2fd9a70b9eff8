"""Worlds that are no plane: ranks, families, loops with laps."""

from functools import lru_cache

import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.world import NOWHERE, World, by_steps


@lru_cache(maxsize=256)
def line(length: int, reach: int | None = None) -> World:
    """Ranks for transitive inference: an action says how many ranks up or down.

    Args:
        length: ranks.
        reach: the most ranks that an action spans; all but one by default.

    Raises:
        MapError: there are fewer than three ranks, or an action spans none.

    Source: Whittington et al. 2020, transitive inference.
    """
    reach = length - 1 if reach is None else reach
    if length < 3 or reach < 1:
        raise MapError(f"a line has at least 3 ranks and actions of 1, not {length} and {reach}")
    spans = [span for size in range(1, reach + 1) for span in (size, -size)]
    ranks = [(rank,) for rank in range(length)]
    flat = torch.arange(length).float()
    return by_steps(
        "line",
        ranks,
        {f"{span:+d}": (span,) for span in spans},
        coordinates=torch.stack([flat, torch.zeros(length)], 1),
    )


@lru_cache(maxsize=256)
def hierarchy(width: int, height: int | None = None, reach: int = 2) -> World:
    """People of two ranks each (say power and popularity): actions compare both at once.

    Args:
        width: ranks of the first kind.
        height: of the second; as many by default.
        reach: the most ranks that an action spans, in either.

    Raises:
        MapError: there are fewer than two ranks, or an action spans none.

    Source: Park et al. 2020, map making, for the space; Whittington et al. 2020 for actions.
    """
    height = width if height is None else height
    if min(width, height) < 2 or reach < 1:
        raise MapError(f"a hierarchy has at least 2 ranks of each kind, not {width}x{height}")
    spans = range(-reach, reach + 1)
    steps = {f"{a:+d}{b:+d}": (a, b) for a in spans for b in spans if (a, b) != (0, 0)}
    positions = [(x, y) for y in range(height) for x in range(width)]
    return by_steps("hierarchy", positions, steps, coordinates=torch.tensor(positions).float())


@lru_cache(maxsize=64)
def family(levels: int) -> World:
    """A family tree in which everybody has two children, and ten relations.

    Parent, grandparent, sibling, aunt, and the first and the second child, niece and cousin.

    Args:
        levels: generations: 3, 4 and 5 are 7, 15 and 31 people.

    Raises:
        MapError: there are fewer than two generations.

    Source: Whittington et al. 2020, family trees.
    """
    if levels < 2:
        raise MapError(f"a family has at least 2 generations, not {levels}")
    n = 2**levels - 1

    def parent(one: int) -> int:
        return (one - 1) // 2 if one > 0 else NOWHERE

    def child(one: int, which: int) -> int:
        place = 2 * one + which
        return place if one != NOWHERE and place < n else NOWHERE

    def sibling(one: int) -> int:
        return one + 1 if one % 2 else (one - 1 if one > 0 else NOWHERE)

    table = []
    for one in range(n):
        up = parent(one)
        beside = sibling(one)
        aunt = sibling(up) if up != NOWHERE else NOWHERE
        table.append(
            [
                up, parent(up) if up != NOWHERE else NOWHERE, beside, aunt,
                *(child(one, k) for k in (1, 2)),
                *(child(beside, k) for k in (1, 2)),
                *(child(aunt, k) for k in (1, 2)),
            ]
        )  # fmt: skip
    actions = ("parent", "grandparent", "sibling", "aunt")
    numbered = tuple(f"{who} {k}" for who in ("child", "niece", "cousin") for k in (1, 2))
    return World("family", torch.tensor(table), actions + numbered)


@lru_cache(maxsize=64)
def laps(length: int, number: int = 4) -> World:
    """A track that is run several times before a reward: each lap looks like the last.

    To foresee the reward, a model must count.  What it counts with are lap cells.

    Args:
        length: places of the track.
        number: laps until the reward, which is the landmark of symbol 0.

    Raises:
        MapError: the track has fewer than two places, or is run less than once.

    Source: Sun et al. 2020; Whittington et al. 2020.
    """
    if length < 2 or number < 1:
        raise MapError(f"a track has at least 2 places and 1 lap, not {length} and {number}")
    n = length * number
    table = (torch.arange(n)[:, None] + 1) % n
    landmarks = torch.full((n,), -1)
    landmarks[-1] = 0
    return World("laps", table, ("forward",), senses=torch.arange(n) % length, landmarks=landmarks)
