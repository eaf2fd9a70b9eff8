"""What an experience wrote and took out, counted and in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from unfrozen.agent.memories import FactMemory
from unfrozen.agent.memories.facts import Told
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, PLACES

MEMORIES = {"fact": "facts", "memory": "steps", "habit": "habits"}
"""What a slot is called in decisions -> the memory that holds it."""
_STRENGTH = -2


@dataclass(frozen=True)
class Written:
    """What an experience left.

    Attributes:
        places: that were new.
        looked: places whose openings, or the time when they were seen, were written anew.
        walked: steps whose end was new.
        shut: slots of steps that led nowhere; the step back has one of its own.
        open: slots of steps that were believed to be shut, and can be taken.
        facts: in words, as they were told, seen, or turned out wrong.
        habits: that were formed.
        forgotten: slots of each memory that were taken out, by its name.
    """

    places: int
    looked: int
    walked: int
    shut: int
    open: int
    facts: tuple[str, ...]
    habits: int
    forgotten: dict[str, int]


def written(payload: Mapping[str, Tensor]) -> Written:
    """What an experience left.

    Args:
        payload: of `unfrozen.agent.experience`.
    """
    count = {name: len(tensor) for name, tensor in payload.items() if tensor.ndim}
    strengths = payload["steps.values"][:, _STRENGTH] if "steps.values" in payload else None
    shut = 0 if strengths is None else int((strengths > 0).sum())
    return Written(
        places=count.get("map.numbers", 0),
        looked=count.get("map.looks", 0),
        walked=count.get("map.edges", 0),
        shut=shut,
        open=0 if strengths is None else len(strengths) - shut,
        facts=_facts(payload),
        habits=count.get("habits.ids", 0),
        forgotten={
            name: count[f"{name}.forgotten"]
            for name in MEMORIES.values() if count.get(f"{name}.forgotten")
        },
    )  # fmt: skip


def told_fact(one: Told) -> str:
    """A slot of the memory of facts, in words."""
    verb = one.relation if one.holds else one.relation.replace("is ", "is not ", 1)
    return f"{'the ' if one.subject in PERSONS else ''}{one.subject} {verb} the {one.answer}"


def _facts(payload: Mapping[str, Tensor]) -> tuple[str, ...]:
    if "facts.ids" not in payload:
        return ()
    memory = FactMemory()
    rows = {part: payload[f"facts.{part}"] for part in ("keys", "values", "ids")}
    memory.slots.load(rows, int(rows["ids"].max()) + 1)
    return tuple(told_fact(one) for one in memory.told((*PERSONS, *ITEMS, *PLACES)))
