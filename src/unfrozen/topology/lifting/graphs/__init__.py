"""Lifts of graphs: each takes a complex, reads its edges, and adds cells."""

from unfrozen.topology.lifting.graphs.ball import balls, neighbourhoods
from unfrozen.topology.lifting.graphs.clique import cliques, simplices
from unfrozen.topology.lifting.graphs.coface import cofaces
from unfrozen.topology.lifting.graphs.geodesics import average_geodesic
from unfrozen.topology.lifting.graphs.mog import mapper, preimages
from unfrozen.topology.lifting.graphs.path import paths, simple_paths
from unfrozen.topology.lifting.graphs.ring import induced_cycles, rings

__all__ = [
    "average_geodesic",
    "balls",
    "cliques",
    "cofaces",
    "induced_cycles",
    "mapper",
    "neighbourhoods",
    "paths",
    "preimages",
    "rings",
    "simple_paths",
    "simplices",
]
