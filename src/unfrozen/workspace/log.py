"""The append-only log of a workspace: one sealed JSON file an entry, chained by hash.

Layout of the folder (format 1)::

    workspace.json               format, base model's name and weights hash; written once
    head.json                    number and hash of the last entry, so that a cut-off end is noticed
    log/000001-<short id>.json   one entry; carries the hash of the entry before it
    changes/<id>.safetensors     the tensors of one change; their hash is in its entry

An entry's file is written last of what belongs to it, so a writer that dies at any moment leaves
the last complete state; `head.json` follows and may lag behind.  Entries that are added together
name their first and last number, and count when the last is there.  Writers take turns by a lock on
``.lock``, which the system releases when its holder dies; readers need none.  The hashes notice
accidents and edits by hand; whoever rewrites every file consistently is not kept out.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import filelock

from unfrozen.errors import WorkspaceError
from unfrozen.workspace.change import now
from unfrozen.workspace.files import (
    TEMPORARY,
    canonical,
    damaged,
    read_file,
    seal,
    sha256,
    unseal,
    write_file,
)

FORMAT = 1
LOCK_SECONDS = 60.0
_ENTRY = re.compile(r"\d{6,}-[0-9a-f]{8}\.json")
_TENSORS = re.compile(r"[0-9a-f]{16}\.safetensors")


@dataclass(frozen=True)
class Entry:
    """One line of the log: a change, or the revert of an earlier entry.

    Attributes:
        number: position in the log, from 1.
        id: id of the change; of a revert, an id of its own.
        at: when it was written here, ISO 8601 in UTC.
        kind: the change's kind, or ``revert``.
        name: the change's name; of a revert, what it does to which change.
        state: ``active``, or ``reverted`` by a later active entry.
        reverts: id of the entry that this one reverts, if it is a revert.
        record: the change's record (request, settings, effect, base, ...); of a revert, empty.
        tensors: SHA-256 of the file with the change's tensors; of a revert, empty.
    """

    number: int
    id: str
    at: str
    kind: str
    name: str
    state: Literal["active", "reverted"]
    reverts: str | None
    record: Mapping[str, Any]
    tensors: str

    @property
    def active(self) -> bool:
        """Whether it counts in the workspace's present state."""
        return self.state == "active"

    @property
    def created(self) -> str:
        """When the change was made (`at` is when it came into this log)."""
        return self.record.get("created", self.at)

    @property
    def request(self) -> Mapping[str, Any]:
        """What was asked."""
        return self.record.get("request", {})

    @property
    def settings(self) -> Mapping[str, Any]:
        """How the change was made."""
        return self.record.get("settings", {})

    @property
    def effect(self) -> Mapping[str, Any]:
        """What was measured before and after."""
        return self.record.get("effect", {})


class Addition(NamedTuple):
    """What one new entry holds: a change with its tensors' file, or the id that it reverts."""

    change_id: str = ""
    record: Mapping[str, Any] | None = None
    tensors: bytes = b""
    reverts: str = ""


