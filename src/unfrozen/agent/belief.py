"""What all faculties of an agent share: where it is, what it wants and when, and what counts."""

import math
from dataclasses import dataclass, replace

from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.errors import AgentError


@dataclass(frozen=True)
class Goal:
    """What is wanted, as far as it is known where.

    Attributes:
        kind: "place", "person", "search" (for somebody) or "explore".
        name: of what is wanted.
        nodes: landmarks where it may be.
        doubts: energy of each of them: how unlikely it is, or how well known already.
        sources: ids of the facts that it rests on, with their shares.
        chosen: the landmark that a plan leads to; -1 before there is one.
        at: name of the place where it is believed to be, if it is one.
    """

    kind: str
    name: str
    nodes: tuple[int, ...] = ()
    doubts: tuple[float, ...] = ()
    sources: tuple[tuple[int, float], ...] = ()
    chosen: int = -1
    at: str = ""

    @property
    def same(self) -> tuple[str, str, str]:
        """What a goal shares with itself at other times: kind, name and where."""
        return self.kind, self.name, self.at


@dataclass(frozen=True)
class Weights:
    """What the terms of a plan's energy count.

    Attributes:
        effort: of each step.
        memory: of what speaks for a step being blocked.
        goal: of the doubt that the goal is there.
    """

    effort: float = 1.0
    memory: float = 1.0
    goal: float = 1.0

    def __post_init__(self) -> None:
        each = (self.effort, self.memory, self.goal)
        if not all(0 <= weight < math.inf for weight in each) or not self.effort:
            raise AgentError(
                f"weights of energies are finite and none is negative, and effort costs: not {each}"
            )


EVEN = Weights()
"""All terms as they are."""


@dataclass(frozen=True, eq=False)
class Belief:
    """The state that all faculties share: perception makes it, and a decision tells it.

    Attributes:
        latent: the dynamic state, of which the world model foresees the next.
        structure: what the world is like here; the openings that are seen.
        place: its number on the map; -1 if it is none that is known.
        goal: what is wanted now; None before anything is.
        time: steps of the whole life.
    """

    latent: Float[Tensor, " d"]
    structure: Bool[Tensor, " action"]
    place: int
    goal: Goal | None
    time: int

    def wanting(self, goal: Goal) -> "Belief":
        """The same, with a goal."""
        return replace(self, goal=goal)
