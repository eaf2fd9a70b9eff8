"""Why something was done: its energies, the stored things they came from, and what if those went.

A step is explained by living it again: the agent is folded as it was when the errand began, sees
what was seen, and decides; then once more without the slots that the decision cites.
"""

import copy
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from unfrozen.agent.actor import Decision
from unfrozen.agent.agent import Agent
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.written import MEMORIES, told_fact
from unfrozen.agent.memories import FactMemory, StepMemory
from unfrozen.agent.planning import Option, plan
from unfrozen.errors import AgentError
from unfrozen.workspace import Change
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, PLACES

HELD, TAKEN_BACK = "held", "taken back"
DIRECTIONS = ("east", "north", "west", "south")


@dataclass(frozen=True)
class Slot:
    """A stored thing that a decision came from.

    Attributes:
        kind: "fact", "memory" (of a step) or "habit".
        id: of the slot.
        told: what it holds, in words.
        time: when it was written.
        entry: name of the experience that wrote it.
        since: what became of it: "held", "taken back", or "forgotten by" another experience.
    """

    kind: str
    id: int
    told: str
    time: int
    entry: str
    since: str = HELD


@dataclass(frozen=True)
class Explanation:
    """Why something was done.

    Attributes:
        time: of the life.
        errand: its number; None in childhood.
        asked: the errand, in words.
        decision: lived again.
        place: where it was, in words.
        options: what the ways from there cost, whether it planned just then or not; the best first.
        slots: that the decision cites.
        without: what is done if they are gone; None where nothing is cited.
    """

    time: int
    errand: int | None
    asked: str
    decision: Decision
    place: str
    options: tuple[Option, ...]
    slots: tuple[Slot, ...]
    without: Decision | None

    @property
    def matters(self) -> bool:
        """Whether something else is done without what is cited."""
        return self.without is not None and differ(self.decision, self.without)

    @property
    def taken_back(self) -> tuple[str, ...]:
        """Experiences that it rests on and that were taken back since."""
        return tuple(dict.fromkeys(s.entry for s in self.slots if s.since == TAKEN_BACK))


def explain(life: LifeFolder, time: int) -> Explanation:
    """Why something was done at a time.

    Args:
        life: written down.
        time: of the step.

    Raises:
        AgentError: nothing was decided then, or the life that was written down is not this one.
    """
    if 0 <= time < life.grown:
        errand, asked, agent = None, "Explore the town.", life.child(time)
    else:
        errand, _ = life.moment(time)
        asked, agent = life.errand(errand)["asked"], lived_again(life, time)
    bare = copy.deepcopy(agent)
    decision = agent.decide()
    left = _Left.of(life) if decision.cites else _Left((), frozenset())
    other = "childhood" if errand is None else "this errand"
    slots = tuple(_slot(left, agent, kind, which, other) for kind, which in decision.cites)
    without = None
    if slots:
        forget(bare, decision.cites)
        without = bare.decide()
    return Explanation(
        time, errand, asked, decision, name_of(agent, agent.chart.place),
        _options(agent, decision), slots, without,
    )  # fmt: skip


def _options(agent: Agent, decision: Decision) -> tuple[Option, ...]:
    """Ways from where it is to what it went for: those of its plan, or as a plan has them now."""
    made = decision.plan
    if made is None or decision.at:
        network, goal = agent.chart.network(agent.steps), decision.goal
        made = plan(
            network, agent.chart.place, goal if made is None else made.goal,
            now=agent.time, half_life=agent.settings.half_life,
            weights=decision.configuration.weights,
        )  # fmt: skip
    return () if made is None else made.options


def lived_again(life: LifeFolder, time: int) -> Agent:
    """The agent as it was before a decision.

    Raises:
        AgentError: nothing was decided then, or it decides otherwise than is written down.
    """
    errand, _ = life.moment(time)
    moments = life.errand(errand)["moments"]
    agent = life.agent_before(errand)
    agent.set_plastic(life.plastic)
    agent.begin(_observation(moments[0]["seen"]))
    for moment, then in itertools.pairwise(moments):
        if moment["time"] == time:
            break
        action = agent.decide().action
        if action != moment["action"]:
            raise AgentError(
                f"lived again, the agent does otherwise at {moment['time']} than is written down: "
                "the life was lived by another version"
            )
        agent.observe(action, _observation(then["seen"]))
    return agent


