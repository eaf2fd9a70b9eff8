"""Experiences of a life in the log of its workspace: what each wrote, and who has which."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from unfrozen.cli.console import counted
from unfrozen.papers.claim import Table

if TYPE_CHECKING:
    from unfrozen.agent.living.written import Written
    from unfrozen.workspace import Change, Entry
    from unfrozen.workspace.comparison import State

_SHOWN = 8


def experience_rows(change: "Change") -> list[tuple[str, str]]:
    """What an errand was and what it left, as rows of `unfrozen show`."""
    from unfrozen.agent.living.written import written

    asked, effect, found = change.request, change.effect, written(change.payload)
    rows = [("told", str(asked["told"]))] if asked.get("told") else []
    if "success" in effect:
        end = "done" if effect["success"] else "not done"
        way = f"in {counted(effect['steps'], 'step')}; the shortest way has {effect['shortest']}"
        rows.append(("outcome", f"{end}, {way}"))
    elif "steps" in effect:
        rows.append(("outcome", f"the town was explored for {counted(effect['steps'], 'step')}"))
    rows += [("wrote", line) for line in _lines(found)] or [("wrote", "nothing")]
    rows += [
        ("forgot", counted(n, f"slot of {name}", f"slots of {name}"))
        for name, n in found.forgotten.items()
    ]
    if "seconds" in effect:
        rows.append(("spent on storing", f"{effect['seconds'] * 1000:.1f} ms"))
    if "bytes" in effect:
        rows.append(("all that is stored", f"{effect['bytes'] / 1000:,.0f} kB after it"))
    return rows


def experience_json(change: "Change") -> dict[str, Any]:
    """What an errand left, as JSON."""
    from unfrozen.agent.living.written import written

    return asdict(written(change.payload))


def compared(before: "State", after: "State") -> tuple[Table, list[dict[str, Any]]]:
    """The experiences that one of two states of lives has and the other has not.

    Args:
        before: the first state.
        after: the second.

    Returns:
        A table, and the same as JSON.
    """
    held = [{entry.id for entry in state.entries} for state in (before, after)]
    found = [("only before", before, e) for e in before.entries if e.id not in held[1]]
    found += [("only after", after, e) for e in after.entries if e.id not in held[0]]
    rows, told = [], []
    for where, state, entry in found:
        change = state.workspace.change(entry.id)
        rows.append((where, entry.number, entry.name, _asked(entry), _wrote(change)))
        told.append({
            "in": where.removeprefix("only "), "entry": entry.number, "id": entry.id,
            "name": entry.name, "written": experience_json(change),
        })  # fmt: skip
    both = len(held[0] & held[1])
    return Table(
        f"{before.name} → {after.name}",
        ("experience", "entry", "name", "asked", "wrote"),
        tuple(rows),
        f"{counted(both, 'experience')} in both. What each wrote in full: unfrozen show ENTRY.",
    ), told


def _asked(entry: "Entry") -> str:
    return str(entry.request.get("errand", "to explore the town"))


def _wrote(change: "Change") -> str:
    from unfrozen.agent.living.written import written

    found = written(change.payload)
    parts = [counted(len(found.facts), "fact")] if found.facts else []
    parts += [line for line in _lines(found) if line not in found.facts]
    return ", ".join(parts) or "nothing"


def _lines(found: "Written") -> list[str]:
    """What was written, a line a kind; facts a line each."""
    counts = (
        (found.places, "new place", "new places"),
        (found.looked, "look at the openings of a place", "looks at openings of places"),
        (found.walked, "step to where it leads", "steps to where they lead"),
        (found.shut, "slot of a step that led nowhere", "slots of steps that led nowhere"),
        (found.open, "slot of a step that can be taken again",
         "slots of steps that can be taken again"),
        (found.habits, "habit", "habits"),
    )  # fmt: skip
    lines = [counted(*one) for one in counts if one[0]]
    shown = list(found.facts[:_SHOWN])
    if len(found.facts) > _SHOWN:
        shown.append(counted(len(found.facts) - _SHOWN, "more fact"))
    return [*shown, *lines]
