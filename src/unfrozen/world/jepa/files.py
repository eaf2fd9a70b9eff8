"""Models and their trainings as files: safetensors, with settings as JSON in the metadata."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from unfrozen.data.cache import atomic_write
from unfrozen.errors import WorldError
from unfrozen.world.jepa.model import Jepa, JepaSettings

_FORMAT = "1"
_KIND, _A = "jepa", "JEPA"


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


def load_parts(path: str | Path, kind: str, a: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `save_parts` wrote: tensors, and what tells of them.

    Args:
        path: where.
        kind: that it must be of.
        a: what that is, for whoever reads the error.

    Raises:
        WorldError: the file is missing, damaged, or of another kind.
    """
    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            # As they lie in the file, they begin anywhere, and products are rounded otherwise.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WorldError(f"{path} cannot be read as a {a}: {error}") from error
    if told.get("kind") != kind or told.get("format") != _FORMAT:
        raise WorldError(f"{path} is no {a} of format {_FORMAT}")
    return tensors, told


def save_model(model: Jepa, path: str | Path, told: Mapping[str, Any] | None = None) -> None:
    """Write a model to one safetensors file, whole or not at all.

    Args:
        model: to be kept.
        path: where.
        told: how it was trained and what was measured, in values of JSON, for whoever opens it.

    Raises:
        DataError: the disk is full or refuses.
    """
    settings = json.dumps(asdict(model.settings), sort_keys=True)
    about = json.dumps(dict(told or {}), sort_keys=True)
    save_parts(path, _KIND, model.state_dict(), {"settings": settings, "told": about})


def load_model(path: str | Path) -> Jepa:
    """Read what `save_model` wrote.

    Raises:
        WorldError: the file is missing, damaged, or holds something else.
    """
    state, metadata = load_parts(path, _KIND, _A)
    try:
        told = json.loads(metadata["settings"])
        known = {field.name for field in fields(JepaSettings)}
        if set(told) - known:
            raise ValueError(f"unknown settings {sorted(set(told) - known)}")
        lists: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in told.items()}
        model = Jepa(JepaSettings(**lists)).to(next(iter(state.values())).dtype)
        model.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError, WorldError) as error:
        reason = " ".join(str(error).split())
        raise WorldError(f"{path} does not fit a {_A}: {reason}") from error
    return model.eval()


def told_of(path: str | Path) -> dict[str, Any]:
    """What was told of a model when it was saved.

    Raises:
        WorldError: the file is missing, damaged, or holds something else.
    """
    return json.loads(load_parts(path, _KIND, _A)[1].get("told", "{}"))
