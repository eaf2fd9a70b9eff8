"""Objects that hold tensors, as bytes whose large parts are copied once on their way."""

import importlib
import io
import pickle
import sys
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unfrozen.language.scale.clusters import import_ray


class Packed(NamedTuple):
    """A pickle, and the tensors that stand beside it.

    Attributes:
        pickle: everything else.
        tensors: their bytes, as arrays, which Ray keeps in memory that processes share.
    """

    pickle: bytes
    tensors: list[np.ndarray]


def pack(value: object) -> Packed:
    """Pickle a value, functions and classes of a script with it, and its tensors beside it.

    A tensor pickles as a file inside a file otherwise, some ten times slower.

    Raises:
        TypeError: something in it cannot be pickled.
    """
    tensors: list[np.ndarray] = []

    def beside(buffer: pickle.PickleBuffer) -> None:
        tensors.append(np.frombuffer(memoryview(buffer), np.uint8))

    class Packer(import_ray().cloudpickle.CloudPickler):
        def reducer_override(self, obj: Any) -> Any:
            inside = getattr(obj, "__dict__", None)
            if isinstance(inside, dict) and any(type(v) is ContextVar for v in inside.values()):
                return _found(obj) or super().reducer_override(obj)
            if type(obj) is not Tensor or obj.device.type != "cpu" or obj.layout != torch.strided:
                return super().reducer_override(obj)
            # Others keep their strides, on which the order of sums may depend.
            plain = obj.is_contiguous() and obj.numel() and not obj.is_conj() and not obj.is_neg()
            if not plain or obj.requires_grad:
                return super().reducer_override(obj)
            raw = obj.reshape(-1).view(torch.uint8).numpy().data
            return _tensor, (pickle.PickleBuffer(raw), obj.dtype, tuple(obj.shape))

    file = io.BytesIO()
    Packer(file, protocol=5, buffer_callback=beside).dump(value)
    return Packed(file.getvalue(), tensors)


def _found(holder: object) -> tuple[Any, ...] | None:
    """The name of a global that holds a context variable, which is of its process only.

    transformers leaves hooks with such a global on models whose states were asked for.
    """
    module = type(holder).__module__
    for key, value in vars(sys.modules[module]).items():
        if value is holder:
            return _named, (module, key)
    return None


def _named(module: str, key: str) -> Any:
    return getattr(importlib.import_module(module), key)


def unpack(packed: Packed) -> Any:
    """The value, with tensors of its own."""
    return pickle.loads(packed.pickle, buffers=packed.tensors)


def _tensor(raw: np.ndarray, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    made = torch.empty(len(raw), dtype=torch.uint8)
    made.numpy()[:] = raw
    return made.view(dtype).reshape(shape)
