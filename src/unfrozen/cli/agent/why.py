"""``unfrozen agent why``: what a decision came from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.agent.run import FolderArgument
from unfrozen.cli.console import emit_json, output, print_table
from unfrozen.cli.opening import JsonOption

if TYPE_CHECKING:
    from unfrozen.agent.actor import Decision
    from unfrozen.agent.living.explaining import Explanation

EXAMPLES = {
    "agent why": (
        "unfrozen agent why life 130",
        "unfrozen agent why life 40                a step of its childhood, which is lived again",
        "unfrozen agent why life 130 --json -",
    ),
}
_MODES = {"habit": "by habit", "plan": "by a plan", "random": "at random: nothing is known"}


def why(
    folder: FolderArgument,
    step: Annotated[int, typer.Argument(metavar="step", help="Of the life; see its report.")],
    json: JsonOption = None,
) -> None:
    """Why the agent did what it did at a step, and what it would have done otherwise.

    The step is lived again, with all that was stored by then, and once more without what the
    decision cites.  What of that was taken back or forgotten since, is told beside it.
    """
    from unfrozen.agent.living.explaining import DIRECTIONS, explain, told_option
    from unfrozen.agent.living.folder import LifeFolder
    from unfrozen.papers.claim import Table

    found = explain(LifeFolder.open(folder), step)
    console, decision = output(json), found.decision
    goal = decision.plan.goal if decision.plan is not None else decision.goal
    when = "childhood" if found.errand is None else f"errand {found.errand}"
    lines = [
        f"Step {found.time}, {when}: {found.asked}",
        f"At {found.place} it goes {DIRECTIONS[decision.action]}, {_MODES[decision.mode]}, "
        f"for {_wanted(goal.kind, goal.name)}.",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    if found.options:
        rows = tuple((DIRECTIONS[o.action], told_option(o)) for o in found.options)
        print_table(Table("Ways from there", ("first", "energy"), rows), console)
    if found.slots:
        rows = tuple((s.kind, s.id, s.told, s.time, s.entry, s.since) for s in found.slots)
        columns = ("kind", "id", "which says", "since step", "written by", "now")
        print_table(Table("Rests on", columns, rows), console)
        console.print(_otherwise(found), markup=False, soft_wrap=True)
    if found.taken_back:
        console.print(
            f"This is how it was then: {' and '.join(found.taken_back)} "
            f"{'was' if len(found.taken_back) == 1 else 'were'} taken back since, so that the "
            "agent of now holds none of it.",
            markup=False,
            soft_wrap=True,
        )
    if json is not None:
        emit_json(json, _json(found))


def _wanted(kind: str, name: str) -> str:
    from unfrozen.world.environments.town.facts import ITEMS

    if kind in ("place", "person"):
        return f"the {name}"
    if kind == "search":
        return f"whoever sells {name}" if name in ITEMS else f"the {name}, wherever that is"
    return "what nobody has seen yet"


def _otherwise(found: "Explanation") -> str:
    from unfrozen.agent.living.explaining import DIRECTIONS

    assert found.without is not None
    goal = found.without.plan.goal if found.without.plan is not None else found.without.goal
    way = f"{DIRECTIONS[found.without.action]}, for {_wanted(goal.kind, goal.name)}"
    if not found.matters:
        return f"Without these it would do the same: {way}."
    return f"Without these it would go {way}: they matter."


def _json(found: "Explanation") -> dict[str, Any]:
    from unfrozen.agent.living.telling import option_json

    return {
        "time": found.time,
        "errand": found.errand,
        "asked": found.asked,
        "place": found.place,
        "decision": _decision(found.decision),
        "options": [option_json(option) for option in found.options],
        "slots": [vars(slot) for slot in found.slots],
        "without": None if found.without is None else _decision(found.without),
        "matters": found.matters,
        "taken_back": list(found.taken_back),
    }


def _decision(decision: "Decision") -> dict[str, Any]:
    plan = decision.plan
    return {
        "mode": decision.mode,
        "action": decision.action,
        "goal": {"kind": decision.goal.kind, "name": decision.goal.name},
        "energy": None if plan is None else plan.energy,
        "terms": None if plan is None else {t.term: t.amount for t in plan.terms},
    }
