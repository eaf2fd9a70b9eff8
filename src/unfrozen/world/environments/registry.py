"""Environments by name: ours, and any other that Gymnasium knows."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from typing import Any, overload

import gymnasium
from gymnasium.vector import AutoresetMode, VectorEnv

from unfrozen.errors import WorldError
from unfrozen.world.environments.batched import Batched, Single
from unfrozen.world.environments.rooms.layouts import (
    Layouts,
    mazes,
    open_room,
    snake,
    two_doors,
    two_rooms,
)
from unfrozen.world.environments.rooms.pushing import VectorPush
from unfrozen.world.environments.rooms.walking import RoomSettings, VectorRooms
from unfrozen.world.environments.town.changes import ScheduleSettings
from unfrozen.world.environments.town.life import Life, make_life
from unfrozen.world.environments.town.living import HORIZON, VectorTown
from unfrozen.world.environments.town.plan import TownSettings

# The door is off the middle: from there, going straight at goals succeeds in two of five episodes.
WALL, DOOR = 16, 7


@dataclass(frozen=True)
class Family:
    """An environment of ours.

    Attributes:
        name: by which it is asked for.
        told: what it is.
        make: n copies, by settings.
        settings: names that `make` takes.
    """

    name: str
    told: str
    make: Callable[..., Batched]
    settings: tuple[str, ...]


@overload
def make(
    name: str, n: None = None, *, render_mode: str | None = None, **settings: Any
) -> gymnasium.Env[Any, Any]: ...
@overload
def make(
    name: str, n: int, *, render_mode: str | None = None, **settings: Any
) -> VectorEnv[Any, Any, Any]: ...
def make(
    name: str, n: int | None = None, *, render_mode: str | None = None, **settings: Any
) -> gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any]:
    """An environment by its name.

    Args:
        name: one of `ENVIRONMENTS`, or an id of Gymnasium ("CartPole-v1", "MiniGrid-Empty-5x5-v0").
        n: copies, as one environment of arrays that begin anew when told to; one `Env` if None.
        render_mode: "rgb_array" for pictures.
        settings: of the environment; see `ENVIRONMENTS[name].settings`.

    Raises:
        WorldError: nothing of this name is known, its package is missing, or a setting is none of
            its.

    Example:
        >>> env = make("two-rooms", 64, observe="position")
        >>> observed, info = env.reset(seed=0)
        >>> observed["position"].shape
        (64, 2)
    """
    if name not in ENVIRONMENTS:
        return _foreign(name, n, render_mode, settings)
    family = ENVIRONMENTS[name]
    unknown = sorted(set(settings) - set(family.settings))
    if unknown:
        known = ", ".join(family.settings)
        raise WorldError(f"{name} has no setting {unknown[0]!r}: choose from {known}")
    twin = partial(family.make, **settings)
    return Single(twin, render_mode) if n is None else twin(n)


_PACKAGES = {
    "MiniGrid": ("minigrid", "unfrozen[minigrid]"),
    "BabyAI": ("minigrid", "unfrozen[minigrid]"),
    "ALE": ("ale_py", "ale-py"),
}
"""What ids begin with -> the package that makes them known, and what to install."""


def _foreign(
    name: str, n: int | None, render_mode: str | None, settings: dict[str, Any]
) -> gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any]:
    prefix = name.replace("/", "-").split("-")[0]
    if prefix in _PACKAGES:
        package, install = _PACKAGES[prefix]
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise WorldError(f"{name} needs {package}: pip install '{install}'") from error
    try:
        if n is None:
            return gymnasium.make(name, render_mode=render_mode, **settings)
        return gymnasium.make_vec(
            name, n, "sync", {"autoreset_mode": AutoresetMode.DISABLED},
            render_mode=render_mode, **settings,
        )  # fmt: skip
    except gymnasium.error.DependencyNotInstalled as error:
        raise WorldError(f"{name} misses a package: {error}") from error
    except gymnasium.error.Error as error:
        ours = ", ".join(ENVIRONMENTS)
        raise WorldError(f"no environment {name!r}: ours are {ours}; Gymnasium: {error}") from error
    except (ImportError, TypeError) as error:
        raise WorldError(f"{name} cannot be made: {error}") from error


def _names(settings: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(settings))


@lru_cache(maxsize=32)
def _bank(function: Callable[..., Layouts], **settings: Any) -> Layouts:
    """Layouts of the same settings are one, so that what is computed of them is kept."""
    return function(**settings)


def _rooms(
    name: str,
    told: str,
    layouts: Callable[..., Layouts],
    twin: Callable[..., Batched] = VectorRooms,
    **defaults: int,
) -> Family:
    own = tuple(inspect.signature(layouts).parameters)

    def made(n: int, **settings: Any) -> Batched:
        bank = _bank(layouts, **(defaults | {k: v for k, v in settings.items() if k in own}))
        return twin(bank, n, RoomSettings(**{k: v for k, v in settings.items() if k not in own}))

    return Family(name, told, made, (*own, *_names(RoomSettings)))


@lru_cache(maxsize=64)
def _life(seed: int, town: TownSettings, schedule: ScheduleSettings) -> Life:
    return make_life(seed, town, schedule)


def _town(
    n: int, seed: int = 0, lives: int = 1, horizon: int = HORIZON, **settings: Any
) -> VectorTown:
    plan, schedule = (
        kind(**{k: v for k, v in settings.items() if k in _names(kind)})
        for kind in (TownSettings, ScheduleSettings)
    )
    return VectorTown([_life(seed + i, plan, schedule) for i in range(lives)], n, horizon)


ENVIRONMENTS = {
    family.name: family
    for family in (
        _rooms("two-rooms", "two rooms, a wall and a door in one place", two_rooms, wall=WALL,
               door=DOOR),
        _rooms("two-rooms-random", "two rooms, wall and door drawn for each episode", two_rooms),
        _rooms("two-doors", "two rooms and two doors, one of which may be locked, which is unseen",
               two_doors),
        _rooms("snake", "rooms in a row whose doors make a long way", snake),
        _rooms("maze", "mazes of any size, one of a number for each episode", mazes),
        _rooms("push", "a room with an object to push", open_room, VectorPush),
        Family("town", "errands in a town that changes", _town,
               ("seed", "lives", "horizon", *_names(TownSettings), *_names(ScheduleSettings))),
    )
}  # fmt: skip
"""Name -> family."""
