"""Two workspaces of one base made one."""

from collections.abc import Sequence
from dataclasses import dataclass

from unfrozen.errors import WorkspaceError
from unfrozen.language.facts.fact import plain
from unfrozen.workspace.exchange.belonging import check_movable
from unfrozen.workspace.ledger import Conflict, find_conflicts, told_facts
from unfrozen.workspace.log import Entry
from unfrozen.workspace.workspace import Workspace

_SHOWN = 5


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes:
        added: the entries that came over.
        skipped: names of the changes that were here already.
        conflicts: facts of the other workspace about which this one holds another.
    """

    added: tuple[Entry, ...]
    skipped: tuple[str, ...]
    conflicts: tuple[Conflict, ...]


def merge(workspace: Workspace, other: Workspace, *, keep: str | None = None) -> Merged:
    """Add the active changes of another workspace, in their order, behind those that are here.

    A change that is in both logs is left as it is here.  Two facts conflict when they give one
    question different objects; then nothing is added, unless it is said whose entries stay.

    Args:
        workspace: to add to.
        other: to take from; it is not changed.
        keep: of conflicting entries, "ours" leaves out the other's, "theirs" takes back ours.

    Raises:
        WorkspaceError: another base, experiences of another life, or conflicts and nobody said
            whose entries stay.
    """
    if keep not in (None, "ours", "theirs"):
        raise WorkspaceError(f"of conflicts either ours or theirs are kept, not {keep!r}")
    if other.base_hash != workspace.base_hash:
        raise WorkspaceError(
            f"{other.path} is over {other.base_name} ({other.base_hash[:8]}), {workspace.path} "
            f"over {workspace.base_name} ({workspace.base_hash[:8]}): merge those of one base"
        )
    here = {e.id: e for e in workspace.log() if not e.reverts}
    theirs = [e for e in other.log() if e.active and not e.reverts]
    new = [e for e in theirs if e.id not in here]
    check_movable(new, other.path)
    held = told_facts(here.values())
    conflicts = [
        c
        for fact in told_facts(new)
        for c in find_conflicts(held, [fact.fact])
        if plain(c.fact.target_new or "") != plain(c.held.fact.target_new or "")
    ]
    if conflicts and keep is None:
        raise WorkspaceError(_told(conflicts))
    if keep == "ours":
        losing = {h.entry.id for h in told_facts(new) if h.fact in {c.fact for c in conflicts}}
        new = [e for e in new if e.id not in losing]
    reverted = sorted({c.held.entry.id for c in conflicts}) if keep == "theirs" else []
    changes = [other.change(e.id) for e in new]
    ids = workspace.supersede(reverted, changes) if changes or reverted else []
    added = tuple(workspace.show(i) for i in ids[len(reverted) :])
    skipped = tuple(e.name for e in theirs if e.id in here)
    return Merged(added, skipped, tuple(conflicts))


def _told(conflicts: Sequence[Conflict]) -> str:
    shown = "; ".join(c.text for c in conflicts[:_SHOWN])
    more = f"; and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
    return (
        f"{len(conflicts)} facts conflict ({shown}{more}): say whose entries stay with "
        "--keep ours or --keep theirs"
    )
