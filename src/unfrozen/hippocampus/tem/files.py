"""Trained TEMs as files."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from unfrozen.data.parts import load_parts, save_parts
from unfrozen.errors import MapError
from unfrozen.hippocampus.tem.model import Tem
from unfrozen.hippocampus.tem.schedules import Schedules
from unfrozen.hippocampus.tem.settings import TemSettings

_KIND, _A = "tem", "TEM"


def save_tem(model: Tem, path: str | Path, told: str = "") -> None:
    """Write a model to one safetensors file, whole or not at all.

    Args:
        model: to be kept.
        path: where.
        told: how it was trained, for whoever opens it.

    Raises:
        DataError: the disk is full or refuses.
    """
    metadata = {
        "settings": json.dumps(asdict(model.settings), sort_keys=True),
        "schedules": json.dumps(asdict(model.schedules), sort_keys=True),
        "told": told,
    }
    save_parts(path, _KIND, model.state_dict(), metadata)


def load_tem(path: str | Path) -> Tem:
    """Read what `save_tem` wrote.

    Raises:
        MapError: the file is missing, damaged, or holds something else.
    """
    state, metadata = load_parts(path, _KIND, _A, MapError)
    try:
        told: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in json.loads(metadata["settings"]).items()
        }
        unknown = set(told) - {field.name for field in fields(TemSettings)}
        if unknown:
            raise ValueError(f"unknown settings {sorted(unknown)}")
        schedules = Schedules(**json.loads(metadata["schedules"]))
        model = Tem(TemSettings(**told), schedules)
        model.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise MapError(f"{path} does not fit a TEM: {reason}") from error
    return model.eval()
