"""The kinds of changes: what each stores, and what it does to the parameters of a model."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from unfrozen.errors import WorkspaceError
from unfrozen.memory.linear.low_rank import LowRank
from unfrozen.workspace.tuning.run import ZerothOrderRun


class Kind(Protocol):
    """What every kind of change must be able to do with its payload."""

    def own(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Check the payload and copy it, so that nobody else can alter it."""
        ...

    def tensors(self, payload: Mapping[str, Any]) -> dict[str, Tensor]:
        """The payload as named tensors, as they are stored."""
        ...

    def load(self, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        """The payload back from its named tensors."""
        ...

    def shapes(self, payload: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        """The full names of the parameters that are altered, and the shape each must have."""
        ...

    def add_(self, payload: Mapping[str, Any], name: str, weight: Tensor) -> None:
        """Add the change of parameter `name` to a working copy of it, in place."""
        ...


class LowRankEdit:
    """Kind ``low-rank-edit``: ``parameter += left @ right.T`` for each named parameter.

    The payload maps a parameter's full name to its factors, ``left`` with the parameter's rows and
    ``right`` with its columns, in the parameter's own orientation.
    """

    def own(self, payload: Mapping[str, LowRank]) -> dict[str, LowRank]:
        """Check types and values; copy the factors out of any larger storage."""
        if not payload:
            raise WorkspaceError("a low-rank edit needs at least one parameter: it is empty")
        owned = {}
        for name, factors in payload.items():
            left, right = factors.left, factors.right
            if not (left.is_floating_point() and left.dtype == right.dtype):
                raise WorkspaceError(
                    f"factors of {name} are {left.dtype} and {right.dtype}: "
                    "give both the same floating-point type"
                )
            if not (left.isfinite().all() and right.isfinite().all()):
                raise WorkspaceError(f"factors of {name} hold NaN or infinity: the edit diverged")
            owned[name] = LowRank(left=_own(left), right=_own(right))
        return owned

    def tensors(self, payload: Mapping[str, LowRank]) -> dict[str, Tensor]:
        """``<parameter>.left`` and ``<parameter>.right``."""
        sides = {}
        for name, factors in payload.items():
            sides[f"{name}.left"] = factors.left
            sides[f"{name}.right"] = factors.right
        return sides

    def load(self, tensors: Mapping[str, Tensor]) -> dict[str, LowRank]:
        """Pair the sides again; a side without its partner is refused."""
        names = {name.removesuffix(".left") for name in tensors if name.endswith(".left")}
        if {f"{n}.{side}" for n in names for side in ("left", "right")} != set(tensors):
            raise WorkspaceError("a low-rank edit must hold a left and a right factor a parameter")
        return {
            name: LowRank(left=tensors[f"{name}.left"], right=tensors[f"{name}.right"])
            for name in sorted(names)
        }

    def shapes(self, payload: Mapping[str, LowRank]) -> dict[str, tuple[int, ...]]:
        """Rows of left by rows of right."""
        return {n: (f.left.shape[0], f.right.shape[0]) for n, f in payload.items()}

    def add_(self, payload: Mapping[str, LowRank], name: str, weight: Tensor) -> None:
        """Computed in the type of the working copy, whatever the factors were stored as."""
        factors = payload[name]
        weight += factors.left.to(weight) @ factors.right.to(weight).T


class BatchEdit:
    """Kind ``batch-edit``: a low-rank edit that writes many facts, and what was stored for each.

    The payload has ``updates``, as a low-rank edit's, and ``targets`` [fact, width]: the states
    that were written, in the order of the request's facts, from which the batch can be written
    again without one of them.
    """

    _updates = LowRankEdit()

    def own(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Check types and values; copy everything."""
        if set(payload) != {"updates", "targets"}:
            raise WorkspaceError("a batch edit holds its updates and the facts' targets")
        targets = payload["targets"]
        if targets.ndim != 2 or not targets.is_floating_point():
            raise WorkspaceError("targets of a batch edit are states [fact, width]")
        if not targets.isfinite().all():
            raise WorkspaceError("targets of a batch edit hold NaN or infinity: the edit diverged")
        return {"updates": self._updates.own(payload["updates"]), "targets": _own(targets)}

    def tensors(self, payload: Mapping[str, Any]) -> dict[str, Tensor]:
        """The factors, and ``targets``."""
        return {**self._updates.tensors(payload["updates"]), "targets": payload["targets"]}

    def load(self, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        """The payload back; without targets it is refused."""
        factors = dict(tensors)
        targets = factors.pop("targets", None)
        if targets is None:
            raise WorkspaceError("a batch edit must hold the facts' targets")
        return {"updates": self._updates.load(factors), "targets": targets}

    def shapes(self, payload: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        """Of the parameters that are altered."""
        return self._updates.shapes(payload["updates"])

    def add_(self, payload: Mapping[str, Any], name: str, weight: Tensor) -> None:
        """As a low-rank edit."""
        self._updates.add_(payload["updates"], name, weight)


class StoredStates:
    """Kinds that keep states beside the model and alter no parameter; payload: name to tensor.

    What is remembered stands in the request.  Its states are those of `unfrozen.language.recall`,
    or of `unfrozen.agent.experience`, from which the memory is made again.
    """

    def own(self, payload: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Check values; copy everything."""
        if not payload:
            raise WorkspaceError("a memory needs at least one state: it is empty")
        for name, tensor in payload.items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise WorkspaceError(f"{name} of a memory hold NaN or infinity")
        return {name: _own(tensor) for name, tensor in payload.items()}

    def tensors(self, payload: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As they are."""
        return dict(payload)

    def load(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As they are."""
        return dict(tensors)

    def shapes(self, payload: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """None: no parameter is altered."""
        return {}

    def add_(self, payload: Mapping[str, Tensor], name: str, weight: Tensor) -> None:
        """Never called, since no parameter is altered."""


class Forgetting(StoredStates):
    """Kind ``forgetting``: names what is no longer recalled of earlier memories; has no payload."""

    def own(self, payload: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """There is nothing to own."""
        if payload:
            raise WorkspaceError("a forgetting holds no states")
        return {}


EDITS = ("low-rank-edit", "batch-edit")
"""Kinds that write facts into weights."""

FACTS, DOCUMENTS, FORGETTING = "fact-memory", "document-memory", "forgetting"
"""Kinds that remember and forget beside the model."""

EXPERIENCE = "experience"
"""Kind of what an agent's errand left: places, steps and slots of its memories."""

LIVES = "tem-t/"
"""How names of bases begin that are a map's model, over which an agent lives."""

MEMORIES = (FACTS, DOCUMENTS, FORGETTING, EXPERIENCE)
"""Kinds that alter no parameter."""

RUN = "zeroth-order-run"
"""Kind of a fine-tune that is kept as its scalars."""

KINDS: dict[str, Kind] = {
    "low-rank-edit": LowRankEdit(),
    "batch-edit": BatchEdit(),
    FACTS: StoredStates(),
    DOCUMENTS: StoredStates(),
    FORGETTING: Forgetting(),
    EXPERIENCE: StoredStates(),
    RUN: ZerothOrderRun(),
}
"""Every kind of change by its name; a new kind is one more row."""


def _own(tensor: Tensor) -> Tensor:
    """A compact copy outside of any graph."""
    return tensor.detach().clone(memory_format=torch.contiguous_format)
