"""Lives as tables and as JSON."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unfrozen.cli.console import counted
from unfrozen.papers.claim import Table

if TYPE_CHECKING:
    from unfrozen.agent.living.figures import Summary
    from unfrozen.agent.living.folder import LifeFolder
    from unfrozen.agent.living.life import Lived


def life_table(life: "LifeFolder", lived: "Sequence[Lived]") -> Table:
    """A life, a line a phase."""
    from unfrozen.agent.living.figures import summary, told_change

    world = life.settings.world
    columns = ("errand", "step", "what changed", "done", "detour")
    rows, step = [], life.childhood()["steps"] if lived else 0
    for phase in sorted({one.phase for one in lived}):
        errands = [one for one in lived if one.phase == phase]
        changes = world.schedule.changes
        what = told_change(changes[phase - 1], world) if phase else "life begins"
        done = [one for one in errands if one.success]
        detour = sum(o.steps for o in done) / max(1, sum(o.shortest for o in done))
        rows.append((
            errands[0].number, step, what, f"{len(done)} of {len(errands)}",
            f"{detour:.2f}" if done else None,
        ))  # fmt: skip
        step += sum(one.steps for one in errands)
    if not lived:
        return Table("A life that has not begun", columns, ())
    found = summary([list(lived)])
    note = (
        f"{found.success:.1%} of {counted(len(lived), 'errand')} done, in {found.detour:.2f} times "
        f"the shortest way; {found.seconds:.1f} s of learning, {found.bytes / 1000:,.0f} kB stored."
    )
    title = f"A life in town {life.settings.seed}"
    return Table(title, columns, tuple(rows), note)


def summary_json(life: "LifeFolder", lived: "Sequence[Lived]") -> dict[str, Any]:
    """A life as JSON."""
    from dataclasses import asdict

    from unfrozen.agent.living.figures import summary

    return {
        "settings": asdict(life.settings),
        "plastic": list(life.plastic),
        "summary": finite(summary([list(lived)])) if lived else None,
        "errands": [asdict(one) for one in lived],
    }


def finite(found: "Summary") -> dict[str, float | None]:
    """A summary whose missing figures are None."""
    return {name: None if math.isnan(value) else value for name, value in vars(found).items()}
