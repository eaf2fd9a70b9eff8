"""Trained models as files, and those that come with the package."""

import json
from dataclasses import asdict, fields
from importlib import resources
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from unfrozen.data.cache import atomic_write
from unfrozen.errors import MapError
from unfrozen.hippocampus.tem_t.correction import Correction
from unfrozen.hippocampus.tem_t.model import TemT, TemTSettings

_FORMAT = "1"
_TRAINED = "trained"
# Worlds whose structure another family's model knows.
_SAME = {"maze": "grid", "borders": "grid", "objects": "grid"}


def save_model(model: TemT, path: str | Path, told: str = "") -> None:
    """Write a model to one safetensors file, whole or not at all.

    Args:
        model: to be kept.
        path: where.
        told: how it was trained, for whoever opens it.

    Raises:
        DataError: the disk is full or refuses.
    """
    metadata = {
        "kind": "tem-t",
        "format": _FORMAT,
        "settings": json.dumps(asdict(model.settings), sort_keys=True),
        "told": told,
    }
    state = {k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(state, metadata))


def load_model(path: str | Path) -> TemT:
    """Read what `save_model` wrote.

    Raises:
        MapError: the file is missing, damaged, or holds something else.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise MapError(f"{path} cannot be read as a TEM-transformer: {error}") from error
    if metadata.get("kind") != "tem-t" or metadata.get("format") != _FORMAT:
        raise MapError(f"{path} is no TEM-transformer of format {_FORMAT}")
    try:
        told = json.loads(metadata["settings"])
        known = {field.name for field in fields(TemTSettings)}
        if set(told) - known:
            raise ValueError(f"unknown settings {sorted(set(told) - known)}")
        if told.get("correction") is not None:
            told["correction"] = Correction(**told["correction"])
        model = TemT(TemTSettings(**told))
        model.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise MapError(f"{path} does not fit a TEM-transformer: {reason}") from error
    return model.eval()


def trained(name: str) -> TemT:
    """A model that comes with the package, trained by it.

    Args:
        name: of a family of worlds.

    Raises:
        MapError: there is none of that name.
    """
    folder = resources.files("unfrozen.hippocampus.tem_t") / _TRAINED
    there = sorted(
        entry.name.removesuffix(".safetensors")
        for entry in folder.iterdir()
        if entry.name.endswith(".safetensors")
    )
    name = _SAME.get(name, name)
    if name not in there:
        raise MapError(
            f"no model of {name!r} comes with unfrozen: train one (unfrozen map train), or take "
            f"one of {', '.join(there)}"
        )
    with resources.as_file(folder / f"{name}.safetensors") as path:
        return load_model(path)
