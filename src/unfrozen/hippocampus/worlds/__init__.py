"""Worlds as graphs of actions, and walks in many of them at once."""

from unfrozen.hippocampus.worlds.batch import Worlds, batch, draw_symbols
from unfrozen.hippocampus.worlds.families import FAMILIES, Family, named
from unfrozen.hippocampus.worlds.grids import borders, hexagon, maze, objects, rectangle, torus
from unfrozen.hippocampus.worlds.orders import family, hierarchy, laps, line
from unfrozen.hippocampus.worlds.walks import Novelty, Walk, WalkSettings, novelty, walk
from unfrozen.hippocampus.worlds.world import N_SYMBOLS, NOWHERE, World, from_networkx

__all__ = [
    "FAMILIES",
    "NOWHERE",
    "N_SYMBOLS",
    "Family",
    "Novelty",
    "Walk",
    "WalkSettings",
    "World",
    "Worlds",
    "batch",
    "borders",
    "draw_symbols",
    "family",
    "from_networkx",
    "hexagon",
    "hierarchy",
    "laps",
    "line",
    "maze",
    "named",
    "novelty",
    "objects",
    "rectangle",
    "torus",
    "walk",
]
