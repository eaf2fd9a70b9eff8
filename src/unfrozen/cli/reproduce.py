"""``unfrozen reproduce``: check the claims of a paper, and keep what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import JsonOption, ModelOption

if TYPE_CHECKING:
    from unfrozen.papers.claim import Table
    from unfrozen.papers.running.runner import Run

EXAMPLES = {
    "reproduce": (
        "unfrozen reproduce --list                    papers and their claims",
        "unfrozen reproduce rome --quick              a rough answer in minutes",
        "unfrozen reproduce rome --json rome.json     the record as a file",
        "unfrozen reproduce --all --strict            fails if any claim does not hold",
    )
}


def reproduce(
    paper: Annotated[str | None, typer.Argument(help="Name of a paper; see --list.")] = None,
    list_papers: Annotated[bool, typer.Option("--list", help="List papers and claims.")] = False,
    all_papers: Annotated[bool, typer.Option("--all", help="Every paper, one by one.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few samples: rough, minutes.")] = False,
    json: JsonOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")] = 0,
    facts: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Your own facts: a file, or a folder of files."),
    ] = None,
    model: ModelOption = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of reports.")] = Path(
        "reports"
    ),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what an interrupted run left.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a claim does not hold.")
    ] = False,
) -> None:
    """Check the claims of a paper: what it says, what is measured here, whether it holds.

    Every run draws its figures into one HTML page. An interrupted run is resumed by the same
    command. The exit code is 0 when the run ended, whatever it found, unless --strict is given.
    """
    if sum((paper is not None, list_papers, all_papers)) != 1:
        from unfrozen.errors import PaperError

        raise PaperError("name one paper, or give --list or --all")
    console = output(json)
    if list_papers:
        table = _listing()
        print_table(table, console)
        if json is not None:
            emit_json(json, table.to_json())
        return

    from unfrozen.data.models import DEFAULT_MODEL
    from unfrozen.papers.running import runner

    runs: list[Run] = []
    names = runner.names() if all_papers else (runner.resolve(paper or ""),)
    for name in names:
        try:
            with progress() as bars:
                run = runner.run(
                    name,
                    "quick" if quick else "full",
                    seed,
                    model=model or DEFAULT_MODEL,
                    facts=facts,
                    out=out,
                    fresh=fresh,
                    progress=bars,
                )
        except KeyboardInterrupt:
            kept = out / "work" / name
            typer.echo(f"finished items are kept in {kept}: the same command resumes", err=True)
            raise
        _show(run, json)
        runs.append(run)
    if json is not None:
        records = [run.record.to_json() for run in runs]
        emit_json(json, records if all_papers else records[0])
    if strict and not all(claim.holds for run in runs for claim in run.record.claims):
        raise typer.Exit(1)


def _show(run: "Run", json: str | None) -> None:
    from unfrozen.papers.report import claims_table, seconds_text

    console = output(json)
    print_table(claims_table(run.record), console)
    for claim in run.record.claims:
        console.print(f"{claim.id}: {claim.text}.", style="bold", markup=False, highlight=False)
        console.print(claim.note or "No note.", markup=False, highlight=False)
    console.print()
    for table in run.outcome.tables:
        print_table(table, console)
    console.print(f"Took {seconds_text(run.record.seconds)}", soft_wrap=True)
    console.print(f"Record: {run.json}", soft_wrap=True, markup=False)
    console.print(f"Tables: {run.tables}", soft_wrap=True, markup=False)
    console.print(f"Report: {run.report}", soft_wrap=True, markup=False)


def _listing() -> "Table":
    """Papers and claims, with what the last full run found where the checkout keeps it."""
    from unfrozen.papers.claim import Table
    from unfrozen.papers.report import cell_text, value_text
    from unfrozen.papers.running import runner

    kept = runner.kept_records()
    rows = []
    for name in runner.names():
        found = {claim.id: claim for claim in kept[name].claims} if name in kept else {}
        for spec in runner.load(name).claims:
            claim = found.get(spec.id)
            mark = "" if claim is None else ("✓ " if claim.holds else "✗ ")
            paper = "" if spec.paper_value is None else cell_text(spec.paper_value)
            rows.append(
                (
                    name,
                    f"{spec.id}: {spec.text}",
                    paper,
                    mark + (value_text(claim) if claim else "–"),
                )
            )
    columns = ("paper", "claim", "its figure", "last full run")
    return Table("Papers", columns, tuple(rows), "unfrozen reproduce PAPER checks one of them")
