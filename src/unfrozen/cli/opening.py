"""What the commands open: a workspace, found from the current folder, and language models."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace import Workspace

T = TypeVar("T", str | None, Path)

PICTURES = (".png", ".svg", ".pdf")
"""Kinds of files that pictures are written to."""


def writable(target: T) -> T:
    """A file to be written when the work is done, refused before it begins.

    Args:
        target: a file, or None or ``-`` for none.

    Raises:
        DataError: it cannot be written where it is wanted.
    """
    if target is None or str(target) == "-":
        return target
    from unfrozen.errors import DataError

    path = Path(target).absolute()
    if path.is_dir():
        raise DataError(f"{target} is a folder: name a file in it")
    there = next(folder for folder in path.parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise DataError(f"{target} cannot be written, because of {there}: name another place")
    return target


def with_suffix(target: Path | None, known: Sequence[str]) -> Path | None:
    """A file of a known kind, refused before the work begins if it is of none.

    Raises:
        DataError: its suffix is none of those, or it cannot be written where it is wanted.
    """
    if target is not None and target.suffix.lower() not in known:
        from unfrozen.errors import DataError

        raise DataError(f"{target} is of no known kind: end its name in {', '.join(known)}")
    return writable(target) if target is not None else None


def picture_file(target: Path | None) -> Path | None:
    """A file for a picture; see `with_suffix`."""
    return with_suffix(target, PICTURES)


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="PATH",
        help="The workspace; by default this folder, or the nearest one above that is one.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Language model; see `unfrozen models`.")
]
JsonOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Write JSON to a file, or - for stdout.", callback=writable),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Processes to share the work among; needs unfrozen\\[scale]."
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="A Ray cluster to work in, as `ray start --head` tells it; or auto, for this "
        "machine's.",
        show_default=False,
    ),
]


def find_workspace(path: Path | None) -> "Workspace":
    """The workspace that is meant.

    Args:
        path: its folder; None for the current folder or the nearest one above it that is one.

    Raises:
        WorkspaceError: there is none, or it is damaged.
    """
    found = nearest_workspace() if path is None else _open(path)
    if found is None:
        from unfrozen.errors import WorkspaceError

        raise WorkspaceError(
            f"there is no workspace in {Path.cwd()} or above it: make one with "
            "`unfrozen init PATH`, or name one with --workspace PATH"
        )
    return found


def language_workspace(path: Path | None) -> "Workspace":
    """The workspace that is meant, over a language model.

    Args:
        path: as for `find_workspace`.

    Raises:
        WorkspaceError: there is none, it is damaged, or it is an agent's life.
    """
    return of_language(find_workspace(path))


def of_language(workspace: "Workspace") -> "Workspace":
    """A workspace, refused if there is no language model that it could be asked for.

    Raises:
        WorkspaceError: it is an agent's life.
    """
    if workspace.of_life:
        from unfrozen.errors import WorkspaceError

        raise WorkspaceError(
            f"{workspace.path} is an agent's life, over a map ({workspace.base_name}) and no "
            "language model: `unfrozen log`, `show`, `diff`, `revert` and `restore` read it, "
            f"and `unfrozen agent why` and `report` ask the agent in {workspace.path.parent}"
        )
    return workspace


def nearest_workspace() -> "Workspace | None":
    """The workspace that the current folder is in, or None."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "workspace.json").exists():
            return _open(folder)
    return None


def load_state(path: Path | None, model: str | None) -> "tuple[LanguageModel, Workspace | None]":
    """A language model to question: in a workspace's present state, or as it was published.

    Args:
        path: a workspace; None for the one that the current folder is in, if any.
        model: a model's name, for the model without any workspace.

    Returns:
        The model, with the changes of the workspace, and the workspace.

    Raises:
        WorkspaceError: both are given, there is no such workspace, it is an agent's life, or its
            base is another by now.
        DataError: there is no such model.
    """
    from unfrozen.data.models import DEFAULT_MODEL
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.model import LanguageModel

    if path is not None and model is not None:
        raise WorkspaceError("name a workspace or a model, not both: a workspace has its model")
    workspace = find_workspace(path) if path is not None else None
    if workspace is None and model is None:
        workspace = nearest_workspace()
    if workspace is None:
        return LanguageModel.from_pretrained(model or DEFAULT_MODEL), None
    of_language(workspace)
    lm = LanguageModel.from_pretrained(workspace.base_name)
    workspace.apply(lm.model)
    return lm, workspace


def state_text(lm: "LanguageModel", workspace: "Workspace | None") -> str:
    """In words, which model in which state."""
    if workspace is None:
        return lm.name
    number = len(workspace.changes())
    return f"{lm.name} with {number} change{'' if number == 1 else 's'} of {workspace.path}"


def reporter(bars: Any) -> Callable[[str, int, int], None]:
    """A function that moves a bar for each kind of work it is told of.

    Args:
        bars: what `console.progress` gave; None for nowhere.
    """
    tasks: dict[str, Any] = {}

    def report(what: str, done: int, total: int) -> None:
        if bars is None:
            return
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    return report


def _open(path: Path) -> "Workspace":
    from unfrozen.workspace import Workspace

    return Workspace.open(path)
