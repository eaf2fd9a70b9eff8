"""Many worlds of one family as one: tables padded to the largest, and what is seen in each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.world import NOWHERE, World


@dataclass(frozen=True, eq=False)
class Worlds:
    """A batch of worlds that share their actions.

    Attributes:
        worlds: each of them.
        neighbours: where actions lead; -1 where they cannot be taken, and of places that are none.
        attraction: of places, 0 of those that are none.
    """

    worlds: tuple[World, ...]
    neighbours: Int[Tensor, "b place action"]
    attraction: Float[Tensor, "b place"]

    def __len__(self) -> int:
        return len(self.worlds)

    @property
    def n_places(self) -> int:
        """Places of the largest world."""
        return self.neighbours.shape[1]

    @property
    def n_actions(self) -> int:
        """Actions that they share."""
        return self.neighbours.shape[2]

    @property
    def counts(self) -> Int[Tensor, " b"]:
        """Places of each."""
        counts = [world.n_places for world in self.worlds]
        return torch.tensor(counts, device=self.neighbours.device)

    def to(self, device: torch.device | str) -> "Worlds":
        """The batch on another device."""
        return Worlds(self.worlds, self.neighbours.to(device), self.attraction.to(device))


def batch(worlds: Sequence[World]) -> Worlds:
    """Worlds side by side.

    Raises:
        MapError: there are none, or their actions differ.
    """
    if not worlds:
        raise MapError("a batch needs at least one world")
    # Lines of different lengths have different actions: the longest one's begin with the others'.
    actions = max((world.actions for world in worlds), key=len)
    for world in worlds:
        if world.actions != actions[: world.n_actions]:
            raise MapError(
                f"the actions of a {world.family} world and of a {worlds[0].family} world differ: "
                "they cannot share a batch"
            )
    n = max(world.n_places for world in worlds)
    neighbours = torch.full((len(worlds), n, len(actions)), NOWHERE)
    attraction = torch.zeros(len(worlds), n)
    for i, world in enumerate(worlds):
        neighbours[i, : world.n_places, : world.n_actions] = world.neighbours
        attraction[i, : world.n_places] = 1.0 if world.attraction is None else world.attraction
    return Worlds(tuple(worlds), neighbours, attraction)


def draw_symbols(
    worlds: Worlds, n_symbols: int, generator: torch.Generator
) -> Int[Tensor, "b place"]:
    """What is seen at each place of each world: uniform draws, with replacement.

    Places that look alike have one symbol; landmarks have their own, which no other place has.

    Args:
        worlds: whose structure is shared.
        n_symbols: how many symbols there are.
        generator: draws them.

    Returns:
        Symbols from 0; those of places that are none mean nothing.

    Raises:
        MapError: there are fewer symbols than landmarks and one more.
    """
    kept = [0 if w.landmarks is None else int(w.landmarks.max()) + 1 for w in worlds.worlds]
    reserved = max(kept)
    if n_symbols < reserved + 1:
        raise MapError(f"{reserved} landmarks and other places need more than {n_symbols} symbols")
    shape = (len(worlds), worlds.n_places)
    drawn = torch.randint(
        reserved, n_symbols, shape, generator=generator, device=generator.device
    ).to(worlds.neighbours.device)
    for i, world in enumerate(worlds.worlds):
        if world.senses is not None:
            drawn[i, : world.n_places] = drawn[i, world.senses.to(drawn.device)]
        if world.landmarks is not None:
            marks = world.landmarks.to(drawn.device)
            row = drawn[i, : world.n_places]
            drawn[i, : world.n_places] = torch.where(marks >= 0, marks, row)
    return drawn
