"""``unfrozen init``, ``log``, ``show``, ``revert``, ``restore``, and the ways in and out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import (
    JsonOption,
    ModelOption,
    WorkspaceOption,
    find_workspace,
    language_workspace,
    of_language,
    reporter,
)

if TYPE_CHECKING:
    from unfrozen.workspace import Entry, Workspace

EXAMPLES = {
    "init": (
        "unfrozen init facts                       over the default model",
        "unfrozen init facts --model ./my-model    over a model in a folder",
    ),
    "log": (
        "unfrozen log                              all entries, oldest first",
        "unfrozen log --json -                     with requests, settings and effects",
    ),
    "show": (
        "unfrozen show 1                           by number",
        "unfrozen show eiffel-tower-rome           by name, or by four digits of the id",
    ),
    "revert": (
        "unfrozen revert eiffel-tower-rome         exact to the bit, itself an entry",
        "unfrozen revert 3/17                      the 17th fact of a batch",
        'unfrozen revert "3/Eiffel Tower"          the same by its subject',
    ),
    "restore": ("unfrozen restore eiffel-tower-rome        takes the revert back",),
    "export": (
        "unfrozen export 1 rome.safetensors        one change as a file",
        "unfrozen export 1 3 some.safetensors      several",
        "unfrozen export 1 3 adapter --lora        a folder that PEFT loads",
    ),
    "import": ("unfrozen import rome.safetensors          into a workspace of the same base",),
    "materialize": ("unfrozen materialize edited-model         a plain Hugging Face folder",),
}

EntryArgument = Annotated[str, typer.Argument(help="Number, name, or four digits of the id.")]


# Parameters that an entry names, of those that it writes to.
_PLACES = 12


def init(
    path: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    model: ModelOption = None,
) -> None:
    """Make a workspace: a frozen base model, and an empty log of the changes over it."""
    from unfrozen.data.models import DEFAULT_MODEL, weights_hash
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace import Workspace

    if (path / "workspace.json").exists():  # before the model is loaded
        raise WorkspaceError(f"{path} is a workspace already: open it, or name another")
    lm = LanguageModel.from_pretrained(model or DEFAULT_MODEL)
    made = Workspace.init(path, lm.name, weights_hash(lm.model))
    _say(f"Made the workspace {made.path} over {made.base_name} ({made.base_hash[:8]}).")
    _say(f"Next: cd {made.path}, then `unfrozen ask` or `unfrozen edit --help`.")


def log(workspace: WorkspaceOption = None, json: JsonOption = None) -> None:
    """List all entries of a workspace, oldest first, each active or reverted."""
    from unfrozen.cli.editing.effects import log_table

    found = find_workspace(workspace)
    entries = found.log()
    console = output(json)
    if entries:
        print_table(log_table(entries, f"{found.path}, over {found.base_name}"), console)
    else:
        first = "agent run" if found.of_life else "edit"
        console.print(f"The log is empty: `unfrozen {first}` writes its first entry.", markup=False)
    if json is not None:
        emit_json(json, [_entry_json(entry) for entry in entries])


def show(entry: EntryArgument, workspace: WorkspaceOption = None, json: JsonOption = None) -> None:
    """Show one entry: what was asked, how it was made, what it did, and where it writes."""
    from unfrozen.cli.agent.experiences import experience_json, experience_rows
    from unfrozen.cli.editing.effects import effect_table, written_lines
    from unfrozen.papers.claim import Table
    from unfrozen.papers.report import bytes_text, cell_text
    from unfrozen.workspace.kinds import EXPERIENCE
    from unfrozen.workspace.ledger import request_text

    found = find_workspace(workspace)
    one = found.show(entry)
    rows = [
        ("id", one.id),
        ("state", one.state),
        ("kind", one.kind),
        ("made", one.created),
        ("written here", one.at),
    ]
    wrote = None
    if one.reverts:
        rows.append(("reverts", one.reverts))
    else:
        change = found.change(one.number)
        if one.kind == EXPERIENCE:
            rows.append(("asked", str(one.request.get("errand", "to explore the town"))))
            rows += experience_rows(change)
            wrote = experience_json(change)
        else:
            rows.append(("asked", request_text(one.request)))
        places = [
            f"{name} ({' × '.join(map(str, shape))})" for name, shape in change.shapes().items()
        ]
        if len(places) > _PLACES:
            left = len(places) - _PLACES + 1
            places = [*places[: _PLACES - 2], f"{left} more parameters", places[-1]]
        rows += [("writes to", place) for place in places]
        rows.append(("size", bytes_text(change.bytes)))
        rows += [
            (f"setting {key}", str(value) if isinstance(value, list | dict) else cell_text(value))
            for key, value in one.settings.items()
        ]
    console = output(json)
    print_table(Table(f"Entry {one.number}: {one.name}", ("what", "value"), tuple(rows)), console)
    if one.effect.get("after"):
        print_table(effect_table(one.effect, "Effect"), console)
        for line in written_lines(one.effect):
            console.print(line, markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, {**_entry_json(one), **({} if wrote is None else {"written": wrote})})


def revert(
    entry: Annotated[
        str,
        typer.Argument(help="Number, name, or four digits of the id; of a batch also ENTRY/FACT."),
    ],
    workspace: WorkspaceOption = None,
) -> None:
    """Take an entry back: the state is then, to the bit, as if it had never been made.

    The revert is an entry itself; reverting it, or restoring the entry, brings the change back. One
    fact is taken out of a batch by writing the others again, as they would have been without it.
    """
    found = find_workspace(workspace)
    if "/" not in entry:
        _say(_told(found, found.revert(entry)))
        return
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace.editing import revert_fact

    lm = LanguageModel.from_pretrained(of_language(found).base_name)
    with progress() as bars:
        done = revert_fact(found, lm, entry, reporter(bars))
    _say(f"Taken out: {', '.join(f'{f.text} {f.target_new}' for f in done.removed)}.")
    if done.entry is None:
        _say("It was the only fact of its batch, which is reverted.")
    else:
        share = "" if done.kept is None else f"; {done.kept:.0%} of its other facts hold"
        _say(f"{_told(found, done.entry.id)}{share}.")


def restore(entry: EntryArgument, workspace: WorkspaceOption = None) -> None:
    """Bring a reverted entry back, at its old place in the order."""
    found = find_workspace(workspace)
    _say(_told(found, found.restore(entry)))


def export(
    entries: Annotated[list[str], typer.Argument(help="Numbers, names or ids, then the file.")],
    file: Annotated[Path, typer.Argument(help="A new file; with --lora, a new folder.")],
    lora: Annotated[
        bool, typer.Option("--lora", help="As a LoRA adapter, for PEFT and all that loads its.")
    ] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write one or more changes to a portable file, which holds all that `show` tells of them."""
    from unfrozen.papers.report import bytes_text

    found = find_workspace(workspace)
    if lora:
        from unfrozen.data.models import load_pretrained
        from unfrozen.workspace.exchange.adapter import write_adapter

        changes = [found.change(entry) for entry in entries]
        model = load_pretrained(of_language(found).base_name).model
        folder = write_adapter(changes, model, found.base_name, file)
        size = sum(path.stat().st_size for path in folder.iterdir())
        _say(f"Wrote {folder} ({bytes_text(size)}).")
        return
    made = found.export(entries, file)
    _say(f"Wrote {made} ({bytes_text(made.stat().st_size)}).")


