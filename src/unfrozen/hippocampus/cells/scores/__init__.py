"""Scores of cells that are no grid cells: bands, borders, objects and place fields."""

from unfrozen.hippocampus.cells.scores.bands import PlaneWaves, plane_waves
from unfrozen.hippocampus.cells.scores.borders import BorderScores, border_scores
from unfrozen.hippocampus.cells.scores.fields import PlaceFields, place_fields, raster_fields
from unfrozen.hippocampus.cells.scores.objects import (
    ObjectMaps,
    ObjectVectors,
    object_maps,
    object_vector_scores,
)

__all__ = [
    "BorderScores",
    "ObjectMaps",
    "ObjectVectors",
    "PlaceFields",
    "PlaneWaves",
    "border_scores",
    "object_maps",
    "object_vector_scores",
    "place_fields",
    "plane_waves",
    "raster_fields",
]
