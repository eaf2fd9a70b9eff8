"""One plastic change over a frozen base: what was asked, what was measured, and its tensors.

A change never alters the base: it says what to add to copies of the base's parameters.  Its id is
the hash of its content, so the same change has the same id in every workspace and a change whose
content was altered no longer fits its id.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from unfrozen.errors import WorkspaceError
from unfrozen.workspace.files import canonical, sha256
from unfrozen.workspace.kinds import KINDS


@dataclasses.dataclass(frozen=True, eq=False)
class Change:
    """One plastic change over a frozen base model.

    Two changes are equal when their ids are, and so their whole content.

    Args:
        kind: a name in `KINDS`.
        name: what people call it; one line, not only digits.
        base: weights hash of the model that it was made for.
        payload: what the kind stores; for ``low-rank-edit`` parameter name to `LowRank`.
        request: what was asked (subject, prompt, target, ...), as JSON.
        settings: how it was made, as JSON.
        effect: what was measured before and after, as JSON.
        created: when it was made, ISO 8601 in UTC; now, if it is not given.

    Raises:
        WorkspaceError: unknown kind, unusable name, values that are not JSON, malformed payload.
    """

    kind: str
    name: str
    base: str
    payload: Mapping[str, Any] = dataclasses.field(repr=False)
    request: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    effect: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    created: str = dataclasses.field(default_factory=lambda: now())

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise WorkspaceError(
                f"unknown kind of change {self.kind!r}: known are {', '.join(KINDS)} "
                "(a newer unfrozen may know more)"
            )
        check_name(self.name)
        _check_time(self.created)
        for field in ("request", "settings", "effect"):
            try:
                own = json.loads(canonical(dict(getattr(self, field))))
            except WorkspaceError as error:
                raise WorkspaceError(f"{field} of change {self.name!r} {error}") from error
            object.__setattr__(self, field, own)
        object.__setattr__(self, "payload", KINDS[self.kind].own(self.payload))

    @cached_property
    def id(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of the content."""
        return sha256(canonical(self.record()).encode())[:16]

    @property
    def bytes(self) -> int:
        """Size of the tensors in bytes."""
        return sum(t.numel() * t.element_size() for t in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """The payload as named tensors, as they are stored."""
        return KINDS[self.kind].tensors(self.payload)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The full names of the parameters that it alters, and the shape each must have."""
        return KINDS[self.kind].shapes(self.payload)

    def add_(self, name: str, weight: Tensor) -> None:
        """Add the change of parameter `name` to a working copy of it, in place."""
        KINDS[self.kind].add_(self.payload, name, weight)

    def apply(self, model: nn.Module) -> None:
        """Set the model to its base plus this change alone (other folded changes are taken out)."""
        from unfrozen.workspace.fold import Fold

        Fold.of(model).set([self])

    def describe(self) -> str:
        """One line: kind, name, where it writes and how large it is."""
        where = ", ".join(
            f"{name} ({' × '.join(map(str, shape))})" for name, shape in self.shapes().items()
        )
        return f"{self.kind} {self.name}: {where or 'no parameter'}, {self.bytes:,} bytes"

    def record(self) -> dict[str, Any]:
        """Everything but the tensors, with their hash, as JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "created": self.created,
            "request": dict(self.request),
            "settings": dict(self.settings),
            "effect": dict(self.effect),
            "base": self.base,
            "tensors": _digest(self.tensors()),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Change":
        """The change back from its record and tensors.

        Raises:
            WorkspaceError: the record is malformed, or the tensors are not those it names.
        """
        # Before anything is made of them, so that altered tensors are refused as such.
        if record.get("tensors") != _digest(tensors):
            raise WorkspaceError(f"tensors of change {record.get('name')!r} do not fit their hash")
        fields = {key: value for key, value in record.items() if key != "tensors"}
        kind = KINDS.get(str(record.get("kind")))
        try:
            return cls(**{**fields, "payload": kind.load(tensors) if kind else {}})
        except TypeError as error:
            raise WorkspaceError(f"malformed change {record.get('name')!r}: {error}") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Change) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def check_name(name: str) -> None:
    """Whether a change can be called so.

    Raises:
        WorkspaceError: not one short line of text, or only digits, which are an entry's number.
    """
    usable = name and name == name.strip() and name.isprintable() and len(name) <= 200
    if not usable or name.isdigit():
        raise WorkspaceError(
            f"{name!r} cannot name a change: use one line of up to 200 printable characters, "
            "not only digits, without blanks at its ends"
        )


def _check_time(created: str) -> None:
    try:
        utc = datetime.fromisoformat(created).utcoffset() == timedelta(0)
    except ValueError:
        utc = False
    if not utc:
        raise WorkspaceError(f"{created!r} is not a time in UTC: give one as {now()}")


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Hash of names, types, shapes and values, whatever the file format does to them."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
