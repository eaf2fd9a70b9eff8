"""Closed triangulated surfaces, and those that shapes are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64, Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.lifting import mesh

Points = Float64[np.ndarray, "_ 3"]
Triangles = Int64[np.ndarray, "_ 3"]
Numbers = Int64[np.ndarray, " _"]


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface of triangles, which all go round counterclockwise as seen from outside.

    Attributes:
        vertices: where they are.
        faces: three vertices each.
        parts: of which part of the shape each face is.

    Raises:
        TopologyError: an edge is not of two faces that go along it in opposite directions, or
            parts are not one for each face.
    """

    vertices: Float64[np.ndarray, "vertex 3"]
    faces: Int64[np.ndarray, "face 3"]
    parts: Int64[np.ndarray, " face"]

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.faces):
            raise TopologyError(f"{len(self.parts)} parts are not one for each of the faces")
        n = len(self.vertices)
        if not len(self.faces) or self.faces.min() < 0 or self.faces.max() >= n:
            raise TopologyError(f"faces are of vertices 0 to {n - 1}")
        ahead = self.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        keys, back = np.sort(ahead @ [n, 1]), np.sort(ahead @ [1, n])
        if bool((np.diff(keys) == 0).any()) or bool((keys != back).any()):
            raise TopologyError(
                "the surface is not closed: an edge has not two faces, one each way"
            )

    @classmethod
    def of(cls, vertices: Points, faces: Triangles, part: int = 0) -> "Surface":
        """A surface of one part."""
        return cls(vertices, faces, np.full(len(faces), part))

    @cached_property
    def edges(self) -> Int64[np.ndarray, "edge 2"]:
        """Each once, from the lower vertex to the higher."""
        ends = np.sort(self.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
        return np.unique(ends, axis=0)

    @property
    def euler(self) -> int:
        """The Euler characteristic: 2 of a sphere, 0 of a torus, two less for each more handle."""
        return len(self.vertices) - len(self.edges) + len(self.faces)

    @property
    def normals(self) -> Float64[np.ndarray, "face 3"]:
        """Outward, as long as each face is large."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.cross(b - a, c - a) / 2

    @property
    def area(self) -> float:
        """Of all faces."""
        return float(np.linalg.norm(self.normals, axis=1).sum())

    @property
    def volume(self) -> float:
        """Within; the divergence theorem."""
        middle = self.vertices[self.faces].mean(1)
        return float((middle * self.normals).sum() / 3)

    @cached_property
    def labels(self) -> dict[int, Numbers]:
        """Rank -> part of each cell of `complex`: where parts meet, the lowest of them."""
        n = len(self.vertices)
        nodes = np.full(n, self.parts.max(), np.int64)
        np.minimum.at(nodes, self.faces, self.parts[:, None])
        ends = np.sort(self.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
        place = np.searchsorted(self.edges @ [n, 1], ends @ [n, 1])
        edges = np.full(len(self.edges), self.parts.max(), np.int64)
        np.minimum.at(edges, place, np.repeat(self.parts, 3))
        return {0: nodes, 1: edges, 2: self.parts}

    def complex(self, *, geometry: bool = True) -> Complex:
        """Vertices, edges and faces as cells of rank 0, 1 and 2, in single precision.

        Args:
            geometry: whether they have features; see `unfrozen.topology.lifting.mesh`.
        """
        return mesh(torch.from_numpy(self.vertices).float(), self.faces, geometry=geometry)

    def moved(self, how: Callable[[Points], Points]) -> "Surface":
        """The same with its vertices elsewhere."""
        return Surface(how(self.vertices), self.faces, self.parts)


def subdivided(surface: Surface, times: int) -> Surface:
    """Each face as times x times smaller ones in its plane.

    Raises:
        TopologyError: times are not positive.
    """
    if times < 1:
        raise TopologyError(f"faces are divided into one or more, not {times}")
    i, j = (each.ravel() for each in np.meshgrid(np.arange(times + 1), np.arange(times + 1)))
    i, j = i[i + j <= times], j[i + j <= times]
    weights = np.stack([times - i - j, i, j], 1) / times
    place = np.full((times + 2, times + 2), -1)
    place[i, j] = np.arange(len(i))
    up = np.stack([place[i, j], place[i + 1, j], place[i, j + 1]], 1)[i + j < times]
    down = np.stack([place[i + 1, j], place[i + 1, j + 1], place[i, j + 1]], 1)[i + j < times - 1]
    pattern = np.concatenate([up, down])
    points = np.einsum("wc,fcd->fwd", weights, surface.vertices[surface.faces]).reshape(-1, 3)
    # Points on edges are there once for each face.
    scale = np.abs(points).max()
    _, first, which = np.unique(
        np.rint(points / scale * 1e9), axis=0, return_index=True, return_inverse=True
    )
    begins = np.arange(len(surface.faces)) * len(i)
    faces = which.reshape(-1)[(begins[:, None, None] + pattern).reshape(-1, 3)]
    return Surface(points[first], faces, np.repeat(surface.parts, len(pattern)))


def sphere(times: int) -> Surface:
    """The unit sphere: an icosahedron with each face divided into times x times."""
    golden = (1 + 5**0.5) / 2
    ends = np.array([[a, b * golden] for a in (1, -1) for b in (1, -1)])
    zero = np.zeros((4, 1))
    corners = np.concatenate(
        [
            np.hstack([zero, ends]),
            np.hstack([ends, zero]),
            np.hstack([ends[:, 1:], zero, ends[:, :1]]),
        ]
    )
    return subdivided(_hull(corners), times).moved(
        lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    )


def box(times: int, sides: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Surface:
    """A box around the origin."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    return subdivided(_hull(corners), times).moved(lambda x: x * np.array(sides))


def _hull(corners: Points) -> Surface:
    """The triangles of a convex body, all outward."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(corners)
    faces = hull.simplices.astype(np.int64)
    a, b, c = (corners[faces[:, i]] for i in range(3))
    inward = (np.cross(b - a, c - a) * hull.equations[:, :3]).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return Surface.of(corners, faces)


def revolution(
    profile: Float64[np.ndarray, "ring 2"],
    ends: tuple[float, float],
    around: int,
    parts: Numbers | None = None,
) -> Surface:
    """A profile turned round the z-axis, closed by a point on the axis at either end.

    Args:
        profile: radius and height of each ring, the lowest first.
        ends: heights of the points on the axis, the lower first.
        around: points of a ring.
        parts: of the bands: below the first ring, between rings, above the last.

    Raises:
        TopologyError: a ring has fewer than three points, or parts are not one for each band.
    """
    rings = len(profile)
    parts = np.zeros(rings + 1, np.int64) if parts is None else parts
    if around < 3 or rings < 1 or len(parts) != rings + 1:
        raise TopologyError(
            f"{rings} rings of {around} points with {len(parts)} parts: rings have three points or "
            "more, and parts are one more than rings"
        )
    turn = 2 * np.pi * np.arange(around) / around
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    grid = np.concatenate(
        [
            profile[:, :1, None] * circle[None],
            np.broadcast_to(profile[:, 1, None, None], (rings, around, 1)),
        ],
        2,
    ).reshape(-1, 3)
    south, north = len(grid), len(grid) + 1
    here, there = np.arange(around), (np.arange(around) + 1) % around
    last = (rings - 1) * around
    sides = bands(np.arange(rings * around).reshape(rings, around))
    faces = [
        np.stack([there, here, np.full(around, south)], 1),
        sides,
        np.stack([last + here, last + there, np.full(around, north)], 1),
    ]
    vertices = np.concatenate([grid, [[0, 0, ends[0]], [0, 0, ends[1]]]])
    sizes = [around, *([2 * around] * (rings - 1)), around]
    return Surface(vertices, np.concatenate(faces), np.repeat(parts, sizes))


def bands(rings: Int64[np.ndarray, "ring point"]) -> Triangles:
    """Triangles between rings of vertices, each next to the one before it."""
    low, high = rings[:-1], rings[1:]
    on = np.roll(low, -1, 1), np.roll(high, -1, 1)
    first = np.stack([low, on[0], on[1]], -1)
    second = np.stack([low, on[1], high], -1)
    return np.stack([first, second], -2).reshape(-1, 3)


def tube(curve: Float64[np.ndarray, "point 3"], radius: float, around: int) -> Surface:
    """A tube around a closed curve: a torus, knotted as the curve is.

    Args:
        curve: its points in turn, the last next to the first.
        radius: of the tube.
        around: points around it.

    Raises:
        TopologyError: the curve or the tube has fewer than three points.
    """
    if len(curve) < 3 or around < 3:
        raise TopologyError("a tube has three points or more along and around")
    along = np.roll(curve, -1, 0) - np.roll(curve, 1, 0)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    across = np.empty_like(curve)
    side = np.eye(3)[np.argmin(np.abs(along[0]))]
    for i, direction in enumerate(along):  # carried along without turning
        side = side - (side @ direction) * direction
        side = across[i] = side / np.linalg.norm(side)
    other = np.cross(along, across)
    # What it has turned by when it comes back is spread along the way.
    back = across[-1] - (across[-1] @ along[0]) * along[0]
    turned = np.arctan2(back @ other[0], back @ across[0])
    phases = 2 * np.pi * np.arange(around) / around
    angles = phases[None] - (turned * np.arange(len(curve)) / len(curve))[:, None]
    points = curve[:, None] + radius * (
        np.cos(angles)[..., None] * across[:, None] + np.sin(angles)[..., None] * other[:, None]
    )
    grid = np.arange(len(curve) * around).reshape(len(curve), around)
    faces = bands(np.concatenate([grid, grid[:1]]))
    return Surface.of(points.reshape(-1, 3), faces)


def torus(along: int, around: int, *, ring: float = 1.0, radius: float = 0.4) -> Surface:
    """A tube around a circle."""
    return tube(torus_knot(1, 0, along, ring=ring, radius=0.0), radius, around)


def torus_knot(
    turns: int, winds: int, points: int, *, ring: float = 1.0, radius: float = 0.5
) -> Float64[np.ndarray, "point 3"]:
    """A closed curve on a torus: so often round its axis, so often round its ring.

    Two turns and three winds make a trefoil; numbers that share a factor make no single curve.
    """
    phase = 2 * np.pi * np.arange(points) / points
    far = ring + radius * np.cos(winds * phase)
    return np.stack(
        [far * np.cos(turns * phase), far * np.sin(turns * phase), radius * np.sin(winds * phase)],
        1,
    )
