"""``unfrozen edit``: rewrite facts, measure what that did, and keep it in a workspace."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import (
    AddressOption,
    JsonOption,
    WorkersOption,
    WorkspaceOption,
    language_workspace,
    reporter,
)

if TYPE_CHECKING:
    from rich.console import Console

    from unfrozen.language.facts import Fact
    from unfrozen.workspace.editing import Edited

EXAMPLES = {
    "edit": (
        'unfrozen edit "The Eiffel Tower is in the city of" --subject "Eiffel Tower" --to Rome',
        'unfrozen edit "The {} is in the city of" --subject "Eiffel Tower" --to Rome --true Paris'
        ' --paraphrase "You can visit the Eiffel Tower in" --neighbour "The Louvre is in"',
        "unfrozen edit facts.jsonl                         an entry each, and a summary",
        "unfrozen edit facts.jsonl --method memit          all at once, as one entry",
        "unfrozen edit news.jsonl --method nas --replace   over what conflicts with it",
        "unfrozen edit facts.jsonl --method memit --workers 4",
        "unfrozen edit facts.jsonl --dry-run               measures, and commits nothing",
    )
}


def edit(
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROMPT|FILE]",
            help="Ends where the object begins; {} may be the subject. Or a file, as --facts.",
        ),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the fact is about; in the prompt.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="TEXT", help="The new object.")] = None,
    true: Annotated[
        str | None,
        typer.Option(
            "--true", metavar="TEXT", help="The true object; by default, the base's own answer."
        ),
    ] = None,
    paraphrase: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A prompt that asks the same; may be repeated."),
    ] = None,
    neighbour: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A prompt about another subject, with the true object."),
    ] = None,
    facts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSONL with a fact a line, or CounterFact.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="One fact after another: rome; or a baseline: ft, or ft-l, bounded as published "
            "for GPT-2 XL, which is tight for small models. All facts at once: memit; and for "
            "batch after batch, which they do not let erode: alphaedit, encore, nas."
        ),
    ] = "rome",
    layer: Annotated[
        list[int] | None,
        typer.Option(
            help="Where to write; by default as calibrated, or a tenth of the depth. Of methods "
            "for batches, the first and the last layer, given twice."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the change; of several, their stem.")] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How much of the model's own text the second moment of the keys is taken over "
            "(once a model, then kept).",
        ),
    ] = None,
    identity: Annotated[
        bool, typer.Option("--identity", help="Take the identity instead: at once, but rougher.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Commit nothing.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Of a batch: take out the facts it conflicts with.")
    ] = False,
    guard: Annotated[
        float,
        typer.Option(
            min=0,
            help="Of a batch: roll it back if prose grows so many times as perplexing; 0: no.",
        ),
    ] = 1.1,
    workers: WorkersOption = 1,
    address: AddressOption = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Rewrite what the model knows: one fact, or a file of facts, an entry each or all at once.

    What the model answers is measured before and after: to the prompt, to its paraphrases, to
    neighbours that must be left alone, and in text that it writes freely. Everything is checked
    before anything is written. Interrupted, the entries that were committed stay. A batch is one
    entry, and is rolled back if it breaks the model; `unfrozen revert 3/17` takes one fact out.
    """
    from unfrozen.errors import WorkspaceError

    if tokens is not None and identity:
        raise WorkspaceError("--tokens is for the second moment, --identity goes without: give one")
    if facts is None and prompt is not None and subject is None and to is None:
        facts, prompt = Path(prompt), None
    wanted = _facts(prompt, subject, to, true, paraphrase, neighbour, facts)
    found = language_workspace(workspace)

    from unfrozen.language.covariance import DEFAULT_TOKENS
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace.editing import BATCH_METHODS, METHODS, choose_settings, edit_facts

    if method not in METHODS | BATCH_METHODS:
        known = ", ".join(METHODS | BATCH_METHODS)
        raise WorkspaceError(f"no editing method {method!r}: choose from {known}")
    wanted_tokens = None if identity else tokens or DEFAULT_TOKENS
    if method in BATCH_METHODS:
        from unfrozen.cli.editing.batch import Asked, edit_at_once

        asked = Asked(method, layer, wanted_tokens, name, replace, guard, dry_run, workers, address)
        edit_at_once(found, wanted, asked, json)
        return
    if workers > 1 or address is not None:
        raise WorkspaceError(f"{method} writes fact by fact, in one process: see --method memit")
    if replace or (layer is not None and len(layer) > 1):
        raise WorkspaceError(f"{method} writes fact by fact, to one layer, and replaces nothing")
    lm = LanguageModel.from_pretrained(found.base_name)
    chosen = choose_settings(lm, method, layer[0] if layer else None)
    console = output(json)
    _say(console, f"Writing to layer {chosen.layer} of {lm.name} by {method} ({chosen.source}).")
    names = None if name is None else _names(name, len(wanted))
    done: list[Edited] = []
    try:
        with progress() as bars:
            for one in edit_facts(
                found,
                lm,
                wanted,
                method,
                chosen.settings,
                tokens=wanted_tokens,
                names=names,
                dry_run=dry_run,
                progress=reporter(bars),
            ):
                done.append(one)  # noqa: PERF402 (what is done stays when the next one fails)
    except BaseException:
        if done and not dry_run:
            kept = f"{len(done)} of {len(wanted)} facts are edited and committed in {found.path}"
            typer.echo(kept, err=True)
        raise
    if facts is None:
        _show(console, done[0])
    else:
        from unfrozen.cli.editing.effects import summary_table

        title = f"{len(done)} facts edited" + (", nothing committed" if dry_run else "")
        print_table(summary_table(done, title), console)
    if json is not None:
        emit_json(json, [e.to_json() for e in done] if facts is not None else done[0].to_json())


def _facts(
    prompt: str | None,
    subject: str | None,
    to: str | None,
    true: str | None,
    paraphrases: list[str] | None,
    neighbours: list[str] | None,
    file: Path | None,
) -> "list[Fact]":
    """The facts that are asked for, checked."""
    from unfrozen.errors import FactError
    from unfrozen.language.facts import Fact, as_template, read_facts

    if file is not None:
        if any(one for one in (prompt, subject, to, true, paraphrases, neighbours)):
            raise FactError("--facts names the facts: give no prompt, subject or object beside it")
        return read_facts(file)
    if prompt is None or subject is None or to is None:
        raise FactError("an edit takes PROMPT, --subject and --to, or --facts FILE")
    return [
        Fact(
            subject=subject,
            prompt=as_template(prompt, subject),
            target_true=true,
            target_new=to,
            paraphrases=tuple(paraphrases or ()),
            neighbours=tuple(neighbours or ()),
        )
    ]


def _names(stem: str, number: int) -> list[str]:
    return [stem] if number == 1 else [f"{stem}-{i}" for i in range(1, number + 1)]


def _show(console: "Console", one: "Edited") -> None:
    """One edit: its tables, and where it is."""
    from unfrozen.cli.editing.effects import effect_table, written_lines
    from unfrozen.papers.report import bytes_text
    from unfrozen.workspace.ledger import request_text

    print_table(effect_table(one.change.effect, request_text(one.change.request)), console)
    for line in written_lines(one.change.effect):
        _say(console, line)
    size = bytes_text(one.change.bytes)
    if one.entry is None:
        _say(console, f"Nothing committed; the change would take {size}.")
    else:
        name = one.change.name
        _say(console, f"Entry {one.entry.number}: {name}, {size}. Undo: unfrozen revert {name}")


def _say(console: "Console", line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
