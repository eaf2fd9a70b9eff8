"""Meshes as complexes."""

from unfrozen.topology.lifting.meshes.geometry import (
    EDGE_FEATURES,
    FACE_FEATURES,
    NODE_FEATURES,
    edge_features,
    face_features,
    node_features,
)
from unfrozen.topology.lifting.meshes.patch import Patched, grown, patches
from unfrozen.topology.lifting.meshes.surface import mesh

__all__ = [
    "EDGE_FEATURES",
    "FACE_FEATURES",
    "NODE_FEATURES",
    "Patched",
    "edge_features",
    "face_features",
    "grown",
    "mesh",
    "node_features",
    "patches",
]