class Log:
    """The files of one workspace.  `create` makes one, `open` reads one."""

    def __init__(self, path: Path, base_name: str, base_hash: str, digest: str) -> None:
        self.path = path
        self.base_name = base_name
        self.base_hash = base_hash
        self._digest = digest

    @classmethod
    def create(cls, path: Path, base_name: str, base_hash: str) -> "Log":
        """Make a new workspace in a folder that is new or empty."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            with _locked(path):
                # What an earlier, interrupted create may have left does not count as content.
                content = {p.name for p in path.iterdir() if not p.match(TEMPORARY)}
                if "workspace.json" in content:
                    raise WorkspaceError(f"{path} is a workspace already: open it, or name another")
                begun = [p for n in ("log", "changes") for p in (path / n).glob("*")]
                if begun or content - {".lock", "head.json", "log", "changes"}:
                    raise WorkspaceError(f"{path} is not empty: name a new or an empty folder")
                for name in ("log", "changes"):
                    (path / name).mkdir(exist_ok=True)
                base = {"name": base_name, "weights": base_hash}
                header = seal({"format": FORMAT, "base": base, "created": now()})
                log = cls(path, base_name, base_hash, sha256(header))
                log._write_head(0, log._digest)
                write_file(path / "workspace.json", header)
        except OSError as error:
            raise WorkspaceError(f"cannot make a workspace in {path}: {error.strerror}") from error
        return log

    @classmethod
    def open(cls, path: Path) -> "Log":
        """Read the header of a workspace."""
        file = path / "workspace.json"
        if not file.exists():
            if any((path / "log").glob("*.json")):
                raise damaged(file, "it is missing beside a log")
            raise WorkspaceError(f"{path} is not a workspace: make one with `unfrozen init {path}`")
        data = read_file(file)
        header = unseal(data, file, newest_format=FORMAT)
        try:
            base = header["base"]
            return cls(path, base["name"], base["weights"], sha256(data))
        except (KeyError, TypeError) as error:
            raise damaged(file, "it does not name a base model") from error

    def entries(self) -> list[Entry]:
        """All entries in order, with their states; every file of the log is verified.

        Raises:
            WorkspaceError: a file is damaged, missing or out of its place.
        """
        try:
            return self._read()[0]
        except WorkspaceError:
            # A listing made while a writer adds several entries may lack one: look again.
            return self._read()[0]

    def tensors_path(self, entry: Entry) -> Path:
        """Where the tensors of an entry are."""
        return self.path / "changes" / f"{entry.id}.safetensors"

    def tensors(self, entry: Entry) -> bytes:
        """The verified bytes of an entry's tensors file."""
        path = self.tensors_path(entry)
        data = read_file(path)
        if sha256(data) != entry.tensors:
            raise damaged(path, f"its hash is not the one in entry {entry.number}")
        return data

    @contextlib.contextmanager
    def writing(self) -> "Iterator[Writer]":
        """Hold the lock; what is read inside stays true until the end of the block."""
        with _locked(self.path):
            entries, digests = self._read()
            for name in ("log", "changes"):  # version control does not keep empty folders
                (self.path / name).mkdir(exist_ok=True)
            self._sweep(entries)
            yield Writer(self, entries, digests[-1])

    def _read(self) -> tuple[list[Entry], list[str]]:
        head_path = self.path / "head.json"
        # Before the listing: a writer moves the head after its entry, so the head of now can
        # never be ahead of a listing made later.
        head = unseal(read_file(head_path), head_path)
        paths = [p for p in (self.path / "log").glob("*.json") if _ENTRY.fullmatch(p.name)]
        digests = [self._digest]
        records = []
        for number, path in enumerate(sorted(paths, key=lambda p: int(p.name.split("-")[0])), 1):
            if int(path.name.split("-")[0]) != number:
                raise damaged(path, f"entry {number} of the log is missing or there twice")
            data = read_file(path)
            record = unseal(data, path)
            if record.get("previous") != digests[-1]:
                raise damaged(path, "it does not follow the entry before it")
            if _file_name(number, str(record.get("id"))) != path.name:
                raise damaged(path, "its name does not fit its content")
            digests.append(sha256(data))
            records.append((path, record))
        last = head.get("number")
        if not isinstance(last, int) or not 0 <= last <= len(records):
            raise damaged(self.path / "log", f"it ends at {len(records)}, but had {last} entries")
        if head.get("entry") != digests[last]:
            raise damaged(head_path, f"it does not belong to entry {last}")
        whole = _whole([record for _, record in records])
        if whole < last:
            raise damaged(self.path / "log", f"it ends inside the entries from {whole + 1} on")
        return _resolve(records[:whole]), digests[: whole + 1]

    def _write_head(self, number: int, digest: str) -> None:
        write_file(self.path / "head.json", seal({"number": number, "entry": digest}))

    def _sweep(self, entries: Sequence[Entry]) -> None:
        """Remove what writers that died have left; called with the lock held."""
        known = {entry.id for entry in entries}
        # Others may be writing to the folder itself; `log` and `changes` are the log's own.
        left = list(self.path.glob(f".workspace.json{TEMPORARY}"))
        left += self.path.glob(f".head.json{TEMPORARY}")
        for name in ("log", "changes"):
            left += (self.path / name).glob(TEMPORARY)
        # The last first: should this be cut short too, no gap is left.
        for path in sorted((self.path / "log").iterdir(), key=lambda p: p.name, reverse=True):
            if _ENTRY.fullmatch(path.name) and int(path.name.split("-")[0]) > len(entries):
                left.append(path)
        for path in (self.path / "changes").iterdir():
            if _TENSORS.fullmatch(path.name) and path.stem not in known:
                left.append(path)
        for path in left:
            if path.is_file():
                path.unlink(missing_ok=True)


