"""``unfrozen bisect``, ``compact`` and ``merge``: what version control is for."""

from pathlib import Path
from typing import Annotated

import typer

from unfrozen.cli.console import emit_json, output, progress
from unfrozen.cli.opening import (
    AddressOption,
    JsonOption,
    WorkersOption,
    WorkspaceOption,
    find_workspace,
    language_workspace,
    reporter,
)

EXAMPLES = {
    "bisect": (
        'unfrozen bisect "The capital of France is" --answer Paris',
        'unfrozen bisect "The capital of France is" --answer Paris --good 12',
    ),
    "compact": (
        "unfrozen compact                          all live edits as one batch of memit",
        "unfrozen compact --method nas --guard 1.2",
    ),
    "merge": (
        "unfrozen merge ../colleague               refused if facts conflict",
        "unfrozen merge ../colleague --keep theirs",
    ),
}


def bisect(
    prompt: Annotated[str, typer.Argument(help="Ends where the answer begins.")],
    answer: Annotated[str, typer.Option(metavar="TEXT", help="What the model used to say.")],
    good: Annotated[
        int, typer.Option(min=0, help="An entry after which it still said so; 0 is the base.")
    ] = 0,
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Find the entry after which the model no longer gave an answer, by halving the log."""
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace.editing import bisect as find

    found = language_workspace(workspace)
    lm = LanguageModel.from_pretrained(found.base_name)
    with progress() as bars:
        result = find(found, lm, prompt, answer, good=good, progress=reporter(bars))
    entry = result.entry
    console = output(json)
    console.print(
        f"Entry {entry.number} ({entry.name}) broke it: the probability of {answer!r} fell from "
        f"{result.before.probability:.3f} to {result.after.probability:.3f}; "
        f"{result.asked} states were asked. Undo: unfrozen revert {entry.number}",
        markup=False,
        soft_wrap=True,
    )
    if json is not None:
        emit_json(
            json,
            {
                "entry": entry.number,
                "id": entry.id,
                "name": entry.name,
                "probability_before": result.before.probability,
                "probability_after": result.after.probability,
                "asked": result.asked,
            },
        )


def compact(
    method: Annotated[str, typer.Option(help="Of writing: a method for batches.")] = "memit",
    guard: Annotated[
        float,
        typer.Option(
            min=0, help="Leave all as it is if prose is then so many times as perplexing; 0: no."
        ),
    ] = 1.1,
    workers: WorkersOption = 1,
    address: AddressOption = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Solve all live edits again, as one batch over the base.

    The old entries stay in the log, reverted; restoring them and reverting the batch brings the
    state back, to the bit.
    """
    from unfrozen.language.model import LanguageModel
    from unfrozen.papers.report import bytes_text
    from unfrozen.workspace.editing import Guard
    from unfrozen.workspace.editing import compact as solve

    found = language_workspace(workspace)
    lm = LanguageModel.from_pretrained(found.base_name)
    with progress() as bars:
        done = solve(
            found,
            lm,
            method,
            guard=Guard(perplexity=guard) if guard else None,
            workers=workers,
            address=address,
            progress=reporter(bars),
        )
    shares = ["–" if share is None else f"{share:.1%}" for share in (done.before, done.after)]
    console = output(json)
    console.print(
        f"Entry {done.entry.number}: {done.entry.name} holds the facts of {done.entries} entries, "
        f"{bytes_text(done.bytes_after)} for {bytes_text(done.bytes_before)}. Facts that hold: "
        f"{shares[0]} before, {shares[1]} now.",
        markup=False,
        soft_wrap=True,
    )
    if json is not None:
        emit_json(
            json,
            {
                "entry": done.entry.number,
                "facts": len(done.facts),
                "entries": done.entries,
                "held_before": done.before,
                "held_after": done.after,
                "bytes_before": done.bytes_before,
                "bytes_after": done.bytes_after,
                "guard": None if done.reading is None else done.reading.to_json(),
            },
        )


def merge(
    other: Annotated[Path, typer.Argument(help="Another workspace of the same base.")],
    keep: Annotated[
        str | None,
        typer.Option(help="Of entries with conflicting facts, keep: ours, or theirs."),
    ] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Add the active changes of another workspace to this one.

    Facts that give one question different objects are reported, and nothing is added, unless
    --keep says whose entries stay.
    """
    from unfrozen.workspace import Workspace
    from unfrozen.workspace.exchange.merge import merge as join

    found = find_workspace(workspace)
    done = join(found, Workspace.open(other), keep=keep)
    console = output(json)
    for conflict in done.conflicts:
        console.print(f"Conflict: {conflict.text}", markup=False, soft_wrap=True)
    for entry in done.added:
        console.print(f"Entry {entry.number}: {entry.name}", markup=False, soft_wrap=True)
    if not done.added:
        console.print("Nothing was added.", markup=False)
    if json is not None:
        emit_json(
            json,
            {
                "added": [{"entry": e.number, "id": e.id, "name": e.name} for e in done.added],
                "skipped": list(done.skipped),
                "conflicts": [c.text for c in done.conflicts],
            },
        )
