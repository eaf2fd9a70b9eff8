"""The same agent with one plastic part off, frozen, or fine-tuned: what each part is worth."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

from unfrozen.agent.agent import FACULTIES, Agent, AgentSettings
from unfrozen.agent.living.life import Childhood, LifeSettings, Lived, grow_up, live
from unfrozen.agent.memories import FactMemory
from unfrozen.agent.perception import Senses
from unfrozen.agent.tuned import TunedFacts, TunedSteps
from unfrozen.errors import AgentError
from unfrozen.hippocampus.tem_t import TemT
from unfrozen.memory.hopfield import HopfieldNetwork


@dataclass(frozen=True)
class Arm:
    """A way to live after childhood.

    Attributes:
        name: by which it is told.
        told: what it is.
        plastic: faculties that are written to.
        tuned: whether facts and steps are networks, fine-tuned by backpropagation.
        amnesic: whether each errand begins with what childhood left.
    """

    name: str
    told: str
    plastic: tuple[str, ...] = FACULTIES
    tuned: bool = False
    amnesic: bool = False


def _without(faculty: str, told: str) -> Arm:
    return Arm(f"no {faculty}", told, tuple(f for f in FACULTIES if f != faculty))


ARMS = {
    arm.name: arm
    for arm in (
        Arm("plastic", "everything is written to"),
        _without("map", "places and openings stay as in childhood"),
        _without("steps", "blocked steps are not stored"),
        _without("facts", "what is told and seen of people is not stored"),
        _without("habits", "Mode 2 alone"),
        Arm("amnesic", "each errand begins with what childhood left", amnesic=True),
        Arm("fine-tuned", "facts and steps in weights, by backpropagation", tuned=True),
        Arm("frozen", "nothing is written", ()),
    )
}
"""Name -> arm."""


def lives(
    names: tuple[str, ...], senses: Senses, model: TemT, settings: LifeSettings
) -> Iterator[tuple[str, Childhood, Iterator[Lived]]]:
    """Each arm's life after the same childhood.

    Args:
        names: of `ARMS`.
        senses: how the town is perceived.
        model: the structure of towns.
        settings: of the life.

    Yields:
        The arm's name, its childhood, and its errands as they are done.

    Raises:
        AgentError: there is no such arm.
    """
    for name in names:
        if name not in ARMS:
            raise AgentError(f"there is no arm {name!r}: choose from {', '.join(ARMS)}")
    child = Agent(senses, model, AgentSettings(seed=settings.seed))
    childhood = grow_up(child, settings)
    for name in names:
        yield name, childhood, _lived(child, ARMS[name], settings, childhood.place)


def tuned(child: Agent) -> Agent:
    """The same agent with facts and steps in weights, trained on what its childhood left."""
    agent, seed = copy.deepcopy(child), child.settings.seed
    facts, memory = TunedFacts(seed), _slots(child.facts)
    facts.study(memory.keys, memory.values[:, :-2])
    chart = agent.chart
    steps = TunedSteps(chart.model.settings.width, chart.model.settings.n_actions, seed)
    network = chart.network(child.steps)
    source, evidence = network.graph.source, network.evidence
    steps.study(
        network.graph.landmarks[source], network.actions, evidence.held > evidence.denied
    )  # fmt: skip
    agent.facts, agent.steps = facts, steps
    chart.version += 1
    return agent


def _slots(facts: object) -> HopfieldNetwork:
    if not isinstance(facts, FactMemory):
        raise AgentError("what childhood left is trained on as it lies in slots")
    return facts.slots.memory


def _lived(child: Agent, arm: Arm, settings: LifeSettings, place: int) -> Iterator[Lived]:
    agent = tuned(child) if arm.tuned else copy.deepcopy(child)
    agent.set_plastic(arm.plastic)
    if not arm.amnesic:
        yield from live(agent, settings, place)
        return
    number = 0
    while True:
        fresh = copy.deepcopy(child)
        fresh.set_plastic(arm.plastic)
        if number:
            # Where it is, is not forgotten.
            here = agent.chart.map
            fresh.chart.resume(here.where.place, here.code, here.where.map)
        agent = fresh
        done = list(live(agent, settings, place, number, 1))
        if not done:
            return
        yield done[0]
        number, place = number + 1, done[0].place
