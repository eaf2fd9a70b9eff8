"""Records as bytes and as files: scalars, and what tells of them in a few hundred bytes."""

import base64
import json
import zlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from unfrozen.data.cache import atomic_write
from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.record import Record

_KIND = "zeroth-order-record"


def pack(record: Record) -> bytes:
    """A record as bytes."""
    told = json.dumps(record.told(), sort_keys=True).encode()
    # Names of parameters repeat one another: together they take a tenth of their length.  Under one
    # name, as several would be written in any order.
    metadata = {_KIND: base64.b64encode(zlib.compress(told, 9)).decode()}
    return save({k: v.contiguous() for k, v in record.tensors().items()}, metadata)


def unpack(data: bytes) -> Record:
    """The record back.

    Raises:
        LearningError: the bytes are none.
    """
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        told = json.loads(zlib.decompress(base64.b64decode(metadata[_KIND])))
    except (SafetensorError, ValueError, KeyError, zlib.error) as error:
        raise LearningError(f"these bytes are no record of a run: {error}") from error
    # As they lie in the bytes, they begin anywhere.
    return Record.of(told, {name: tensor.clone() for name, tensor in tensors.items()})


def save_record(record: Record, path: str | Path) -> None:
    """Write a record, whole or not at all.

    Raises:
        DataError: the disk is full or refuses.
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(pack(record))


def load_record(path: str | Path) -> Record:
    """Read a record.

    Raises:
        LearningError: the file is missing or none.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise LearningError(f"{path} cannot be read: {error.strerror or error}") from error
    return unpack(data)
