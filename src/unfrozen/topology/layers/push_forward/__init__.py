"""Maps of cochains along one neighbourhood."""

from unfrozen.topology.layers.push_forward.attention import (
    Attention,
    MutualAttention,
    MutualWeights,
)
from unfrozen.topology.layers.push_forward.convolution import Convolution
from unfrozen.topology.layers.push_forward.graph_layers import GraphLayer
from unfrozen.topology.layers.push_forward.messages import Messages, PairMessages, skip

__all__ = [
    "Attention",
    "Convolution",
    "GraphLayer",
    "Messages",
    "MutualAttention",
    "MutualWeights",
    "PairMessages",
    "skip",
]
