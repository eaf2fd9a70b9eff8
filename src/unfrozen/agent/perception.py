"""From what the town shows to what the agent works with: sights, people by name, words as facts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from unfrozen.errors import AgentError
from unfrozen.world.environments.town.facts import (
    ITEMS,
    PERSONS,
    PLACES,
    Errand,
    Fact,
    read,
    read_errand,
)


@dataclass(frozen=True, eq=False)
class Percept:
    """What is perceived at one step.

    Attributes:
        sight: number of what the place looks like.
        name: of the place, where it has one.
        exits: openings that are seen.
        bumped: whether the last action led nowhere.
        persons: who is here.
        carried: what one has been given for the errand, or None.
        errand: what is to be done.
        told: facts, in words.
    """

    sight: int
    name: str | None
    exits: Bool[Tensor, " action"]
    bumped: bool
    persons: tuple[str, ...]
    carried: str | None
    errand: Errand
    told: tuple[Fact, ...]


@dataclass(frozen=True)
class Senses:
    """How a town is perceived.

    Attributes:
        n_sights: how many there are; the last ones are those of rooms.
        rooms: how many rooms have a name.
        persons: how many live there.
    """

    n_sights: int
    rooms: int
    persons: int

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the rooms."""
        return PLACES[: self.rooms]

    @property
    def people(self) -> tuple[str, ...]:
        """Names of those who live there."""
        return PERSONS[: self.persons]

    def sight(self, name: str) -> int:
        """What the place of a name looks like.

        Raises:
            AgentError: there is no such place.
        """
        if name not in self.places:
            raise AgentError(f"the town has no {name!r}, only {', '.join(self.places)}")
        return self.n_sights - self.rooms + self.places.index(name)

    def perceive(self, observation: dict[str, Any], row: int = 0) -> Percept:
        """One copy's observation.

        Raises:
            WorldError: what is told cannot be read.
        """
        sight = int(observation["sight"][row])
        room = sight - (self.n_sights - self.rooms)
        here = np.flatnonzero(observation["persons"][row])
        carried = int(observation["carried"][row])
        return Percept(
            sight=sight,
            name=self.places[room] if room >= 0 else None,
            exits=torch.from_numpy(np.asarray(observation["exits"][row]) > 0),
            bumped=bool(observation["bumped"][row]),
            persons=tuple(PERSONS[k] for k in here.tolist()),
            carried=ITEMS[carried - 1] if carried else None,
            errand=read_errand(observation["errand"][row]),
            told=read(observation["told"][row]),
        )
