"""Maps made while walking: where am I, what comes next, which world is this, how do I get there."""

from unfrozen.hippocampus.cognitive_map.map import CognitiveMap, Where
from unfrozen.hippocampus.cognitive_map.routes import Route
from unfrozen.hippocampus.cognitive_map.settings import MapSettings

__all__ = ["CognitiveMap", "MapSettings", "Route", "Where"]