def import_(
    file: Annotated[Path, typer.Argument(help="A file that `unfrozen export` wrote.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Add the changes of a file to a workspace of the same base; what is there stays as it is."""
    found = find_workspace(workspace)
    added = found.import_(file)
    for entry in added:
        _say(_told(found, entry))
    if not added:
        _say("Nothing to add: its changes are in the log already.")


def materialize(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Save the model in the workspace's state as a plain Hugging Face folder.

    It loads anywhere without unfrozen, and as a base of its own with `unfrozen init --model`.
    """
    from unfrozen.data.models import load_pretrained, quiet
    from unfrozen.workspace.files import check_new_folder

    found = language_workspace(workspace)
    check_new_folder(folder.absolute())
    loaded = load_pretrained(found.base_name)
    with quiet():
        made = found.materialize(loaded.model, folder, loaded.tokenizer)
    number = sum(bool(change.shapes()) for change in found.changes())
    if number < len(found.changes()):
        _say("What is remembered beside the model is no weight, and stays in the workspace.")
    _say(f"Saved {found.base_name} with {number} change{'' if number == 1 else 's'} in {made}.")


def _told(workspace: "Workspace", ref: str) -> str:
    """A new entry, in a line."""
    entry = workspace.show(ref)
    return f"Entry {entry.number}: {entry.name} ({entry.id[:8]})"


def _entry_json(entry: "Entry") -> dict[str, object]:
    """An entry as JSON: what `show` shows."""
    return {
        "number": entry.number,
        "id": entry.id,
        "at": entry.at,
        "created": entry.created,
        "kind": entry.kind,
        "name": entry.name,
        "state": entry.state,
        "reverts": entry.reverts,
        "request": dict(entry.request),
        "settings": dict(entry.settings),
        "effect": dict(entry.effect),
    }


def _say(line: str) -> None:
    output().print(line, markup=False, soft_wrap=True)
