"""The actor: by habit where it is sure (Mode 1), by a plan where it is not (Mode 2).

Source: LeCun 2022, section 3.1: Mode 1 is one pass of a policy, Mode 2 a search by the world
model, and what Mode 2 finds is compiled into Mode 1.
"""

import math
import time as clock
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from unfrozen.agent.belief import Belief, Goal
from unfrozen.agent.chart import Chart, Network
from unfrozen.agent.configurator import Configuration, Configurator
from unfrozen.agent.memories import Habits
from unfrozen.agent.planning import Plan, plan
from unfrozen.agent.protocols import Scores

Mode = Literal["habit", "plan", "random"]


@dataclass(frozen=True, eq=False)
class Decision:
    """What was done at a step, and why.

    Attributes:
        belief: before it.
        configuration: how the faculties were set for it.
        mode: "habit" (Mode 1), "plan" (Mode 2), or "random" where nothing is known.
        action: that was chosen.
        plan: in force; None without one.
        at: how many of its actions were taken before.
        cites: what it came from: (kind, id) of slots.
        seconds: that deciding took.
    """

    belief: Belief
    configuration: Configuration
    mode: Mode
    action: int
    plan: Plan | None = None
    at: int = 0
    cites: tuple[tuple[str, int], ...] = ()
    seconds: float = 0.0

    @property
    def goal(self) -> Goal:
        """What it serves."""
        return self.configuration.goal


@dataclass
class Pursuit:
    """What is under way towards a goal.

    Attributes:
        goal: that is pursued.
        trail: places and actions so far.
        plan: in force.
        network: for which it was made.
        at: how many of its actions were taken.
        taken: steps since the goal was set.
        budget: steps of habits after which it is an impasse.
        nearest: the fewest steps that were left of a plan.
        idle: steps since then.
        habits: whether they are followed.
    """

    goal: Goal
    trail: list[tuple[int, int]] = field(default_factory=list)
    plan: Plan | None = None
    network: Network | None = None
    at: int = 0
    taken: int = 0
    budget: float = math.inf
    nearest: float = math.inf
    idle: int = 0
    habits: bool = True


@dataclass
class Spent:
    """What deciding cost.

    Attributes:
        planning: seconds spent on plans.
        plans: that were made.
        recalling: seconds spent on decisions by habit.
        recalls: of them.
    """

    planning: float = 0.0
    plans: int = 0
    recalling: float = 0.0
    recalls: int = 0


