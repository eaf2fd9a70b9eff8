"""Tensors and what tells of them, as one safetensors file of a kind."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from unfrozen.data.cache import atomic_write
from unfrozen.errors import UnfrozenError

_FORMAT = "1"


def save_parts(
    path: str | Path, kind: str, tensors: Mapping[str, Tensor], told: Mapping[str, str]
) -> None:
    """Write tensors and what tells of them, whole or not at all.

    Args:
        path: where.
        kind: by which a reader knows that the file is for it.
        tensors: by name.
        told: by name.

    Raises:
        DataError: the disk is full or refuses.
    """
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(plain, {**told, "kind": kind, "format": _FORMAT}))


def load_parts(
    path: str | Path, kind: str, a: str, error: type[UnfrozenError]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `save_parts` wrote: tensors, and what tells of them.

    Args:
        path: where.
        kind: that it must be of.
        a: what that is, for whoever reads the error.
        error: what is raised.

    Raises:
        UnfrozenError: of the given kind; the file is missing, damaged, or of another kind.
    """
    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            # As they lie in the file, they begin anywhere, and products are rounded otherwise.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as reason:
        raise error(f"{path} cannot be read as a {a}: {reason}") from reason
    if told.get("kind") != kind or told.get("format") != _FORMAT:
        raise error(f"{path} is no {a} of format {_FORMAT}")
    return tensors, told
