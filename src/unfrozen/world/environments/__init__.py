"""Environments, by the thousand at once: rooms, mazes, an object to push, and a town that changes.

`make(name)` is a Gymnasium `Env`, `make(name, n)` n copies of it as arrays.  Other ids than ours
are Gymnasium's own.
"""

from unfrozen.world.environments.batched import Batched, Observation, Single
from unfrozen.world.environments.collecting import (
    RoomTrajectories,
    TownTrajectories,
    Windows,
    collect,
)
from unfrozen.world.environments.evaluation import Estimate, Score, evaluate
from unfrozen.world.environments.floors import FLOORS, Policy, floor
from unfrozen.world.environments.registry import ENVIRONMENTS, Family, make
from unfrozen.world.environments.rooms.drawing import dots, images
from unfrozen.world.environments.rooms.layouts import (
    Layouts,
    mazes,
    open_room,
    snake,
    two_rooms,
)
from unfrozen.world.environments.rooms.moving import clear, slide
from unfrozen.world.environments.rooms.pushing import VectorPush
from unfrozen.world.environments.rooms.shortest import Way, ways
from unfrozen.world.environments.rooms.walking import RoomSettings, RoomsTruth, VectorRooms
from unfrozen.world.environments.town.changes import Change, Schedule, ScheduleSettings
from unfrozen.world.environments.town.facts import Errand, Fact, ask, read, read_errand, tell
from unfrozen.world.environments.town.life import Life, make_life
from unfrozen.world.environments.town.living import TownTruth, VectorTown
from unfrozen.world.environments.town.plan import Town, TownSettings, make_town

__all__ = [
    "ENVIRONMENTS",
    "FLOORS",
    "Batched",
    "Change",
    "Errand",
    "Estimate",
    "Fact",
    "Family",
    "Layouts",
    "Life",
    "Observation",
    "Policy",
    "RoomSettings",
    "RoomTrajectories",
    "RoomsTruth",
    "Schedule",
    "ScheduleSettings",
    "Score",
    "Single",
    "Town",
    "TownSettings",
    "TownTrajectories",
    "TownTruth",
    "VectorPush",
    "VectorRooms",
    "VectorTown",
    "Way",
    "Windows",
    "ask",
    "clear",
    "collect",
    "dots",
    "evaluate",
    "floor",
    "images",
    "make",
    "make_life",
    "make_town",
    "mazes",
    "open_room",
    "read",
    "read_errand",
    "slide",
    "snake",
    "tell",
    "two_rooms",
    "ways",
]