class Actor:
    """Chooses actions.

    Args:
        chart: where it is.
        habits: what is usually done.
        configurator: when to give up.
        half_life: of beliefs that steps are blocked.
        seed: of what is done where nothing is known.
        planner: scores ways, and finds the best; by the least energy over known places by default.
    """

    def __init__(
        self,
        chart: Chart,
        habits: Habits,
        configurator: Configurator,
        half_life: float,
        seed: int,
        planner: Scores = plan,
    ) -> None:
        self.chart, self.habits, self.configurator = chart, habits, configurator
        self.half_life, self.planner = half_life, planner
        self.pursuit: Pursuit | None = None
        self.spent = Spent()
        self.last: Decision | None = None
        self.seed = seed

    def begin(self) -> None:
        """A new errand."""
        self.pursuit = self.last = None

    def decide(self, belief: Belief, network: Network, configuration: Configuration) -> Decision:
        """Choose an action.

        Args:
            belief: where it is and when, and what openings are seen.
            network: what is known.
            configuration: what to go for, and how.
        """
        began, goal, pursuit = clock.perf_counter(), configuration.goal, self.pursuit
        if pursuit is None or pursuit.goal.same != goal.same:
            pursuit = self.pursuit = Pursuit(goal)
        elif goal.kind in ("place", "person") and goal.nodes != pursuit.goal.nodes:
            # It is known to be elsewhere now.
            pursuit.goal, pursuit.plan = goal, None
        belief = belief.wanting(goal)
        facts = tuple(("fact", i) for i, _ in goal.sources)

        def decided(mode: Mode, action: int, **more: Any) -> Decision:
            seconds = clock.perf_counter() - began
            self.last = Decision(belief, configuration, mode, action, seconds=seconds, **more)
            return self.last

        if (
            configuration.habits
            and pursuit.habits
            and (found := self._habit(pursuit, belief, network, configuration))
        ):
            cites = tuple(("habit", i) for i in found[1]) + facts
            made = decided("habit", found[0], cites=cites)
            self.spent.recalling += made.seconds
            self.spent.recalls += 1
            return made
        chosen = self._plan(pursuit, belief, network, configuration)
        if chosen is None:
            return decided("random", self._wander(belief))
        cites = tuple(("memory", i) for i in chosen.cites) + facts
        at = pursuit.at
        return decided("plan", chosen.actions[at], plan=chosen, at=at, cites=cites)

    def moved(self, place: int, action: int) -> None:
        """The action was taken at a place."""
        if self.pursuit is not None:
            self.pursuit.trail.append((place, action))
            self.pursuit.at += 1
            self.pursuit.taken += 1

    def was_blocked(self, learnt: bool) -> None:
        """It led nowhere: what was planned is void, and habits are left for plans.

        Args:
            learnt: whether it is known from now on, so that the next plan is another.
        """
        if self.pursuit is not None:
            self.pursuit.plan, self.pursuit.habits, self.pursuit.trail = None, False, []
            if learnt:
                self.pursuit.nearest, self.pursuit.idle = math.inf, 0

    def _habit(
        self, pursuit: Pursuit, belief: Belief, network: Network, configuration: Configuration
    ) -> tuple[int, tuple[int, ...]] | None:
        """What is usually done here, if it is sure and nothing speaks against it."""
        here, goal = belief.place, configuration.goal
        if goal.kind not in ("place", "person") or len(goal.nodes) != 1 or here < 0:
            return None
        if pursuit.taken > pursuit.budget:
            pursuit.habits = False
            return None
        to = int(network.places[goal.nodes[0]])
        found = self.habits.recall(self.chart.key(here), self.chart.key(to))
        if found.confidence < configuration.sure:
            return None
        if any(place == here for place, _ in pursuit.trail):
            # Habits of different times can lead round in circles.
            pursuit.habits = False
            self.habits.forget(found.ids)
            return None
        row = network.edge(here, found.action)
        if row < 0 or network.barred(row, since=belief.time - self.half_life):
            return None
        if math.isinf(pursuit.budget):
            pursuit.budget = pursuit.taken + network.graph.n
        pursuit.plan = None
        return found.action, found.ids

    def _plan(
        self, pursuit: Pursuit, belief: Belief, network: Network, configuration: Configuration
    ) -> Plan | None:
        """The plan in force, or another one if the world is another than it was made for."""
        made = pursuit.plan
        done = made is not None and pursuit.at >= len(made.actions)
        if done or pursuit.network is not network:
            # It arrived, or learnt something: that is a gain.
            pursuit.nearest, pursuit.idle = math.inf, 0
        if made is None or done or pursuit.network is not network:
            made = self._made(pursuit, belief, network, configuration)
        left = math.inf if made is None else len(made.actions) - pursuit.at
        pursuit.idle = 0 if left < pursuit.nearest else pursuit.idle + 1
        pursuit.nearest = min(pursuit.nearest, left)
        if pursuit.idle > configuration.patience:
            self.configurator.impasse(belief.time)
            pursuit.habits, pursuit.nearest, pursuit.idle = False, math.inf, 0
        return made

    def _made(
        self, pursuit: Pursuit, belief: Belief, network: Network, configuration: Configuration
    ) -> Plan | None:
        """Another plan; to what nobody has seen, if the goal is in reach of nothing known."""
        began = clock.perf_counter()
        here, goal = belief.place, configuration.goal
        how = {
            "now": belief.time, "half_life": self.half_life, "weights": configuration.weights,
        }  # fmt: skip
        found = self.planner(network, here, goal, **how)
        if found is None and goal.kind != "explore" and network.node(here) >= 0:
            found = self.planner(network, here, self.configurator.explore(network), **how)
        pursuit.plan, pursuit.network, pursuit.at = found, network, 0
        self.spent.planning += clock.perf_counter() - began
        self.spent.plans += 1
        return found

    def _wander(self, belief: Belief) -> int:
        """Any opening, not back if there is another."""
        open_ = torch.nonzero(belief.structure)[:, 0].tolist()
        if self.last is not None and len(open_) > 1:
            back = int(self.chart.back[self.last.action])
            open_ = [action for action in open_ if action != back] or open_
        if not open_:
            return 0
        # Drawn by the time, so that a life that is gone on with is the same.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + belief.time)
        return open_[int(torch.randint(len(open_), (1,), generator=generator))]
