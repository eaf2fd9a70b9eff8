"""An agent that keeps learning: perception, memories, a map, plans and habits, and what joins them.

One step: perceive, store what surprised, choose a goal, act.  Nothing of it is learnt by
backpropagation while it lives: every change is a slot written to a memory, or a place or a step
written to the map.
"""

import time as clock
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from unfrozen.agent.actor import Actor, Decision, Pursuit
from unfrozen.agent.belief import Belief
from unfrozen.agent.chart import Chart
from unfrozen.agent.configurator import Configurator, ConfiguratorSettings
from unfrozen.agent.memories import FactMemory, Habits, StepMemory
from unfrozen.agent.perception import Percept, Senses
from unfrozen.agent.planning import HALF_LIFE
from unfrozen.agent.protocols import Facts, Steps
from unfrozen.errors import AgentError
from unfrozen.hippocampus.tem_t import TemT

CONFIGURATOR = ConfiguratorSettings()
FACULTIES = ("map", "steps", "facts", "habits")
"""What is plastic: places and openings; steps found blocked; who is where; what is usually done."""


@dataclass(frozen=True)
class AgentSettings:
    """How an agent lives.

    Attributes:
        plastic: faculties that are written to.
        half_life: steps after which the belief that a step is blocked has halved.
        configurator: when it gives up.
        seed: of what it does where nothing is known.
    """

    plastic: tuple[str, ...] = FACULTIES
    half_life: float = HALF_LIFE
    configurator: ConfiguratorSettings = CONFIGURATOR
    seed: int = 0

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.plastic) - set(FACULTIES)):
            raise AgentError(f"no faculty {unknown[0]!r}: choose from {', '.join(FACULTIES)}")


