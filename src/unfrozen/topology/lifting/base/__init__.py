"""What all lifts stand on."""

from unfrozen.topology.lifting.base.adjacency import Adjacency
from unfrozen.topology.lifting.base.augmentation import Reduction, augment, reduced
from unfrozen.topology.lifting.base.edges import SameEdge, from_networkx, graph
from unfrozen.topology.lifting.base.sets import Located, located
from unfrozen.topology.lifting.base.union import as_one

__all__ = [
    "Adjacency",
    "Located",
    "Reduction",
    "SameEdge",
    "as_one",
    "augment",
    "from_networkx",
    "graph",
    "located",
    "reduced",
]
