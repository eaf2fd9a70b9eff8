"""Trained models as files, and those that come with the package."""

import json
from dataclasses import asdict, fields
from importlib import resources
from pathlib import Path

import torch

from unfrozen.data.parts import load_parts, save_parts
from unfrozen.errors import MapError
from unfrozen.hippocampus.tem_t.correction import Correction
from unfrozen.hippocampus.tem_t.model import TemT, TemTSettings

_KIND, _A = "tem-t", "TEM-transformer"
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
    settings = json.dumps(asdict(model.settings), sort_keys=True)
    save_parts(path, _KIND, model.state_dict(), {"settings": settings, "told": told})


def load_model(path: str | Path) -> TemT:
    """Read what `save_model` wrote.

    Raises:
        MapError: the file is missing, damaged, or holds something else.
    """
    state, metadata = load_parts(path, _KIND, _A, MapError)
    try:
        told = json.loads(metadata["settings"])
        known = {field.name for field in fields(TemTSettings)}
        if set(told) - known:
            raise ValueError(f"unknown settings {sorted(set(told) - known)}")
        if told.get("correction") is not None:
            told["correction"] = Correction(**told["correction"])
        # What is drawn is overwritten at once: nobody else's numbers are to be others for it.
        model = TemT(TemTSettings(**told), torch.Generator())
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