class Agent:
    """An agent of a town.

    Args:
        senses: how the town is perceived.
        model: the structure that towns share: a TEM-transformer of grids.
        settings: how it lives.
        facts: another memory of facts than its own.
        steps: another memory of steps.

    Raises:
        AgentError: the town has more sights than the model tells apart.

    Example:
        >>> from unfrozen.agent import Agent, senses_of
        >>> from unfrozen.hippocampus.tem_t import trained
        >>> from unfrozen.world.environments import make
        >>> town = make("town", 1)
        >>> agent = Agent(senses_of(town), trained("grid"))
        >>> observed, _ = town.reset(seed=0)
        >>> agent.begin(observed)
        >>> agent.decide().action in (0, 1, 2, 3)
        True
    """

    def __init__(
        self,
        senses: Senses,
        model: TemT,
        settings: AgentSettings = AgentSettings(),
        *,
        facts: Facts | None = None,
        steps: Steps | None = None,
    ) -> None:
        width, n_actions = model.settings.width, model.settings.n_actions
        if senses.n_sights > model.settings.n_symbols:
            raise AgentError(
                f"the map's model tells {model.settings.n_symbols} sights apart, the town has "
                f"{senses.n_sights}: make the town with fewer, or train another model"
            )
        self.senses, self.settings = senses, settings
        self.chart = Chart(model)
        self.facts: Facts = FactMemory() if facts is None else facts
        self.steps: Steps = StepMemory(width, n_actions) if steps is None else steps
        self.habits = Habits(width, n_actions)
        self.configurator = Configurator(senses, settings.configurator)
        self.actor = Actor(
            self.chart, self.habits, self.configurator, settings.half_life, settings.seed
        )
        self.time = 0
        self.learning_seconds = 0.0
        self.wandering = False
        self._percept: Percept | None = None
        self.set_plastic(settings.plastic)

    @property
    def bytes(self) -> int:
        """Of all that it has stored."""
        return self.chart.bytes + sum(m.bytes for m in (self.facts, self.steps, self.habits))

    @property
    def percept(self) -> Percept:
        """What it perceives now.

        Raises:
            AgentError: it has not begun to live.
        """
        if self._percept is None:
            raise AgentError("the agent perceives nothing yet: begin(observation) starts its life")
        return self._percept

    @property
    def belief(self) -> Belief:
        """The state that its faculties share now.

        Raises:
            AgentError: it has not begun to live.
        """
        chart, last = self.chart, self.actor.last
        goal = None if last is None else last.goal
        return Belief(chart.map.code, self.percept.exits, chart.place, goal, self.time)

    def set_plastic(self, faculties: Iterable[str]) -> None:
        """Which faculties are written to from now on; the others stay as they are."""
        self.plastic = frozenset(faculties)
        self.chart.map.plastic = "map" in self.plastic

    def begin(self, observation: dict[str, Any]) -> None:
        """A new errand: the first one also begins its life."""
        percept = self._percept = self.senses.perceive(observation)
        if self.chart.map.places.n == 0:
            self.chart.begin(percept.sight, percept.exits, self.time)
        else:
            self.chart.look(percept.exits, self.time)
        self.actor.begin()
        self.configurator.begin()
        self._learn_facts(percept)

    @torch.no_grad()
    def decide(self) -> Decision:
        """Choose an action, and say why."""
        belief, network = self.belief, self.chart.network(self.steps)
        configuration = self.configurator.configure(
            belief, self.percept, self.facts, self.chart, network, self.plastic, self.wandering
        )
        return self.actor.decide(belief, network, configuration)

    def observe(self, action: int, observation: dict[str, Any]) -> None:
        """What came of an action.

        Raises:
            AgentError: it has not begun to live.
        """
        before = self.percept
        self.time += 1
        percept = self._percept = self.senses.perceive(observation)
        place = self.chart.place
        self.actor.moved(place, action)
        if not percept.bumped:
            with self._learning():
                self._passed(place, action)
            # To find out where it is, is no learning, though new places are written on the way.
            if self.chart.move(action, percept.sight, percept.exits, self.time):
                # Of what it pursued from where it was not, nothing leads anywhere.
                self.actor.begin()
        elif bool(before.exits[action]):
            with self._learning():
                self._was_blocked(place, action)
        self.chart.look(percept.exits, self.time)
        self._learn_facts(percept)
        self._arrived(percept)

    def end(self, success: bool) -> None:
        """An errand ended: what led to its goal becomes a habit, and where it is has no doubt."""
        if success and self.actor.pursuit is not None:
            self._form_habits(self.actor.pursuit)
        self.actor.begin()
        # What an errand left is told now: nothing of it may be dropped later.
        self.chart.settle()

    def _was_blocked(self, place: int, action: int) -> None:
        """An opening did not let: the step is stored, and a habit that led here is no more."""
        last = self.actor.last
        if "steps" in self.plastic and place >= 0:
            self.steps.blocked(self.chart.both_ways(place, action), time=self.time)
        if "habits" in self.plastic and last is not None and last.mode == "habit":
            self.habits.forget(tuple(i for kind, i in last.cites if kind == "habit"))
        self.actor.was_blocked("steps" in self.plastic and place >= 0)

    def _passed(self, place: int, action: int) -> None:
        """A step that was believed to be blocked could be taken."""
        if "steps" not in self.plastic or place < 0 or not self.steps.written:
            return
        steps = self.chart.both_ways(place, action)
        found = self.steps.evidence(steps[0].key[None], torch.tensor([action]))
        if bool(found.held > found.denied):
            self.steps.opened(steps, time=self.time)

    def _learn_facts(self, percept: Percept) -> None:
        """What is told is stored; what is seen, if it is not what was known."""
        if "facts" not in self.plastic:
            return
        with self._learning():
            for fact in percept.told:
                if fact.relation == "sells":
                    self._hold(fact.object, "is sold by", fact.subject, self.senses.people)
                else:
                    self._hold(fact.subject, fact.relation, fact.object, self.senses.places)
            for person in percept.persons if percept.name is not None else ():
                self._hold(person, "is at", str(percept.name), self.senses.places)

    def _hold(self, subject: str, relation: str, answer: str, answers: tuple[str, ...]) -> None:
        if not self.facts.knows(subject, relation, answer, answers):
            self.facts.hold(subject, relation, answer, time=self.time)

    def _arrived(self, percept: Percept) -> None:
        """Where the goal should be: form habits, or store what is not there."""
        pursuit = self.actor.pursuit
        if pursuit is None or pursuit.goal.kind not in ("place", "person"):
            return
        here = self.chart.network(self.steps).node(self.chart.place)
        if here < 0 or here not in pursuit.goal.nodes:
            return
        name, item = pursuit.goal.name, percept.errand.item
        if pursuit.goal.kind == "person" and name not in percept.persons:
            self._deny(name, "is at", str(percept.name))
        elif item is not None and percept.carried is None and percept.errand.to != name:
            self._deny(item, "is sold by", name)
        else:
            self._form_habits(pursuit)
        self.actor.pursuit = None

    def _deny(self, subject: str, relation: str, answer: str) -> None:
        if "facts" in self.plastic:
            with self._learning():
                self.facts.deny(subject, relation, answer, time=self.time)

    def _form_habits(self, pursuit: Pursuit) -> None:
        goal = self.chart.place
        if "habits" not in self.plastic or goal < 0 or not pursuit.habits:
            return
        # Of loops only the way out counts: the last action at each place.
        last = {place: action for place, action in pursuit.trail if place >= 0 and place != goal}
        sure = self.settings.configurator.sure
        with self._learning():
            key = self.chart.key(goal)
            for place, action in last.items():
                here = self.chart.key(place)
                known = self.habits.recall(here, key)
                if known.action != action or known.confidence < sure:
                    self.habits.form(here, key, action, time=self.time)

    @contextmanager
    def _learning(self) -> Iterator[None]:
        began = clock.perf_counter()
        try:
            yield
        finally:
            self.learning_seconds += clock.perf_counter() - began


def senses_of(town: Any) -> Senses:
    """How a town of `unfrozen.world.environments` is perceived."""
    life = town.tables.lives[0]
    return Senses(life.town.n_sights, len(life.town.rooms), life.persons.shape[1])
