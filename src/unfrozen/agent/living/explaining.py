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
    """

    kind: str
    id: int
    told: str
    time: int
    entry: str


@dataclass(frozen=True)
class Explanation:
    """Why something was done.

    Attributes:
        time: of the life.
        errand: its number.
        asked: the errand, in words.
        decision: lived again.
        place: where it was, in words.
        options: what the ways from there cost, whether it planned just then or not; the best first.
        slots: that the decision cites.
        without: what is done if they are gone; None where nothing is cited.
    """

    time: int
    errand: int
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


def explain(life: LifeFolder, time: int) -> Explanation:
    """Why something was done at a time.

    Args:
        life: written down.
        time: of the step.

    Raises:
        AgentError: nothing was decided then, or the life that was written down is not this one.
    """
    errand, _ = life.moment(time)
    agent = lived_again(life, time)
    asked = life.errand(errand)["asked"]
    bare = copy.deepcopy(agent)
    decision = agent.decide()
    lived = life.experiences() if decision.cites else []
    slots = tuple(_slot(lived, agent, kind, which) for kind, which in decision.cites)
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


def _slot(lived: list[Change], agent: Agent, kind: str, which: int) -> Slot:
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
    return Slot(kind, which, told, time, _entry(lived, kind, which))


def _entry(lived: list[Change], kind: str, which: int) -> str:
    name = {"fact": "facts", "memory": "steps", "habit": "habits"}[kind]
    for one in lived:
        if which in one.payload.get(f"{name}.ids", ()):
            return one.name
    return "this errand"


def _observation(seen: dict[str, Any]) -> dict[str, Any]:
    one = {name: np.asarray([value]) for name, value in seen.items()}
    return {**one, "errand": (seen["errand"],), "told": (seen["told"],)}
