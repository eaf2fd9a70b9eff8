"""Labelled meshes by generation."""

from unfrozen.topology.tasks.meshes.bending import bent, flipped, renumbered, turned
from unfrozen.topology.tasks.meshes.joining import grown, joined, with_handle
from unfrozen.topology.tasks.meshes.shapes import (
    CREATURE_PARTS,
    SHAPES,
    VASE_PARTS,
    MeshSet,
    MeshSettings,
    creatures,
    shapes,
    vases,
)
from unfrozen.topology.tasks.meshes.surfaces import (
    Surface,
    box,
    revolution,
    sphere,
    subdivided,
    torus,
    torus_knot,
    tube,
)

__all__ = [
    "CREATURE_PARTS",
    "SHAPES",
    "VASE_PARTS",
    "MeshSet",
    "MeshSettings",
    "Surface",
    "bent",
    "box",
    "creatures",
    "flipped",
    "grown",
    "joined",
    "renumbered",
    "revolution",
    "shapes",
    "sphere",
    "subdivided",
    "torus",
    "torus_knot",
    "tube",
    "turned",
    "vases",
    "with_handle",
]