class Writer:
    """The log while its lock is held.

    Attributes:
        entries: all entries, up to date.
    """

    def __init__(self, log: Log, entries: Sequence[Entry], digest: str) -> None:
        self.entries = list(entries)
        self._log = log
        self._last = digest

    def append(self, additions: Sequence[Addition]) -> list[str]:
        """Add entries, all or none if the system refuses a write; returns their ids."""
        log, previous, number, ids = self._log, self._last, len(self.entries), []
        together = {"together": [number + 1, number + len(additions)]}
        written: list[Path] = []
        try:
            for addition in additions:
                if addition.record is not None:
                    written.append(log.path / "changes" / f"{addition.change_id}.safetensors")
                    write_file(written[-1], addition.tensors)
            for addition in additions:
                number += 1
                record: dict[str, Any] = {"number": number, "at": now(), "previous": previous}
                record |= together if len(additions) > 1 else {}
                if addition.record is not None:
                    record |= {"id": addition.change_id, "change": dict(addition.record)}
                    record |= {"tensors": sha256(addition.tensors)}
                else:
                    record |= {"reverts": addition.reverts}
                    record |= {"id": sha256(canonical(record).encode())[:16]}
                data = seal(record)
                written.append(log.path / "log" / _file_name(number, record["id"]))
                write_file(written[-1], data)
                previous = sha256(data)
                ids.append(record["id"])
        except BaseException:
            for path in reversed(written):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        # The entries are safe already: a head that lags is legal, and the next writer moves it.
        with contextlib.suppress(WorkspaceError):
            log._write_head(number, previous)
        return ids


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        lock = filelock.FileLock(folder / ".lock", timeout=LOCK_SECONDS, poll_interval=0.01)
        with lock:
            yield
    except filelock.Timeout as error:
        raise WorkspaceError(
            f"{folder} has been locked by another process for {LOCK_SECONDS:.0f} s: "
            "try again when that one has finished"
        ) from error
    except OSError as error:
        raise WorkspaceError(f"cannot write in {folder}: {error.strerror or error}") from error


def _whole(records: Sequence[Mapping[str, Any]]) -> int:
    """How many entries count: without those of a group whose last is not there yet."""
    if not records or "together" not in records[-1]:
        return len(records)
    first, last = records[-1]["together"]
    return len(records) if last <= len(records) else first - 1


def _file_name(number: int, entry_id: str) -> str:
    return f"{number:06d}-{entry_id[:8]}.json"


def _resolve(records: Sequence[tuple[Path, Mapping[str, Any]]]) -> list[Entry]:
    """Give every entry its state and its name: an entry counts unless a later one that counts
    reverts it, so a revert that is reverted restores.
    """
    reverted: set[str] = set()
    for _, record in reversed(records):
        if "reverts" in record and record.get("id") not in reverted:
            reverted.add(record["reverts"])
    entries: dict[str, Entry] = {}
    for path, record in records:
        try:
            change: dict[str, Any] = record.get("change", {})
            target = record.get("reverts")
            entry = Entry(
                number=record["number"],
                id=record["id"],
                at=record["at"],
                kind="revert" if target else change["kind"],
                name=_revert_name(entries[target]) if target else change["name"],
                state="reverted" if record["id"] in reverted else "active",
                reverts=target,
                record=change,
                tensors="" if target else record["tensors"],
            )
        except (KeyError, TypeError) as error:
            raise damaged(path, f"a field is missing or wrong: {error}") from error
        if entry.id in entries:
            raise damaged(path, f"entry {entries[entry.id].number} has the same id")
        entries[entry.id] = entry
    return list(entries.values())


def _revert_name(target: Entry) -> str:
    if target.name.startswith("revert of ") and target.reverts:
        return "restore of " + target.name.removeprefix("revert of ")
    if target.name.startswith("restore of ") and target.reverts:
        return "revert of " + target.name.removeprefix("restore of ")
    return f"revert of {target.name}"
