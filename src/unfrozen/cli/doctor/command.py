"""The command itself."""

from typing import Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table
from unfrozen.cli.opening import JsonOption

EXAMPLES = {
    "doctor": (
        "unfrozen doctor                 what is there, and what to do about the rest",
        "unfrozen doctor --deep          the same, and asks the language model a question",
        "unfrozen doctor --json -        the same as JSON",
    )
}
_MARKS = {"ok": "✓", "note": "·", "wrong": "✗"}


def doctor(
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Load the language model, or fetch it, and ask it something."),
    ] = False,
    json: JsonOption = None,
) -> None:
    """Check the installation: packages and extras, processor, memory, disk, models.

    What is missing is said with what to do about it. The exit code is 1 if commands will fail
    (✗), and 0 if all works that is there (✓), whatever else there could be (·).
    """
    from dataclasses import asdict

    from unfrozen.cli.doctor.checks import run
    from unfrozen.papers.claim import Table

    found = list(run(deep))
    rows = tuple(
        (f"{_MARKS[one.state]} {one.name}", one.found, one.remedy or None) for one in found
    )
    wrong = sum(one.state == "wrong" for one in found)
    note = "All that commands need is there."
    if wrong:
        note = f"{wrong} of {len(found)} checks failed: commands that need these will fail."
    print_table(Table("This installation", ("", "found", "to do"), rows, note), output(json))
    if json is not None:
        emit_json(json, [asdict(one) for one in found])
    if wrong:
        raise typer.Exit(1)
