"""Complexes to and from other libraries, a file each; what cannot be kept is refused."""

from unfrozen.topology.exchange.foreign import Column, Foreign
from unfrozen.topology.exchange.hypernetx import HyperNetX, from_hypernetx, to_hypernetx
from unfrozen.topology.exchange.networkx import from_networkx, to_networkx
from unfrozen.topology.exchange.pyg import from_pyg, to_pyg
from unfrozen.topology.exchange.toponetx import from_toponetx, to_toponetx
from unfrozen.topology.exchange.trimesh import from_trimesh, to_trimesh
from unfrozen.topology.exchange.xgi import from_xgi, to_xgi

__all__ = [
    "Column",
    "Foreign",
    "HyperNetX",
    "from_hypernetx",
    "from_networkx",
    "from_pyg",
    "from_toponetx",
    "from_trimesh",
    "from_xgi",
    "to_hypernetx",
    "to_networkx",
    "to_pyg",
    "to_toponetx",
    "to_trimesh",
    "to_xgi",
]
