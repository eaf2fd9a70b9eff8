"""A workspace: a frozen base model and the log of what was changed over it."""

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from unfrozen.errors import WorkspaceError
from unfrozen.workspace.change import Change
from unfrozen.workspace.exchange.belonging import check_movable
from unfrozen.workspace.exchange.portable import (
    read_changes,
    tensors_from_bytes,
    tensors_to_bytes,
    write_changes,
)
from unfrozen.workspace.files import damaged, new_folder
from unfrozen.workspace.fold import Fold
from unfrozen.workspace.kinds import LIVES
from unfrozen.workspace.log import Addition, Entry, Log

Ref = str | int
"""What names an entry: its number, its id or at least four digits of it, or its change's name."""


class Workspace:
    """A folder with the base model's name and hash and an append-only log of changes.

    The model's state is always the fold of the active changes, in log order, over the base: a
    revert takes a change out exactly, to the bit, whichever it is.  Nothing is ever deleted, and a
    revert is an entry that can itself be reverted.

    ```
    ws = Workspace.init("facts", base_name="smollm2-135m-instruct", base_hash=h)
    ws.commit(change); ws.log(); ws.revert("rome-eiffel"); ws.apply(model)
    ```
    """

    def __init__(self, log: Log, hash_weights: Callable[[nn.Module], str] | None = None) -> None:
        self._log = log
        self._hash_weights = hash_weights

    @classmethod
    def init(
        cls,
        path: str | os.PathLike[str],
        base_name: str,
        base_hash: str,
        *,
        hash_weights: Callable[[nn.Module], str] | None = None,
    ) -> "Workspace":
        """Make a workspace in a new or empty folder.

        Args:
            path: the folder.
            base_name: name under which the base model is loaded.
            base_hash: its weights hash.
            hash_weights: how models are hashed; `unfrozen.data.models.weights_hash` by default.

        Raises:
            WorkspaceError: the folder is not empty, or cannot be written.
        """
        return cls(Log.create(Path(path), base_name, base_hash), hash_weights)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        hash_weights: Callable[[nn.Module], str] | None = None,
    ) -> "Workspace":
        """Open a workspace that was made before.

        Raises:
            WorkspaceError: the folder is none, is damaged, or of a later format.
        """
        return cls(Log.open(Path(path)), hash_weights)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._log.path

    @property
    def base_name(self) -> str:
        """Name of the base model."""
        return self._log.base_name

    @property
    def base_hash(self) -> str:
        """Weights hash of the base model."""
        return self._log.base_hash

    @property
    def of_life(self) -> bool:
        """Whether it is an agent's life, over the model of a map and not over one of language."""
        return self.base_name.startswith(LIVES)

    def __repr__(self) -> str:
        return f"Workspace({str(self.path)!r}, base {self.base_name!r})"

    def log(self) -> list[Entry]:
        """All entries, oldest first, each active or reverted."""
        return self._log.entries()

    def show(self, ref: Ref) -> Entry:
        """One entry, by number, id prefix or name.

        Raises:
            WorkspaceError: there is none, or more than one.
        """
        return _find(self.log(), ref)

    def change(self, ref: Ref) -> Change:
        """One change with its tensors, active or not.

        Raises:
            WorkspaceError: unknown reference, an entry without a change, or a damaged file.
        """
        return self._load(_find(self.log(), ref))

    def changes(self) -> list[Change]:
        """The active changes in log order: the workspace's present state."""
        return [self._load(e) for e in self.log() if e.active and not e.reverts]

    def verify(self) -> None:
        """Check every file, reverted changes included.

        Raises:
            WorkspaceError: naming the first file that is damaged or missing.
        """
        for entry in self.log():
            if not entry.reverts:
                self._load(entry)

    def commit(self, change: Change) -> str:
        """Add a change to the log; returns the entry's id, which is the change's.

        Raises:
            WorkspaceError: made for another base, in the log already, or the system refused the
                write; the workspace is left as it was.
        """
        self._check_base(change)
        addition = _addition(change)
        with self._log.writing() as writer:
            for entry in writer.entries:
                if entry.id == change.id:
                    raise WorkspaceError(
                        f"change {change.name!r} ({change.id[:8]}) is in the log already, "
                        f"as entry {entry.number}, {entry.state}"
                    )
            return writer.append([addition])[0]

    def revert(self, ref: Ref) -> str:
        """Take any entry back, by an entry of its own; returns that entry's id.

        Reverting a revert restores what it had taken out, at its old place in the order.

        Raises:
            WorkspaceError: unknown reference, or reverted already.
        """
        with self._log.writing() as writer:
            entry = _find(writer.entries, ref)
            if not entry.active:
                raise WorkspaceError(f"entry {entry.number} ({entry.name}) is reverted already")
            return writer.append([Addition(reverts=entry.id)])[0]

    def supersede(self, refs: Sequence[Ref], changes: Sequence[Change]) -> list[str]:
        """Take entries back and add changes in their stead, all together or not at all.

        Args:
            refs: active entries.
            changes: to be added.

        Returns:
            The ids of the new entries: the reverts, then the changes.

        Raises:
            WorkspaceError: unknown reference, an entry reverted already, or as for `commit`.
        """
        for change in changes:
            self._check_base(change)
        with self._log.writing() as writer:
            old = {e.id: e for e in (_find(writer.entries, ref) for ref in refs)}
            for entry in old.values():
                if not entry.active:
                    raise WorkspaceError(f"entry {entry.number} ({entry.name}) is reverted already")
            here = {entry.id for entry in writer.entries}
            for change in changes:
                if change.id in here:
                    raise WorkspaceError(f"change {change.name!r} is in the log already")
            reverts = [Addition(reverts=entry_id) for entry_id in old]
            return writer.append([*reverts, *(_addition(c) for c in changes)])

    def restore(self, ref: Ref) -> str:
        """Bring a reverted entry back, by reverting its revert; returns the new entry's id.

        Raises:
            WorkspaceError: unknown reference, or not reverted.
        """
        with self._log.writing() as writer:
            entry = _find(writer.entries, ref, active=False)
            if entry.active:
                raise WorkspaceError(f"entry {entry.number} ({entry.name}) is active already")
            by = next(e for e in writer.entries if e.active and e.reverts == entry.id)
            return writer.append([Addition(reverts=by.id)])[0]

    def apply(self, model: nn.Module) -> Fold:
        """Set a model to this workspace's state: the base plus the active changes, exactly.

        Call it again after any commit or revert; the model may have any state of this or another
        workspace of the same base.

        Args:
            model: the base model as it was loaded, or one that a fold has set since.

        Returns:
            The model's fold; ``fold.set([])`` gives the base.

        Raises:
            WorkspaceError: the model is not the base, or a file is damaged; the model is left as
                it was.
        """
        changes = self.changes()
        fold = Fold.of(model)
        found = fold.base_hash(self._hash_weights or _weights_hash)
        if found != self.base_hash:
            raise WorkspaceError(
                f"the model's weights ({found[:8]}) are not those of {self.base_name} "
                f"({self.base_hash[:8]}), the base of {self.path}: load the base model afresh"
            )
        fold.set(changes)
        return fold

    def export(self, refs: Ref | Sequence[Ref], file: str | os.PathLike[str]) -> Path:
        """Write one or more changes, active or not, to one new portable file.

        Raises:
            WorkspaceError: unknown reference, nothing to export, or the file is there already.
        """
        entries = self.log()
        wanted = [refs] if isinstance(refs, str | int) else refs
        found = {e.id: e for e in (_find(entries, ref) for ref in wanted)}
        if not found:
            raise WorkspaceError("nothing to export: name at least one change")
        in_order = sorted(found.values(), key=lambda entry: entry.number)
        write_changes([self._load(e) for e in in_order], self.base_name, Path(file))
        return Path(file)

    def import_(self, file: str | os.PathLike[str]) -> list[str]:
        """Add the changes of a file that `export` wrote; returns the ids of the new entries.

        A change that is active here already is left as it is, so importing a file twice does
        nothing the second time.

        Raises:
            WorkspaceError: another base, a damaged file, a change that was reverted here
                (`restore` it instead), or one of another life; nothing is added.
        """
        file = Path(file)
        base, changes = read_changes(file)
        if base["weights"] != self.base_hash:
            raise WorkspaceError(
                f"{file} is for the base {base['name']} ({base['weights'][:8]}), this workspace "
                f"is for {self.base_name} ({self.base_hash[:8]}): import it into one of its base"
            )
        for change in changes:
            self._check_base(change)
        with self._log.writing() as writer:
            here = {entry.id: entry for entry in writer.entries}
            for change in changes:
                entry = here.get(change.id)
                if entry is not None and not entry.active:
                    raise WorkspaceError(
                        f"change {change.name!r} is in the log already, as entry {entry.number}, "
                        "reverted: restore that entry instead"
                    )
            new = [change for change in changes if change.id not in here]
            check_movable(new, file)
            return writer.append([_addition(change) for change in new])

    def materialize(
        self, model: nn.Module, folder: str | os.PathLike[str], tokenizer: Any = None
    ) -> Path:
        """Save the model in this workspace's state as a plain Hugging Face folder.

        The folder appears when it is complete.  The model is left in this workspace's state.

        Args:
            model: the base model, one of transformers'.
            folder: a new or empty folder.
            tokenizer: saved beside it, if given.

        Raises:
            WorkspaceError: the folder is not empty, the model cannot be saved, or is not the base.
        """
        parts: list[tuple[str, Any]] = [("model", model), ("tokenizer", tokenizer)]
        parts = [(role, part) for role, part in parts if part is not None]
        for role, part in parts:
            if not hasattr(part, "save_pretrained"):
                raise WorkspaceError(
                    f"a {type(part).__name__} cannot be saved as the {role} of a Hugging Face "
                    f"folder: give a {role} of transformers"
                )
        with new_folder(Path(folder)) as temporary:
            self.apply(model)
            for _, part in parts:
                part.save_pretrained(temporary)
        return Path(folder)

    def _check_base(self, change: Change) -> None:
        if change.base != self.base_hash:
            raise WorkspaceError(
                f"change {change.name!r} was made for the weights {change.base[:8]}, this "
                f"workspace is for {self.base_name} ({self.base_hash[:8]}): use one of its base"
            )

    def _load(self, entry: Entry) -> Change:
        if entry.reverts:
            raise WorkspaceError(
                f"entry {entry.number} ({entry.name}) holds no change: name the change itself"
            )
        path = self._log.tensors_path(entry)
        tensors = tensors_from_bytes(self._log.tensors(entry), path)
        change = Change.from_record(entry.record, tensors)
        if change.id != entry.id:
            raise damaged(path, f"it does not fit the id of entry {entry.number}")
        return change


