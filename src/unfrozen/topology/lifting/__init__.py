"""Lifts: from graphs, meshes, points, sequences and knowledge graphs to complexes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting.base import (
    Adjacency,
    Located,
    Reduction,
    as_one,
    augment,
    from_networkx,
    graph,
    located,
)
from unfrozen.topology.lifting.graphs import (
    average_geodesic,
    balls,
    cliques,
    cofaces,
    induced_cycles,
    mapper,
    neighbourhoods,
    paths,
    preimages,
    rings,
    simple_paths,
    simplices,
)
from unfrozen.topology.lifting.meshes import (
    EDGE_FEATURES,
    FACE_FEATURES,
    NODE_FEATURES,
    Patched,
    grown,
    mesh,
    patches,
)
from unfrozen.topology.lifting.points import alpha, rips
from unfrozen.topology.lifting.symbols import Knowledge, knowledge, windows

LIFTS: dict[str, Callable[..., Complex]] = {
    "cliques": cliques,
    "rings": rings,
    "balls": balls,
    "paths": paths,
    "cofaces": cofaces,
    "mapper": mapper,
}
"""Name -> lift of graphs: it takes a complex and gives the same with more cells."""
_OF_ITS_OWN = {"mapper"}  # a complex at a time: its cover is that of all values


def lift(name: str, complex: Complex, **options: Any) -> Complex:  # noqa: A002
    """Lift a graph by the name of the lift.

    Args:
        name: one of `LIFTS`.
        complex: whose cells of rank 1 are the edges.
        options: of the lift.

    Raises:
        TopologyError: there is no such lift, or as it raises.

    Example:
        >>> lift("rings", Complex({1: [[0, 1], [1, 2], [2, 0]]}), longest=6)
        Complex(3 nodes, 3 of rank 1, 1 of rank 2)
    """
    return _by_name(name)(complex, **options)


def lift_all(name: str, complexes: Sequence[Complex], **options: Any) -> list[Complex]:
    """Lift many graphs by the name of the lift, all in one go where they are small.

    Args:
        name: one of `LIFTS`.
        complexes: all with features of a rank, or all without.
        options: of the lift; what is to be found at most is that of all together.

    Raises:
        TopologyError: there is no such lift, features do not fit, or as the lift raises.
    """
    made = partial(_by_name(name), **options)
    return [made(each) for each in complexes] if name in _OF_ITS_OWN else as_one(made, complexes)


def _by_name(name: str) -> Callable[..., Complex]:
    if name not in LIFTS:
        raise TopologyError(f"no lift {name!r}: there are {', '.join(LIFTS)}")
    return LIFTS[name]


__all__ = [
    "EDGE_FEATURES",
    "FACE_FEATURES",
    "LIFTS",
    "NODE_FEATURES",
    "Adjacency",
    "Knowledge",
    "Located",
    "Patched",
    "Reduction",
    "alpha",
    "as_one",
    "augment",
    "average_geodesic",
    "balls",
    "cliques",
    "cofaces",
    "from_networkx",
    "graph",
    "grown",
    "induced_cycles",
    "knowledge",
    "lift",
    "lift_all",
    "located",
    "mapper",
    "mesh",
    "neighbourhoods",
    "patches",
    "paths",
    "preimages",
    "rings",
    "rips",
    "simple_paths",
    "simplices",
    "windows",
]