def forget(agent: Agent, cites: tuple[tuple[str, int], ...]) -> None:
    """Take slots out of an agent's memories, as if they had never been written."""
    for kind, name in MEMORIES.items():
        ids = [which for what, which in cites if what == kind]
        slots = getattr(getattr(agent, name), "slots", None)
        if ids and slots is not None:
            slots.forget(ids)


def differ(one: Decision, other: Decision) -> bool:
    """Whether two decisions are not the same: another action, or another way or goal behind it."""
    if one.action != other.action:
        return True
    if "habit" in (one.mode, other.mode):
        return False
    ways = [None if d.plan is None else (d.plan.actions[d.at :], d.plan.goal.name, d.plan.goal.kind)
            for d in (one, other)]  # fmt: skip
    return ways[0] != ways[1]


def name_of(agent: Agent, place: int) -> str:
    """A place in words: a room's name, or a street and its number."""
    if place < 0:
        return "somewhere"
    senses, symbol = agent.senses, int(agent.chart.map.places.symbols[place])
    room = symbol - (senses.n_sights - senses.rooms)
    return f"the {PLACES[room]}" if room >= 0 else f"street {place}"


def told_option(option: Option) -> str:
    """What an option costs, in words."""
    if option.shut:
        return "shut, says memory " + ", ".join(map(str, option.shut))
    if not option.terms:
        return "leads nowhere that is known"
    terms = " + ".join(f"{term.term} {term.amount:.3g}" for term in option.terms)
    return f"{option.energy:.3g} = {terms}"


@dataclass(frozen=True, eq=False)
class _Left:
    """What errands left, and the ids of the changes that are not taken back."""

    lived: tuple[Change, ...]
    active: frozenset[str]

    @classmethod
    def of(cls, life: LifeFolder) -> "_Left":
        active = frozenset(entry.id for entry in life.workspace.log() if entry.active)
        return cls(tuple(life.experiences()), active)

    def writer(self, kind: str, which: int) -> Change | None:
        """Who wrote a slot; None if that was not told by then."""
        return next(iter(self._with(f"{MEMORIES[kind]}.ids", which)), None)

    def since(self, kind: str, which: int) -> str:
        """What became of it."""
        writer = self.writer(kind, which)
        if writer is not None and writer.id not in self.active:
            return TAKEN_BACK
        for one in self._with(f"{MEMORIES[kind]}.forgotten", which):
            if one.id in self.active:
                return f"forgotten by {one.name}"
        return HELD

    def _with(self, name: str, which: int) -> list[Change]:
        return [one for one in self.lived if which in one.payload.get(name, ())]


def _slot(left: _Left, agent: Agent, kind: str, which: int, other: str) -> Slot:
    memory: Any = getattr(agent, MEMORIES[kind])
    slots = memory.slots
    row = slots.memory.written_ids.tolist().index(which)
    key, value = slots.memory.keys[row].float(), slots.memory.values[row].float()
    time = int(slots.times[row])
    if isinstance(memory, FactMemory):
        told = told_fact(memory.told((*PERSONS, *ITEMS, *PLACES))[row])
    else:
        width = agent.chart.map.places.keys.shape[1]
        place = int((agent.chart.map.places.keys @ key[:width]).argmax())
        if isinstance(memory, StepMemory):
            action = DIRECTIONS[int(key[width:].argmax())]
            told = f"{action} of {name_of(agent, place)} is shut"
        else:
            goal = int((agent.chart.map.places.keys @ key[width:]).argmax())
            action = DIRECTIONS[int(value[:-2].argmax())]
            told = f"at {name_of(agent, place)}, for {name_of(agent, goal)}: {action}"
    writer = left.writer(kind, which)
    entry = other if writer is None else writer.name
    return Slot(kind, which, told, time, entry, left.since(kind, which))


def _observation(seen: dict[str, Any]) -> dict[str, Any]:
    one = {name: np.asarray([value]) for name, value in seen.items()}
    return {**one, "errand": (seen["errand"],), "told": (seen["told"],)}
