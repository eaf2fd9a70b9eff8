"""What faculties ask of one another: small protocols, so that each can be another one's.

Perceive, foresee, score, act; and store and recall, of facts and of steps.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.agent.memories import Answer, Evidence
from unfrozen.agent.memories.steps import Step

if TYPE_CHECKING:
    from unfrozen.agent.actor import Decision
    from unfrozen.agent.belief import Belief, Goal, Weights
    from unfrozen.agent.chart import Network
    from unfrozen.agent.configurator import Configuration
    from unfrozen.agent.perception import Percept
    from unfrozen.agent.planning import Plan


@runtime_checkable
class Perceives(Protocol):
    """Turns what the world shows into what the others work with."""

    def perceive(self, observation: dict[str, Any], row: int = 0) -> "Percept":
        """One copy's observation."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """Knows where steps lead, those too that were never taken."""

    def network(self, memory: "Steps") -> "Network":
        """Places and steps, and what is believed of each."""
        ...


@runtime_checkable
class Scores(Protocol):
    """Gives ways their energy, a term by its sources, and finds the least."""

    def __call__(
        self,
        network: "Network",
        here: int,
        goal: "Goal",
        *,
        now: int,
        half_life: float,
        weights: "Weights",
    ) -> "Plan | None":
        """The best way, or None where there is none."""
        ...


@runtime_checkable
class Acts(Protocol):
    """Chooses an action, and says why."""

    def decide(
        self, belief: "Belief", network: "Network", configuration: "Configuration"
    ) -> "Decision":
        """One decision."""
        ...


@runtime_checkable
class Facts(Protocol):
    """Stores and recalls what is told and seen of people."""

    @property
    def bytes(self) -> int:
        """Of all that is stored."""
        ...

    def hold(self, subject: str, relation: str, answer: str, *, time: int) -> int:
        """Store a fact; returns the id of what was written."""
        ...

    def deny(self, subject: str, relation: str, answer: str, *, time: int) -> int:
        """Store that a fact is not true any more; returns the id of what was written."""
        ...

    def ask(self, subject: str, relation: str, answers: Sequence[str]) -> Answer:
        """The likeliest of some answers."""
        ...

    def knows(self, subject: str, relation: str, answer: str, answers: Sequence[str]) -> bool:
        """Whether it would be no news that an answer is the right one of some."""
        ...


@runtime_checkable
class Steps(Protocol):
    """Stores and recalls what steps did not do."""

    @property
    def bytes(self) -> int:
        """Of all that is stored."""
        ...

    @property
    def version(self) -> int:
        """Another number whenever what is stored is another."""
        ...

    @property
    def written(self) -> bool:
        """Whether there is anything to be asked for."""
        ...

    def blocked(self, steps: tuple[Step, ...], *, time: int) -> tuple[int, ...]:
        """Store that steps led nowhere."""
        ...

    def opened(self, steps: tuple[Step, ...], *, time: int) -> tuple[int, ...]:
        """Store that steps can be taken."""
        ...

    def evidence(self, keys: Float[Tensor, "e d"], actions: Int[Tensor, " e"]) -> Evidence:
        """What speaks for steps being blocked, and against it."""
        ...
