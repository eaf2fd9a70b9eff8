"""Log: the entries of a workspace, reverted and restored, exported and imported."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from unfrozen.errors import UnfrozenError, WorkbenchError
from unfrozen.workbench.models import Models
from unfrozen.workbench.pages.knowledge.schemas import EntryOut, LogOut, StatesOut, WorkspaceOut
from unfrozen.workbench.places import HERE, workspaces
from unfrozen.workbench.server.replies import one_line

if TYPE_CHECKING:
    from unfrozen.workspace import Entry


def states(models: Models) -> StatesOut:
    """The workspaces and models that can be asked, and the relations that are known."""
    from unfrozen.data.sets import RELATIONS

    return StatesOut(
        home=str(models.home),
        workspaces=[_workspace(models, name) for name in workspaces(models.home)],
        models=models.offered(),
        loaded=models.loaded,
        relations=list(RELATIONS),
    )


def _workspace(models: Models, name: str) -> WorkspaceOut:
    title = models.home.name if name == HERE else name
    try:
        found = models.workspace(name)
        log = found.log()
    except UnfrozenError as error:
        told = one_line(error)
        return WorkspaceOut(name=name, title=title, base="", entries=0, changes=0, error=told)
    active = sum(entry.active and not entry.reverts for entry in log)
    return WorkspaceOut(
        name=name, title=title, base=found.base_name, entries=len(log), changes=active
    )


def log(models: Models, name: str) -> LogOut:
    """The log of a workspace, oldest entry first."""
    found = models.workspace(name)
    entries = [_entry(entry) for entry in found.log()]
    return LogOut(workspace=name, base=found.base_name, entries=entries)


def _entry(entry: "Entry") -> EntryOut:
    from unfrozen.workspace.ledger import short_text

    what = "" if entry.reverts else short_text(entry.request)
    return EntryOut(
        number=entry.number,
        id=entry.id,
        at=entry.at,
        name=entry.name,
        kind=entry.kind,
        state=entry.state,
        what=what,
        reverts=entry.reverts,
        effect=dict(entry.effect),
        settings=dict(entry.settings),
    )


def revert(models: Models, name: str, entry: int) -> LogOut:
    """Take an entry back."""
    models.workspace(name).revert(entry)
    return log(models, name)


def restore(models: Models, name: str, entry: int) -> LogOut:
    """Bring a reverted entry back."""
    models.workspace(name).restore(entry)
    return log(models, name)


def export(models: Models, name: str, entry: int) -> bytes:
    """A change as a portable file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "change.safetensors"
        return models.workspace(name).export(entry, file).read_bytes()


def import_(models: Models, name: str, file: str, data: bytes) -> LogOut:
    """Add the changes of a file that `export` wrote.

    Raises:
        WorkbenchError: it is of another kind.
        WorkspaceError: it is damaged, or of another base.
    """
    if not file.endswith(".safetensors"):
        raise WorkbenchError(
            f"{file!r} is not taken: give a .safetensors file of `unfrozen export`"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "change.safetensors"
        path.write_bytes(data)
        try:
            models.workspace(name).import_(path)
        except UnfrozenError as error:
            # The file has a name of the browser's, not ours.
            raise type(error)(str(error).replace(str(path), file)) from error
    return log(models, name)
