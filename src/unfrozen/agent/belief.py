"""What all faculties of an agent share: where it is, what it wants, and when."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor


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


@dataclass(frozen=True, eq=False)
class Belief:
    """The state that all faculties share.

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
