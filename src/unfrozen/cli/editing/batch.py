"""Facts edited all at once: what `unfrozen edit` does with a method for batches."""

from typing import TYPE_CHECKING, NamedTuple

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import reporter

if TYPE_CHECKING:
    from unfrozen.language.evaluation import Summary
    from unfrozen.language.facts import Fact
    from unfrozen.papers.claim import Cell, Table
    from unfrozen.workspace import Workspace
    from unfrozen.workspace.editing import BatchEdited

_WORST = 5


class Asked(NamedTuple):
    """What the user asked for; see `unfrozen edit`."""

    method: str
    layers: list[int] | None
    tokens: int | None
    name: str | None
    replace: bool
    guard: float
    dry_run: bool
    workers: int
    address: str | None


def edit_at_once(
    workspace: "Workspace", facts: "list[Fact]", asked: Asked, json: str | None
) -> None:
    """Edit, show, and write JSON."""
    from unfrozen.language.model import LanguageModel
    from unfrozen.papers.report import bytes_text
    from unfrozen.workspace.editing import Guard, choose_batch_settings, edit_batch

    lm = LanguageModel.from_pretrained(workspace.base_name)
    layers = None if not asked.layers else tuple(range(min(asked.layers), max(asked.layers) + 1))
    settings, source = choose_batch_settings(lm, asked.method, layers)
    console = output(json)
    where = settings.layers_for(lm)
    console.print(
        f"Writing {len(facts)} facts to layers {where[0]} to {where[-1]} of {lm.name} by "
        f"{asked.method} ({source}).",
        markup=False,
        soft_wrap=True,
    )
    with progress() as bars:
        done = edit_batch(
            workspace,
            lm,
            facts,
            asked.method,
            settings,
            tokens=asked.tokens,
            name=asked.name,
            guard=Guard(perplexity=asked.guard) if asked.guard else None,
            supersede=asked.replace,
            dry_run=asked.dry_run,
            workers=asked.workers,
            address=asked.address,
            progress=reporter(bars),
        )
    title = f"{len(facts)} facts edited at once" + (", nothing committed" if asked.dry_run else "")
    print_table(_summary(done, title), console)
    lines = []
    if done.reading is not None:
        lines.append(f"Perplexity of prose: {done.reading.ratio:.3f} times the base's.")
    if done.superseded:
        lines.append("Taken out: " + ", ".join(h.ref for h in done.superseded))
    size = bytes_text(done.change.bytes)
    if done.entry is None:
        lines.append(f"Nothing committed; the change would take {size}.")
    else:
        number = done.entry.number
        lines.append(
            f"Entry {number}: {done.change.name}, {size}. Undo: unfrozen revert {number}; "
            f"one fact: unfrozen revert {number}/1"
        )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, done.to_json())


def _summary(done: "BatchEdited", title: str) -> "Table":
    """Means before and after, and the facts that hold the least."""
    from unfrozen.papers.claim import Table

    names = [
        f"{group} {part}"
        for group in ("efficacy", "paraphrase", "neighbourhood")
        for part in ("score", "magnitude", "accuracy")
    ]

    def cells(summary: "Summary", name: str) -> "Cell":
        found = getattr(summary, name.replace(" ", "_"))
        return None if found is None else round(found.value, 3)

    rows: list[tuple[Cell, ...]] = [
        (name, cells(done.before, name), cells(done.after, name)) for name in names
    ]
    rows = [row for row in rows if row[1] is not None or row[2] is not None]
    rows.append(("S", round(done.before.score, 3), round(done.after.score, 3)))
    each = done.change.effect["each"]
    weak = sorted(
        (i for i in done.measured if not each[i]["after"]["efficacy"]["accuracy"]),
        key=lambda i: each[i]["after"]["efficacy"]["magnitude"],
    )
    note = f"Means over {done.after.n} of {len(done.facts)} facts."
    if weak:
        shown = "; ".join(f"{i + 1} ({done.facts[i].text} …)" for i in weak[:_WORST])
        note += f" The new object does not come first in {len(weak)} of them: {shown}"
    return Table(title, ("measure", "before", "after"), tuple(rows), note)
