"""Lives in a changing town: arms side by side, what is cited taken away, and exploring."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from unfrozen.agent import Agent, senses_of
from unfrozen.agent.living.arms import lives
from unfrozen.agent.living.explaining import differ, forget
from unfrozen.agent.living.life import LifeSettings, Lived, Moment, grow_up, live
from unfrozen.hippocampus.tem_t import trained
from unfrozen.world.environments import evaluate
from unfrozen.world.environments.floors import persistent

_FACULTIES = {"fact": "facts", "memory": "steps"}


def lived(arm: str, settings: LifeSettings, progress: Callable[[int], None]) -> dict[str, Any]:
    """One arm's life, as JSON.

    Args:
        arm: name of `unfrozen.agent.living.arms.ARMS`.
        settings: of the life.
        progress: called with the number of errands that were done.
    """
    senses = senses_of(settings.make())
    ((_, childhood, errands),) = lives((arm,), senses, trained("grid"), settings)
    found = list[dict[str, Any]]()
    for one in errands:
        found.append(asdict(one))
        progress(len(found))
    return {"childhood": childhood.steps, "errands": found}


def floor(name: str, settings: LifeSettings) -> float:
    """Share of a life's errands that a floor does."""
    town = settings.make()
    total = len(town.tables.lives[0].schedule.errands)
    return evaluate(town, name, total, settings.seed).success_ever.mean


def as_lives(found: Sequence[dict[str, Any]]) -> list[list[Lived]]:
    """Lives back from their JSON."""
    return [[Lived(**errand) for errand in one["errands"]] for one in found]


def cited(settings: LifeSettings, errands: int) -> dict[str, int]:
    """How often decisions change when what they cite is taken away, and when as much else is.

    Args:
        settings: of the life.
        errands: how many of it.

    Returns:
        Decisions that cite something, those of them that are others without it, and those that are
        others without as many slots of the same kinds that are not cited.
    """
    agent = Agent(senses_of(settings.make()), trained("grid"))
    childhood = grow_up(agent, settings)
    counts = {"cited": 0, "changed": 0, "controls": 0, "control_changed": 0}
    rng = np.random.default_rng(settings.seed)

    def watch(agent: Agent, moment: Moment) -> None:
        decision = moment.decision
        if decision.mode != "plan" or decision.at or not decision.cites:
            return
        counts["cited"] += 1
        counts["changed"] += differ(decision, _without(agent, decision.cites))
        others = _others(agent, decision.cites, rng)
        if others:
            counts["controls"] += 1
            counts["control_changed"] += differ(decision, _without(agent, others))

    for _ in live(agent, settings, childhood.place, 0, errands, watch):
        pass
    return counts


def _without(agent: Agent, cites: tuple[tuple[str, int], ...]) -> Any:
    bare = copy.deepcopy(agent)
    forget(bare, cites)
    return bare.decide()


def _others(
    agent: Agent, cites: tuple[tuple[str, int], ...], rng: np.random.Generator
) -> tuple[tuple[str, int], ...]:
    """As many slots of the same kinds that are not cited."""
    chosen = list[tuple[str, int]]()
    for kind, name in _FACULTIES.items():
        used = {which for what, which in cites if what == kind}
        free = [i for i in getattr(agent, name).slots.ids if i not in used]
        if used and free:
            drawn = rng.choice(len(free), min(len(used), len(free)), replace=False)
            chosen += [(kind, free[k]) for k in drawn.tolist()]
    return tuple(chosen)


def explored(settings: LifeSettings, steps: int) -> dict[str, int]:
    """Cells that are seen in so many steps: by what is new on the map, and by a persistent walk."""
    agent = Agent(senses_of(settings.make()), trained("grid"))
    childhood = grow_up(agent, LifeSettings(**{**vars(settings), "childhood": steps}))
    town = settings.make(10**9)
    policy, begun = persistent(town, settings.seed), np.ones(1, np.bool_)
    observed, _ = town.reset(seed=settings.seed)
    seen = {int(town.truth.place[0])}
    for _ in range(steps):
        observed, _, ended, _, _ = town.step(policy(observed, begun))
        begun = np.zeros(1, np.bool_)
        seen.add(int(town.truth.place[0]))
        if ended[0]:
            observed, _ = town.reset(options={"errand": np.array([0])})
    cells = childhood.cells[-1] if childhood.cells else 1
    return {"agent": cells, "walk": len(seen), "steps": childhood.steps}


def recovered(found: Sequence[Sequence[Lived]]) -> float:
    """Success from the fourth errand after a change on, as a share of that before all changes."""
    from unfrozen.agent.living.figures import summary

    of = summary(found)
    # Who did nothing before had nothing to come back to.
    return of.recovered / of.before if of.before else 0.0
