"""The executive: what to want next, how to get it, and what to do when that does not work.

Rules, none of them learnt: an errand is split into tasks, a task is resolved to places by what is
known, an unknown place is explored for and an absent person is searched. No progress is an
impasse: habits are left for plans, and after another one the unknown is explored for a while.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from unfrozen.agent.belief import EVEN, Belief, Goal, Weights
from unfrozen.agent.chart import Chart, Network
from unfrozen.agent.perception import Percept, Senses
from unfrozen.agent.protocols import Facts

NOVELTY, DOUBT, SEEN, STALE = 0.5, 1.0, 40.0, 200.0
"""Energies: of the unknown, of an unsure fact, of a room just seen; steps until that has gone."""


class Task(NamedTuple):
    """A part of an errand.

    Attributes:
        kind: "place", "person" (to be with) or "item" (to be given).
        name: of what is wanted.
    """

    kind: str
    name: str


Mode = Literal["pursue", "search", "explore", "recover"]


@dataclass(frozen=True)
class ConfiguratorSettings:
    """When to give up, and what counts how much.

    Attributes:
        patience: steps without coming nearer than before, after which it is an impasse.
        explore: steps that are spent on the unknown after two impasses in a row.
        sure: confidence from which a habit is followed.
        weights: of the terms of energies, by mode; even where a mode has none.
    """

    patience: int = 8
    explore: int = 30
    sure: float = 0.8
    weights: Mapping[Mode, Weights] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """How all faculties are set for one step.

    Attributes:
        mode: "pursue" a goal whose place is known; "search" for what may be anywhere; "explore"
            what nobody has seen; "recover" by exploring, after impasses.
        goal: what to go for.
        tasks: what is left of the errand, in order; the goal serves the first.
        weights: of the terms of a plan's energy.
        habits: whether Mode 1 may act.
        sure: confidence from which it does.
        patience: steps without a gain, after which it is an impasse.
        plastic: faculties that are written to.
    """

    mode: Mode
    goal: Goal
    tasks: tuple[Task, ...] = ()
    weights: Weights = EVEN
    habits: bool = True
    sure: float = 0.8
    patience: int = 8
    plastic: frozenset[str] = frozenset()


@dataclass
class Configurator:
    """Chooses goals and modes.

    Attributes:
        senses: how the town is perceived.
        settings: when it gives up.
        impasses: on this errand.
        until: time until which the unknown is explored.
    """

    senses: Senses
    settings: ConfiguratorSettings = ConfiguratorSettings()
    impasses: int = 0
    until: int = -1

    def begin(self) -> None:
        """A new errand."""
        self.impasses, self.until = 0, -1

    def tasks(self, percept: Percept) -> tuple[Task, ...]:
        """What is left to do of the errand, in order."""
        errand = percept.errand
        last = Task("person" if errand.to in self.senses.people else "place", errand.to)
        if errand.item is None or percept.carried == errand.item:
            return (last,)
        return Task("item", errand.item), last

    def configure(
        self,
        belief: Belief,
        percept: Percept,
        facts: Facts,
        chart: Chart,
        network: Network,
        plastic: Collection[str],
        wandering: bool = False,
    ) -> Configuration:
        """Set all faculties for a step.

        Args:
            belief: where it is, and when.
            percept: what is perceived.
            facts: what is known of people.
            chart: where places are.
            network: of the chart.
            plastic: faculties that are written to.
            wandering: whether there is no errand, only the unknown.
        """
        tasks, settings = (() if wandering else self.tasks(percept)), self.settings
        if wandering:
            goal = self.explore(network)
        else:
            goal = self.goal(percept, facts, chart, network, belief.time)
        mode: Mode = "pursue"
        if not wandering and belief.time < self.until:
            mode = "recover"
        elif goal.kind in ("explore", "search"):
            mode = "explore" if goal.kind == "explore" else "search"
        return Configuration(
            mode, goal, tasks, settings.weights.get(mode, EVEN), "habits" in plastic,
            settings.sure, settings.patience, frozenset(plastic),
        )  # fmt: skip

    def goal(
        self, percept: Percept, facts: Facts, chart: Chart, network: Network, time: int
    ) -> Goal:
        """What to go for now.

        Args:
            percept: what is perceived.
            facts: what is known of people.
            chart: where places are.
            network: of the chart.
            time: the time.
        """
        if time < self.until:
            return self.explore(network)
        task = self.tasks(percept)[0]
        sources: list[tuple[int, float]] = []
        confidence, person = 1.0, task.name
        if task.kind == "item":
            seller = facts.ask(task.name, "is sold by", self.senses.people)
            if seller.name is None:
                return self._search(percept, chart, network, task.name, time)
            person, confidence = seller.name, seller.confidence
            sources += seller.sources
        place = task.name
        if task.kind != "place":
            at = facts.ask(person, "is at", self.senses.places)
            if at.name is None:
                return self._search(percept, chart, network, person, time)
            place, confidence = at.name, confidence * at.confidence
            sources += at.sources
        nodes = tuple(network.node(p) for p in chart.find(self.senses.sight(place)))
        if not nodes:
            return self.explore(network, place)
        total = sum(share for _, share in sources) or 1.0
        doubt = DOUBT * max(0.0, 1 - confidence)
        return Goal(
            "place" if task.kind == "place" else "person", person,
            nodes, (doubt,) * len(nodes), tuple((i, share / total) for i, share in sources),
            at=place,
        )  # fmt: skip

    def explore(self, network: Network, name: str = "") -> Goal:
        """What nobody has seen; nowhere in particular, if everything was."""
        nodes = tuple(network.frontier.tolist())
        return Goal("explore", name, nodes, (NOVELTY,) * len(nodes))

    def impasse(self, time: int) -> None:
        """A way turned out much longer than it was planned."""
        self.impasses += 1
        if self.impasses % 2 == 0:
            self.until = time + self.settings.explore

    def _search(
        self, percept: Percept, chart: Chart, network: Network, name: str, time: int
    ) -> Goal:
        """Rooms that were not looked into lately."""
        nodes, doubts = [], []
        for place in self.senses.places:
            if place == percept.name:
                continue
            for number in chart.find(self.senses.sight(place)):
                # What was just seen is the least likely to hold what was not there.
                age = time - chart.looks[number].time if number in chart.looks else STALE
                doubt = NOVELTY + SEEN * max(0.0, 1 - age / STALE)
                nodes.append(network.node(number))
                doubts.append(doubt)
        if not nodes:
            return self.explore(network, name)
        return Goal("search", name, tuple(nodes), tuple(doubts))
