"""A life as the page shows it: the town, what happened, and why something was done."""

from pathlib import Path

import numpy as np

from unfrozen.agent.living.explaining import DIRECTIONS, Explanation, told_option
from unfrozen.agent.living.figures import told_change
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.workbench.pages.agent.schemas import (
    ChangeOut,
    ErrandOut,
    LifeOut,
    PhaseOut,
    RoomOut,
    WhyOut,
)
from unfrozen.workbench.pages.agent.steps import wanted
from unfrozen.world.environments.town.facts import PERSONS
from unfrozen.world.environments.town.life import Life


def names(home: Path) -> list[str]:
    """Of the lives in a folder."""
    return sorted(path.parent.name for path in home.glob("*/life.json") if path.is_file())


def told(life: LifeFolder) -> LifeOut:
    """A life so far: what is to come is not told."""
    world, lived = life.settings.world, list(life.errands())
    town, total = world.town, len(world.schedule.errands)
    now = min(len(lived), total - 1)
    phase = int(world.phases[now])
    changes = world.schedule.changes[:phase]
    return LifeOut(
        name=life.path.name,
        seed=life.settings.seed,
        plastic=list(life.plastic),
        side=town.side,
        streets=np.flatnonzero(town.street).tolist(),
        rooms=[
            RoomOut(name=name, cell=cell, doors=np.flatnonzero(town.doors[cell]).tolist())
            for name, cell in zip(town.names, town.rooms.tolist(), strict=True)
        ],
        persons=list(PERSONS[: len(world.schedule.start.persons)]),
        phases=[_phase(world, number) for number in range(phase + 1)],
        changes=[
            ChangeOut(
                at=one.at, text=told_change(one, world), given=one in life.settings.given
            )
            for one in changes
        ],
        errands=[
            ErrandOut(
                number=one.number, phase=one.phase, asked=one.asked, told=one.told,
                success=one.success, steps=one.steps, shortest=one.shortest,
            )
            for one in lived
        ],
        total=total,
        asked=world.asked[now],
        phase=phase,
        grown=bool(life.grown),
    )  # fmt: skip


def why(found: Explanation) -> WhyOut:
    """Why something was done, in words."""
    decision, without = found.decision, found.without
    return WhyOut(
        time=found.time,
        asked=found.asked,
        place=found.place,
        decision=_way(decision.mode, decision.action, decision.goal.kind, decision.goal.name),
        options=[
            {"direction": DIRECTIONS[one.action], "cost": told_option(one)} for one in found.options
        ],
        slots=[
            {"kind": one.kind, "told": one.told, "entry": one.entry, "since": one.since}
            for one in found.slots
        ],
        without=None
        if without is None
        else _way(without.mode, without.action, without.goal.kind, without.goal.name),
        matters=found.matters,
    )


def _way(mode: str, action: int, kind: str, name: str) -> str:
    by = {"habit": "by habit", "plan": "by a plan", "random": "at random"}[mode]
    return f"{DIRECTIONS[action]}, {by}, for {wanted(kind, name)}"


def _phase(world: Life, phase: int) -> PhaseOut:
    town, state = world.town, world.schedule.states[phase]
    bits = (world.exits[phase] * np.array([1, 2, 4, 8])).sum(1)
    return PhaseOut(
        exits=bits.tolist(),
        locked=[(int(town.rooms[r]), a) for r, a in enumerate(state.locked) if a >= 0],
        persons=world.persons[phase].tolist(),
    )
