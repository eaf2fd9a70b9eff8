"""The one interface of every associative memory: write, read, forget, energy, save, load.

The one idea of this library: a network's knowledge is the content of associative memories.  The
down-projection of a transformer's MLP is one, a matrix that answers a key k (what the MLP computed
from a token) with a value v = W k (what it adds to the stream).  Whoever can write to such a memory
and take a write back can change what a frozen network knows.

A member states how it learns one write and how it reads.  All of them keep what was written, so
that to forget means to learn the rest again: the state is the one in which the forgotten write
never happened, bit for bit, whatever the rule and whatever the order.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from unfrozen.data.cache import atomic_write
from unfrozen.errors import DataError, MemoryShapeError

_FORMAT = "1"
_Member = TypeVar("_Member", bound="AssociativeMemory")  # typing.Self, which beartype cannot check


class AssociativeMemory(nn.Module, ABC):
    """Maps keys to values, and learns new pairs one write at a time.

    A member implements `settings`, `_reset`, `_learn` and `read`, and `energy` where it has one.
    Writes carry no gradient; reads do, to the queries and to the parameters.  To differentiate
    through a write, use the member's pure function.

    Args:
        key_width: features of a key.
        value_width: features of a value.
        device: as for any module.
        dtype: as for any module; keys and values are kept in it.

    Raises:
        MemoryShapeError: a width is not positive, or the dtype is not a floating one.
    """

    written_keys: Tensor
    written_values: Tensor
    written_ids: Tensor
    next_id: Tensor

    # Buffers whose first dimension is not known before they are loaded.
    _growing: tuple[str, ...] = ("written_keys", "written_values", "written_ids")
    _members: dict[str, type["AssociativeMemory"]] = {}  # noqa: RUF012 - the one table of the family

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        AssociativeMemory._members[cls.__name__] = cls

    def __init__(
        self,
        key_width: int,
        value_width: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if key_width < 1 or value_width < 1:
            raise MemoryShapeError(
                f"a memory needs keys and values of at least one feature, not {key_width} and "
                f"{value_width}"
            )
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if not dtype.is_floating_point:
            raise MemoryShapeError(f"a memory holds floating-point numbers, not {dtype}")
        self.key_width, self.value_width = key_width, value_width

        def rows(*width: int, dtype: torch.dtype = dtype) -> Tensor:
            return torch.empty(0, *width, device=device, dtype=dtype)

        self.register_buffer("written_keys", rows(key_width))
        self.register_buffer("written_values", rows(value_width))
        self.register_buffer("written_ids", rows(dtype=torch.int64))
        self.register_buffer("next_id", torch.zeros((), dtype=torch.int64, device=device))
        self.register_load_state_dict_pre_hook(_make_room)

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The arguments, as JSON has them, that make an empty memory like this one."""

    @abstractmethod
    def _reset(self) -> None:
        """Go back to the state before any write."""

    @abstractmethod
    def _learn(self, keys: Tensor, values: Tensor, earlier_keys: Tensor) -> None:
        """Take in one write.  Buffers are replaced, never changed in place.

        Args:
            keys: [n, key], checked, in the memory's own dtype.
            values: [n, value], likewise.
            earlier_keys: [m, key], of the writes before.
        """

    @abstractmethod
    def read(self, queries: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The values that the memory answers to queries.

        Raises:
            MemoryShapeError: the queries have another width.
        """

    def energy(
        self,
        queries: Float[Tensor, "*batch key"],
        values: Float[Tensor, "*batch value"] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """One scalar a query, low where the memory feels at home.

        Args:
            queries: keys.
            values: a value a key; without, an auto-associative memory takes the keys themselves.

        Raises:
            MemoryShapeError: this memory has no energy, or shapes do not fit.
        """
        raise MemoryShapeError(f"{type(self).__name__} has no energy: it can only be read")

    def forward(self, queries: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch value"]:
        """The same as `read`, so that a memory can stand in a network as a layer."""
        return self.read(queries)

    @property
    def ids(self) -> tuple[int, ...]:
        """The writes that are in the memory, oldest first."""
        return tuple(torch.unique_consecutive(self.written_ids).tolist())

    @torch.no_grad()
    def write(
        self,
        keys: Float[Tensor, "n key"],
        values: Float[Tensor, "n value"] | None = None,
    ) -> int:
        """Store pairs, as one write.

        Args:
            keys: one a row.
            values: one a row; without, the keys themselves (auto-association).

        Returns:
            The write's id, by which it can be forgotten.  Ids are not used twice.

        Raises:
            MemoryShapeError: there are none, shapes do not fit, something is not finite, or the
                rule cannot store them.  The memory is as before.
        """
        values = keys if values is None else values
        self._check_content()
        check_pairs(keys, values, key_width=self.key_width, value_width=self.value_width)
        keys, values = keys.detach().to(self.written_keys), values.detach().to(self.written_values)
        check_pairs(keys, values, key_width=self.key_width, value_width=self.value_width)
        self._learn(keys, values, self.written_keys)
        new = int(self.next_id)
        ids = self.written_ids.new_full((keys.shape[0],), new)
        self.written_keys = torch.cat([self.written_keys, keys])
        self.written_values = torch.cat([self.written_values, values])
        self.written_ids = torch.cat([self.written_ids, ids])
        self.next_id = self.next_id + 1
        return new

    @torch.no_grad()
    def forget(self, ids: int | Iterable[int]) -> None:
        """Take writes back, as though they had never happened.

        The others are learnt again in their order, so rules whose writes build on one another
        (decay, delta, least squares) end where they would have ended without the forgotten ones.

        Args:
            ids: what `write` returned, one or several.

        Raises:
            MemoryShapeError: there is no such write, or it was forgotten already.  The memory is
                as before.
        """
        self._check_content()
        gone = {ids} if isinstance(ids, int) else set(ids)
        unknown = gone - set(self.ids)
        if unknown:
            raise MemoryShapeError(
                f"there is no write {min(unknown)} in this memory: it was forgotten or never made"
            )
        if not gone:
            return
        lost = torch.tensor(sorted(gone), device=self.written_ids.device)
        keep = ~torch.isin(self.written_ids, lost)
        keys, values, left = (
            t[keep] for t in (self.written_keys, self.written_values, self.written_ids)
        )
        before = dict(self._buffers)
        try:
            self._reset()
            start = 0
            for n in torch.unique_consecutive(left, return_counts=True)[1].tolist():
                end = start + n
                self._learn(keys[start:end], values[start:end], keys[:start])
                start = end
        except BaseException:
            self._buffers.update(before)
            raise
        self.written_keys, self.written_values, self.written_ids = keys, values, left

    def save(self, path: str | Path) -> None:
        """Write the memory to one safetensors file, whole or not at all.

        Raises:
            DataError: the disk is full or refuses.
        """
        self._check_content()
        metadata = {
            "format": _FORMAT,
            "kind": "associative-memory",
            "class": type(self).__name__,
            "settings": json.dumps(self.settings, sort_keys=True),
            "dtype": str(self.written_keys.dtype).removeprefix("torch."),
        }
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.state_dict().items()}
        with atomic_write(path) as temporary:
            temporary.write_bytes(save(tensors, metadata))

    @classmethod
    def load(cls: type[_Member], path: str | Path, device: torch.device | str = "cpu") -> _Member:
        """Read what `save` wrote; on the base class, a memory of any kind.

        Args:
            path: the file.
            device: where to put it.

        Raises:
            DataError: the file is missing, damaged, or holds another kind of memory.
        """
        try:
            with safe_open(path, "pt", device=str(device)) as file:
                metadata = file.metadata() or {}
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise DataError(f"{path} cannot be read as a memory: {error}") from error
        if metadata.get("kind") != "associative-memory" or metadata.get("format") != _FORMAT:
            raise DataError(f"{path} is not a memory of format {_FORMAT}")
        kind = cls._members.get(metadata.get("class", ""))
        if kind is None or not issubclass(kind, cls):
            raise DataError(f"{path} holds a {metadata.get('class')}, not a {cls.__name__}")
        try:
            dtype = getattr(torch, metadata["dtype"])
            memory = kind(**json.loads(metadata["settings"]), device=device, dtype=dtype)
            memory.load_state_dict(state)
            memory._check_rows()
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path} does not fit a {kind.__name__}: {reason}") from error
        except MemoryShapeError as error:
            raise DataError(f"{path} does not fit a {kind.__name__}: {error}") from error
        return memory

    def _check_rows(self) -> None:
        rows = {len(self.written_keys), len(self.written_values), len(self.written_ids)}
        ascending = bool((self.written_ids.diff() >= 0).all())
        if len(rows) != 1 or not ascending or any(i >= int(self.next_id) for i in self.ids):
            raise MemoryShapeError("its keys, values and ids do not belong together")

    def _check_content(self) -> None:
        if self.written_keys.is_meta:
            raise MemoryShapeError("this memory is on the meta device and has no content yet")

    def _check_queries(self, queries: Tensor) -> None:
        if queries.ndim == 0 or queries.shape[-1] != self.key_width:
            raise MemoryShapeError(
                f"this memory is asked with {self.key_width} features, not with a query of shape "
                f"{list(queries.shape)}"
            )


def _make_room(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Give the growing buffers the length that they have in a state to be loaded."""
    assert isinstance(module, AssociativeMemory)
    for name in module._growing:
        loaded, buffer = state_dict.get(prefix + name), module._buffers.get(name)
        if loaded is not None and buffer is not None and loaded.shape[1:] == buffer.shape[1:]:
            module._buffers[name] = buffer.new_empty(loaded.shape)


def check_pairs(keys: Tensor, values: Tensor, *, key_width: int, value_width: int) -> None:
    """Check keys and values before a write.

    Args:
        keys: [n, key].
        values: [n, value].
        key_width: the features a key must have.
        value_width: the features a value must have.

    Raises:
        MemoryShapeError: there are none, shapes do not fit, or something is not finite.
    """
    if keys.ndim != 2 or values.ndim != 2 or keys.shape[0] != values.shape[0]:
        raise MemoryShapeError(
            "keys and values are rows of [n, key] and [n, value], not "
            f"{list(keys.shape)} and {list(values.shape)}"
        )
    if keys.shape[0] == 0:
        raise MemoryShapeError("there is nothing to write: no keys were given")
    if keys.shape[1] != key_width or values.shape[1] != value_width:
        raise MemoryShapeError(
            f"this memory maps {key_width} features to {value_width}, not "
            f"{keys.shape[1]} to {values.shape[1]}"
        )
    for name, tensor in (("keys", keys), ("values", values)):
        if not tensor.is_floating_point():
            raise MemoryShapeError(f"the {name} are floating-point numbers, not {tensor.dtype}")
        if not tensor.is_meta and not bool(torch.isfinite(tensor).all()):
            raise MemoryShapeError(f"the {name} are not all finite")
