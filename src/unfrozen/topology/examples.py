"""Complexes that come along, to try commands on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np

    from unfrozen.topology.complex import Complex
    from unfrozen.topology.complex.files import Stored


def _torus() -> "Stored":
    from unfrozen.topology.tasks.meshes import torus

    surface = torus(24, 12)
    return _meshed(surface.vertices, surface.faces)


def _sphere() -> "Stored":
    from unfrozen.topology.tasks.meshes import sphere

    surface = sphere(4)
    return _meshed(surface.vertices, surface.faces)


def _trefoil() -> "Stored":
    from unfrozen.topology.tasks.meshes import torus_knot, tube

    surface = tube(torus_knot(2, 3, 90), 0.2, 10)
    return _meshed(surface.vertices, surface.faces)


def _creature() -> "Stored":
    from unfrozen.topology.tasks.meshes import MeshSettings, creatures

    settings = MeshSettings(strength=0.2, flips=0.0, resolution=3.0)
    (surface,) = creatures(1, seed=5, settings=settings).surfaces
    return _meshed(surface.vertices, surface.faces)


def _moebius() -> "Stored":
    """A band of squares that is turned over once on its way round."""
    import numpy as np

    around, across = 36, 4
    turn = 2 * np.pi * np.arange(around)[:, None] / around
    off = np.linspace(-0.4, 0.4, across + 1)[None]
    far = 1 + off * np.cos(turn / 2)
    points = np.stack([far * np.cos(turn), far * np.sin(turn), off * np.sin(turn / 2)], -1)
    row = np.arange(around * (across + 1)).reshape(around, -1)
    # After one turn the upper border is the lower one.
    row = np.concatenate([row, row[:1, ::-1]])
    corners = [row[:-1, :-1], row[1:, :-1], row[1:, 1:], row[:-1, 1:]]
    return _meshed(points.reshape(-1, 3), np.stack(corners, -1).reshape(-1, 4))


def _petersen() -> "Stored":
    import networkx as nx

    return _graph(nx.petersen_graph())


def _dodecahedron() -> "Stored":
    import networkx as nx

    return _graph(nx.dodecahedral_graph())


def _karate() -> "Stored":
    import networkx as nx

    return _graph(nx.karate_club_graph())


def _fano() -> "Stored":
    from unfrozen.topology.complex import Complex
    from unfrozen.topology.complex.files import Stored

    return Stored(Complex({1: [[i, (i + 1) % 7, (i + 3) % 7] for i in range(7)]}))


EXAMPLES: dict[str, tuple[str, "Callable[[], Stored]"]] = {
    "torus": ("a mesh with one hole", _torus),
    "sphere": ("a mesh without holes", _sphere),
    "trefoil": ("a mesh that is knotted", _trefoil),
    "creature": ("a mesh with limbs and a handle", _creature),
    "moebius": ("a band of squares with one side", _moebius),
    "petersen": ("a graph with rings of 5 and 6", _petersen),
    "dodecahedron": ("a graph with twelve rings of 5", _dodecahedron),
    "karate": ("a graph of friends in a club (Zachary 1977)", _karate),
    "fano": ("a hypergraph of seven lines of three points", _fano),
}
"""Name -> what it is, and how it is made.  Molecules and signs are there by `MUTAG:0` besides."""


def _meshed(points: "np.ndarray", faces: "np.ndarray") -> "Stored":
    import torch

    from unfrozen.topology.complex.files import Stored
    from unfrozen.topology.lifting import mesh

    where = torch.from_numpy(points).float()
    made: Complex = mesh(where, faces, geometry=False).with_features(0, where)
    return Stored(made, columns={0: ("x", "y", "z")})


def _graph(graph: "nx.Graph") -> "Stored":
    from unfrozen.topology.complex.files import Stored
    from unfrozen.topology.lifting import from_networkx

    return Stored(from_networkx(graph))
