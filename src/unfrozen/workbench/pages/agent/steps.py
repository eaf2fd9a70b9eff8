"""Steps of a life as the page shows them, from an agent that lives or from its file."""

from typing import Any

import numpy as np

from unfrozen.agent.agent import Agent
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.life import Moment
from unfrozen.agent.living.telling import told_moment
from unfrozen.workbench.pages.agent.schemas import PlanOut, StepOut, TermOut
from unfrozen.world.environments.town.facts import ITEMS, PERSONS
from unfrozen.world.environments.town.life import Life


class Follower:
    """Follows where an agent really is, and what it has written, from step to step.

    Args:
        life: the town, and what happens in it.
        cell: where the agent is.
        number: of the next step.
    """

    def __init__(self, life: Life, cell: int, number: int = 0) -> None:
        self.life, self.cell, self.number = life, cell, number
        self._written: dict[str, Any] | None = None

    def watched(self, agent: Agent, moment: Moment) -> StepOut:
        """A step of an agent that lives."""
        now, learnt = _written(agent), []
        if self._written is not None:
            learnt = [name for name, value in now.items() if self._written[name] != value]
        self._written = now
        setting = moment.decision.configuration.mode
        return self.told(told_moment(agent, moment), moment.errand, setting, learnt)

    def told(
        self,
        moment: dict[str, Any],
        errand: int,
        setting: str | None = None,
        learnt: list[str] | None = None,
    ) -> StepOut:
        """A step as it was written down."""
        seen, plan = moment["seen"], moment["plan"]
        people = [PERSONS[i] for i, here in enumerate(seen["persons"]) if here]
        carried = [f"{ITEMS[seen['carried'] - 1]} in its hands"] if seen["carried"] else []
        kinds = [kind for kind, _ in moment["cites"]]
        found = StepOut(
            number=self.number,
            time=moment["time"],
            errand=errand,
            step=moment["step"],
            cell=self.cell,
            action=moment["action"],
            mode=moment["mode"],
            setting=setting,
            goal=wanted(moment["goal"]["kind"], moment["goal"]["name"]),
            place=moment["place"],
            plan=None if plan is None else _plan(plan),
            at=moment["at"],
            cites={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
            learnt=learnt,
            sees=people + carried,
            bumped=bool(seen["bumped"]),
        )
        phase = int(self.life.phases[max(errand, 0)])
        self.cell = int(self.life.table[phase, self.cell, moment["action"]])
        self.number += 1
        return found


def errand_steps(life: LifeFolder, errand: int) -> list[StepOut]:
    """The steps of an errand, from its file.

    Raises:
        AgentError: it was not lived.
    """
    found = life.errand(errand)
    follower = Follower(life.settings.world, begin_of(life, errand))
    return [follower.told(moment, errand) for moment in found["moments"]]


def begin_of(life: LifeFolder, errand: int) -> int:
    """The cell where an errand begins."""
    return life.errand(errand - 1)["place"] if errand else life.childhood()["place"]


def birthplace(life: LifeFolder) -> int:
    """The cell where a life begins."""
    town = life.settings.make()
    town.reset(seed=life.settings.seed)
    return int(np.asarray(town.truth.place)[0])


def wanted(kind: str, name: str) -> str:
    """A goal in words."""
    if kind in ("place", "person"):
        return f"the {name}"
    if kind == "search":
        return f"whoever sells {name}" if name in ITEMS else f"the {name}, wherever that is"
    return "what nobody has seen yet"


def _plan(plan: dict[str, Any]) -> PlanOut:
    terms = [TermOut(term=one["term"], amount=round(one["amount"], 3)) for one in plan["terms"]]
    return PlanOut(actions=plan["actions"], energy=round(plan["energy"], 3), terms=terms)


def _written(agent: Agent) -> dict[str, Any]:
    """What tells whether a faculty was written to."""
    places = agent.chart.map.places

    def slots(memory: Any) -> Any:
        # A memory of another kind than ours tells by its size alone.
        kept = getattr(memory, "slots", None)
        return memory.bytes if kept is None else (len(kept), kept.next_id)

    return {
        "map": (places.n, len(places.edges), len(places.blocked)),
        "facts": slots(agent.facts),
        "steps": slots(agent.steps),
        "habits": slots(agent.habits),
    }