def _weights_hash(model: nn.Module) -> str:
    from unfrozen.data.models import weights_hash

    return weights_hash(model)


def _addition(change: Change) -> Addition:
    return Addition(change.id, change.record(), tensors_to_bytes(change.tensors()))


def _find(entries: Sequence[Entry], ref: Ref, active: bool = True) -> Entry:
    """The entry that `ref` names; of several with one name, the only one in the wanted state."""
    ref = str(ref).strip()
    named = [e for e in entries if e.name == ref and not e.reverts]
    wanted = [e for e in named if e.active == active]
    found = wanted if len(wanted) == 1 else named
    if not found and ref.isdecimal():
        found = [e for e in entries if e.number == int(ref)]
    if not found and len(ref) >= 4:
        found = [e for e in entries if e.id.startswith(ref.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise WorkspaceError(f"{ref!r} names several entries, give a number: {_list(found)}")
    names = {e.name: e for e in entries if not e.reverts}
    close = [names[n] for n in difflib.get_close_matches(ref, names, n=3, cutoff=0.4)]
    if close:
        raise WorkspaceError(f"no entry {ref!r} in the log; close to it: {_list(close)}")
    last = f"the last are {_list(entries[-3:])}" if entries else "the log is empty"
    raise WorkspaceError(f"no entry {ref!r} in the log; {last}")


def _list(entries: Iterable[Entry]) -> str:
    return ", ".join(f"{e.number} {e.id[:8]} {e.name} ({e.state})" for e in entries)
