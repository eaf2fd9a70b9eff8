"""Models and their trainings as files: safetensors, with settings as JSON in the metadata."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from unfrozen.data.parts import load_parts, save_parts
from unfrozen.errors import WorldError
from unfrozen.world.jepa.model import Jepa, JepaSettings

_KIND, _A = "jepa", "JEPA"


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
    state, metadata = load_parts(path, _KIND, _A, WorldError)
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
    return json.loads(load_parts(path, _KIND, _A, WorldError)[1].get("told", "{}"))
