"""Kind ``zeroth-order-run``: a fine-tune as the scalars that it was made by."""

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from unfrozen.errors import UnfrozenError, WorkspaceError
from unfrozen.learning.zeroth_order.files import pack, unpack
from unfrozen.learning.zeroth_order.record import Record
from unfrozen.memory.linear.low_rank import LowRank
from unfrozen.workspace.tuning import preconditioning
from unfrozen.workspace.tuning.lora import Adapter, Factors, evened
from unfrozen.workspace.tuning.preconditioning import Exponents


def payload_of(
    record: Record, adapter: Adapter | None, exponents: Exponents | None = None
) -> dict[str, Tensor]:
    """What a change stores of a run.

    Args:
        record: of it.
        adapter: that it tuned; None if it tuned the model's own parameters.
        exponents: of the features that the adapter read, if it was moved evenly.
    """
    found = {"record": _bytes(pack(record))}
    if adapter is not None:
        found["adapter"] = _bytes(json.dumps(asdict(adapter), sort_keys=True).encode())
    if exponents is not None:
        found["exponents"] = preconditioning.pack(exponents)
    return found


class ZerothOrderRun:
    """Replayed over whatever the changes before it have left.

    The payload is ``record``, bytes of a `Record`, and ``adapter``, JSON of an `Adapter`, if one
    was tuned: its product is then added to the parameters beside which it stood.  ``exponents`` are
    of the features that its A read, if their columns were divided by them.
    """

    def own(self, payload: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Check that it is a run, and copy it."""
        if "record" not in payload or set(payload) - {"record", "adapter", "exponents"}:
            raise WorkspaceError("a run holds a record, and an adapter if it tuned one")
        owned = {name: tensor.detach().clone() for name, tensor in payload.items()}
        try:
            self.shapes(owned)
        except KeyError as error:
            raise WorkspaceError(f"a run of adapters lacks {error}") from error
        if "exponents" in owned:
            self._exponents(owned)
        return owned

    def tensors(self, payload: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As they are."""
        return dict(payload)

    def load(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As they are."""
        return dict(tensors)

    def shapes(self, payload: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """Of the parameters that were moved, or that adapters stand beside."""
        record, adapter = _read(*self._key(payload))
        shapes = record.shapes
        if adapter is None:
            return shapes
        names = [name.removesuffix(".A") for name in shapes if name.endswith(".A")]
        return {name: (shapes[f"{name}.B"][0], shapes[f"{name}.A"][1]) for name in names}

    def updates(self, payload: Mapping[str, Tensor]) -> dict[str, LowRank]:
        """What a run of adapters adds to each parameter.

        Raises:
            WorkspaceError: it was a run of the model's own parameters, which has no low rank.
        """
        _, adapter = _read(*self._key(payload))
        if adapter is None:
            raise WorkspaceError(
                "a run of the model's own parameters is no LoRA: export the whole model "
                "(`unfrozen materialize`), or tune adapters"
            )
        found = {}
        for name, (rows, columns) in self.shapes(payload).items():
            factors = self._factors(payload, name, rows, columns, torch.device("cpu"))
            found[name] = LowRank(adapter.scale * factors.b, factors.a.T.contiguous())
        return found

    def add_(self, payload: Mapping[str, Tensor], name: str, weight: Tensor) -> None:
        """Replay the run for one parameter."""
        record, adapter = _read(*self._key(payload))
        if adapter is None:
            for _ in record.replay({name: weight}):
                pass
            return
        rows, columns = weight.shape
        factors = self._factors(payload, name, rows, columns, weight.device)
        weight += (adapter.scale * (factors.b @ factors.a)).to(weight)

    def _factors(
        self,
        payload: Mapping[str, Tensor],
        name: str,
        rows: int,
        columns: int,
        device: torch.device,
    ) -> Factors:
        record, adapter = _read(*self._key(payload))
        assert adapter is not None
        factors = adapter.begin(name, rows, columns, device)
        for _ in record.replay({f"{name}.A": factors.a, f"{name}.B": factors.b}):
            pass
        if "exponents" not in payload:
            return factors
        found = self._exponents(payload)[f"{name}.A"].to(device)
        return Factors(evened(factors.a, found), factors.b)

    def _exponents(self, payload: Mapping[str, Tensor]) -> Exponents:
        record, adapter = _read(*self._key(payload))
        if adapter is None or payload["exponents"].dtype != torch.int8:
            raise WorkspaceError("sizes of features are bytes, and of adapters only")
        widths = {name: shape[1] for name, shape in record.shapes.items() if name.endswith(".A")}
        return preconditioning.unpack(payload["exponents"], widths)

    @staticmethod
    def _key(payload: Mapping[str, Tensor]) -> tuple[bytes, bytes]:
        try:
            parts = [payload.get(name) for name in ("record", "adapter")]
            return tuple(b"" if t is None else t.cpu().numpy().tobytes() for t in parts)  # pyright: ignore[reportReturnType]
        except (AttributeError, RuntimeError, TypeError) as error:
            raise WorkspaceError(f"a run holds bytes: {error}") from error


@functools.lru_cache(maxsize=64)
def _read(record: bytes, adapter: bytes) -> tuple[Record, Adapter | None]:
    try:
        if not adapter:
            return unpack(record), None
        told: dict[str, Any] = json.loads(adapter)
        return unpack(record), Adapter(**{**told, "targets": tuple(told["targets"])})
    except (UnfrozenError, ValueError, TypeError, KeyError) as error:
        raise WorkspaceError(f"a run cannot be read: {error}") from error


def _bytes(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).clone()
