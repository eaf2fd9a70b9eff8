"""Networks on combinatorial complexes: maps of cochains, and tensor diagrams made of them."""

from unfrozen.topology.layers import classical
from unfrozen.topology.layers.combining import NeighbourhoodAttention
from unfrozen.topology.layers.diagram import Diagram, Merge, Split
from unfrozen.topology.layers.drawing import Arrow, Sketch
from unfrozen.topology.layers.equivariance import (
    Permuted,
    Reoriented,
    check_equivariance,
    permuted,
    reoriented,
)
from unfrozen.topology.layers.layer import Layer, PushForward
from unfrozen.topology.layers.push_forward import (
    Attention,
    Convolution,
    GraphLayer,
    Messages,
    MutualAttention,
    MutualWeights,
    PairMessages,
    skip,
)

__all__ = [
    "Arrow",
    "Attention",
    "Convolution",
    "Diagram",
    "GraphLayer",
    "Layer",
    "Merge",
    "Messages",
    "MutualAttention",
    "MutualWeights",
    "NeighbourhoodAttention",
    "PairMessages",
    "Permuted",
    "PushForward",
    "Reoriented",
    "Sketch",
    "Split",
    "check_equivariance",
    "classical",
    "permuted",
    "reoriented",
    "skip",
]
