"""``unfrozen remember`` and ``unfrozen forget``: facts and documents beside a workspace's model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, progress
from unfrozen.cli.opening import JsonOption, WorkspaceOption, language_workspace, reporter

if TYPE_CHECKING:
    from unfrozen.language.facts import Fact

EXAMPLES = {
    "remember": (
        'unfrozen remember "The {} is in the city of" --subject "Eiffel Tower" --to Rome',
        "unfrozen remember facts.jsonl                     thousands at once; no weight is touched",
        "unfrozen remember --document manual.txt           and what it says can be used by `ask`",
        "unfrozen remember facts.jsonl --replace           forgets what they contradict",
    ),
    "forget": (
        'unfrozen forget "Eiffel Tower"                    a fact, by its subject',
        "unfrozen forget 3/17                              the 17th fact of entry 3",
        "unfrozen forget manual.txt                        a document",
        "unfrozen forget 3                                 all that entry 3 remembers",
    ),
}


def remember(
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROMPT|FILE]",
            help="Ends where the object begins; {} may be the subject. Or a file of facts.",
        ),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the fact is about; in the prompt.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="TEXT", help="The object.")] = None,
    document: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A text of any length; may be repeated."),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Of the entry.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Forget what is remembered and conflicts.")
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Keep facts or documents beside the model: what it reads calls them up, no weight changes.

    Facts are recalled where their subject is met and their question asked, in any words;
    documents where the text goes as theirs did. All else stays as it was. `unfrozen ask` recalls.
    """
    from unfrozen.errors import FactError

    facts: list[Fact] = []
    texts: dict[str, str] = {}
    if document:
        if any(one is not None for one in (prompt, subject, to)) or replace:
            raise FactError("--document names what to remember: give no fact beside it")
        texts = _texts(document)
    else:
        facts = _facts(prompt, subject, to)
    found = language_workspace(workspace)

    from unfrozen.language.model import LanguageModel
    from unfrozen.papers.report import bytes_text
    from unfrozen.workspace.remembering import remember_documents, remember_facts

    lm = LanguageModel.from_pretrained(found.base_name)
    with progress() as bars:
        report = reporter(bars)
        if texts:
            entry = remember_documents(found, lm, texts, name=name, progress=report)
            what = f"{len(texts)} document{'' if len(texts) == 1 else 's'}"
        else:
            entry = remember_facts(found, lm, facts, name=name, supersede=replace, progress=report)
            what = f"{len(facts)} fact{'' if len(facts) == 1 else 's'}"
    size = found.change(entry.id).bytes
    output(json).print(
        f"Entry {entry.number}: {entry.name}, {what}, {bytes_text(size)}. "
        f"Undo: unfrozen revert {entry.number}; one of them: unfrozen forget {entry.number}/1",
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
                "bytes": size,
                "what": what,
            },
        )


def forget(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A subject, a document's name, ENTRY/NUMBER, or an entry."
        ),
    ],
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Forget what `unfrozen remember` keeps, one by one or all of an entry.

    The forgetting is an entry itself: reverting it brings back what was forgotten.
    """
    found = language_workspace(workspace)

    from unfrozen.workspace.remembering import forget as forget_in

    done = forget_in(found, ref)
    shown = "; ".join(done.names[:5]) + ("; …" if len(done.names) > 5 else "")
    output(json).print(
        f"Entry {done.entry.number}: forgotten: {shown}. Undo: unfrozen revert {done.entry.number}",
        markup=False,
        soft_wrap=True,
    )
    if json is not None:
        emit_json(
            json, {"entry": done.entry.number, "id": done.entry.id, "names": list(done.names)}
        )


def _facts(prompt: str | None, subject: str | None, to: str | None) -> "list[Fact]":
    """The facts that are given, checked."""
    from unfrozen.errors import FactError
    from unfrozen.language.facts import Fact, as_template, read_facts

    if prompt is not None and subject is None and to is None:
        return read_facts(Path(prompt))
    if prompt is None or subject is None or to is None:
        raise FactError("give PROMPT, --subject and --to, or a FILE of facts, or --document FILE")
    return [Fact(subject=subject, prompt=as_template(prompt, subject), target_new=to)]


def _texts(files: list[Path]) -> dict[str, str]:
    """The texts of files, by the files' names."""
    from unfrozen.errors import DataError, FactError

    texts: dict[str, str] = {}
    for file in files:
        if file.name in texts:
            raise FactError(f"two documents are called {file.name}: rename one")
        try:
            texts[file.name] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{file} is no text in UTF-8: convert it first") from error
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror}") from error
    return texts
