"""Random walks in many worlds at once, and what is new in each of their steps."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.batch import Worlds

START = -1
"""The action of a walk's first step, which came from nowhere."""


class Walk(NamedTuple):
    """Steps in a batch of worlds: at t, an action has led to a place where a symbol is seen.

    Attributes:
        places: where the walk is.
        actions: what led there; -1 at the first step of a walk.
        symbols: what is seen there.
    """

    places: Int[Tensor, "b t"]
    actions: Int[Tensor, "b t"]
    symbols: Int[Tensor, "b t"]


class Novelty(NamedTuple):
    """What is new in each step of a walk.

    Only steps to places seen before can be foreseen.  Those that take an edge never taken are
    zero-shot inferences.  The literature counts an edge as new if it was not taken in this
    direction, which the way back from a step just taken already is; the strict count asks that it
    was taken in neither.

    Attributes:
        visits: how often the place was seen before.
        known: it was, at least once.
        new_pair: known, from another place, and the step between the two was never taken in
            either direction: the strict zero-shot.
        new_edge: known, from another place, and the step was never taken in this direction.
    """

    visits: Int[Tensor, "b t"]
    known: Bool[Tensor, "b t"]
    new_pair: Bool[Tensor, "b t"]
    new_edge: Bool[Tensor, "b t"]


@dataclass(frozen=True)
class WalkSettings:
    """How to walk.

    Attributes:
        straight: probability of doing what was done last, where that is possible; animals keep
            their direction.  0 chooses anew at every step.
    """

    straight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.straight < 1:
            raise MapError(f"a walk goes on straight with a probability below 1: {self.straight}")


def policy(worlds: Worlds) -> Tensor:
    """Cumulative probabilities of actions: of those possible, by the attraction of where they lead.

    Returns:
        [b, place, action], from the first action's probability to 1.
    """
    rows = torch.arange(len(worlds), device=worlds.neighbours.device)[:, None, None]
    weights = worlds.attraction[rows, worlds.neighbours.clamp(min=0)]
    weights = torch.where(worlds.neighbours >= 0, weights, 0.0).cumsum(2)
    return weights / weights[:, :, -1:].clamp(min=1e-30)


@torch.no_grad()
def walk(
    worlds: Worlds,
    symbols: Int[Tensor, "b place"],
    steps: int,
    generator: torch.Generator,
    settings: WalkSettings = WalkSettings(),
    start: Int[Tensor, " b"] | None = None,
) -> Walk:
    """Walk at random in every world.

    Args:
        worlds: a batch.
        symbols: what is seen where.
        steps: of each walk.
        generator: draws starts and steps.
        settings: how to walk.
        start: places of the first step; drawn by default.

    Raises:
        MapError: there are no steps, or symbols or starts do not fit the worlds.
    """
    b, n, actions = worlds.neighbours.shape
    device = worlds.neighbours.device
    if steps < 1 or symbols.shape != (b, n):
        raise MapError(f"a walk has at least one step, and symbols [{b}, {n}] of its worlds")
    if start is not None and (
        start.shape != (b,) or bool(((start < 0) | (start >= worlds.counts)).any())
    ):
        raise MapError(f"a walk starts at a place of each of its {b} worlds")

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=generator.device).to(device)

    # One flat table for all worlds: row = world * places + place.
    offsets = torch.arange(b, device=device) * n
    table = (worlds.neighbours + offsets[:, None, None]).flatten()
    possible = (worlds.neighbours >= 0).flatten()
    chances = policy(worlds).flatten(0, 1)
    # Steps up to the last possible action only, whatever rounding does to the last probability.
    chances = torch.where(chances >= 1 - 1e-6, 2.0, chances)
    draws = uniform(steps, b)
    straight = uniform(steps, b) < settings.straight if settings.straight else None
    if start is None:
        start = (draws[0] * worlds.counts).long()
    row = offsets + start.to(device)
    action = torch.zeros(b, dtype=torch.long, device=device)
    rows = torch.empty(steps, b, dtype=torch.long, device=device)
    taken = torch.full((steps, b), START, device=device)
    rows[0] = row
    for t in range(1, steps):
        chosen = (chances.index_select(0, row) <= draws[t, :, None]).sum(1)
        if straight is not None and t > 1:
            goes_on = straight[t] & possible[row * actions + action]
            chosen = torch.where(goes_on, action, chosen)
        action = chosen
        row = table[row * actions + action]
        rows[t], taken[t] = row, action
    seen = symbols.flatten()[rows]
    return Walk((rows - offsets).T.contiguous(), taken.T.contiguous(), seen.T.contiguous())


def novelty(walk: Walk) -> Novelty:
    """What is new in each step; see `Novelty`."""
    places = walk.places
    n = int(places.max()) + 1
    before = torch.cat([places[:, :1], places[:, :-1]], 1)
    began = walk.actions == START
    moved = (before != places) & ~began
    low, high = torch.minimum(before, places), torch.maximum(before, places)
    # A walk's first step, and staying, are no edges: each is a key of its own that is never new.
    visits = _earlier(places)
    known = visits > 0
    new_pair = known & moved & (_earlier(torch.where(moved, low * n + high, -1)) == 0)
    new_edge = known & moved & (_earlier(torch.where(moved, before * n + places, -1)) == 0)
    return Novelty(visits, known, new_pair, new_edge)


def _earlier(keys: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
    """How often each key stood earlier in its row."""
    ordered, order = keys.sort(dim=1, stable=True)
    at = torch.arange(keys.shape[1], device=keys.device).expand_as(keys)
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    since = at - torch.where(first, at, 0).cummax(1).values
    return torch.empty_like(since).scatter_(1, order, since)
