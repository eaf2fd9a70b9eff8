"""Shapes made of others: limbs that grow out of a surface, handles, and surfaces joined by a neck.

All of it happens at vertices: the faces around one are taken out, and what is left open, a ring of
vertices, is closed in another way.
"""

import numpy as np
from jaxtyping import Float64, Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.meshes.surfaces import Numbers, Points, Surface, Triangles, bands

# Handles are thinner than their ends, which keeps them off what they stand on.
_WAIST = 0.7

Direction = Float64[np.ndarray, "3"]


def ring_around(surface: Surface, vertex: int) -> Int64[np.ndarray, " ring"]:
    """The neighbours of a vertex, counterclockwise as seen from outside."""
    faces = surface.faces[(surface.faces == vertex).any(1)]
    turn = np.argmax(faces == vertex, 1)
    rows = np.arange(len(faces))
    following = dict(
        zip(
            faces[rows, (turn + 1) % 3].tolist(),
            faces[rows, (turn + 2) % 3].tolist(),
            strict=True,
        )
    )
    ring = [next(iter(following))]
    while following[ring[-1]] != ring[0]:
        ring.append(following[ring[-1]])
    return np.array(ring)


def outward(surface: Surface, vertex: int) -> Direction:
    """The unit normal at a vertex."""
    normal = surface.normals[(surface.faces == vertex).any(1)].sum(0)
    return normal / np.linalg.norm(normal)


def grown(
    surface: Surface,
    vertex: int,
    profile: Float64[np.ndarray, "ring 2"],
    tip: float,
    part: int,
    direction: Direction | None = None,
) -> Surface:
    """A limb in place of the faces around a vertex.

    Args:
        surface: what it grows out of.
        vertex: where.
        profile: radius and height of each ring of the limb, the nearest first; heights are
            above the middle of the ring of neighbours.
        tip: height of the point that ends it.
        part: of its faces.
        direction: in which it grows; by default the normal.

    Returns:
        The surface with its limb; vertices that were there keep their numbers, but for the last,
        which takes the number of the one that is gone.
    """
    ring = ring_around(surface, vertex)
    d = outward(surface, vertex) if direction is None else direction / np.linalg.norm(direction)
    middle, away = _sides(surface.vertices[ring], d)
    points = middle + d * profile[:, 1, None, None] + profile[:, :1, None] * away[None]
    n, many = len(surface.vertices), len(ring)
    new = n + np.arange(points.size // 3).reshape(-1, many)
    rings = np.concatenate([ring[None], new])
    end = n + new.size
    cap = np.stack([rings[-1], np.roll(rings[-1], -1), np.full(many, end)], 1)
    vertices = np.concatenate([surface.vertices, points.reshape(-1, 3), [middle + tip * d]])
    return _closed(surface, [vertex], vertices, np.concatenate([bands(rings), cap]), part)


def with_handle(
    surface: Surface, one: int, other: int, *, reach: float, rings: int, part: int
) -> Surface:
    """A handle from one vertex to another: the Euler characteristic falls by two.

    Args:
        surface: what it is put on.
        one: where it begins.
        other: where it ends; neither a neighbour of the first, nor with common ones.
        reach: how far it is led out at both ends.
        rings: along it.
        part: of its faces.

    Raises:
        TopologyError: the vertices are too near one another.
    """
    first, last = ring_around(surface, one), ring_around(surface, other)
    if one == other or len(np.intersect1d(np.append(first, one), np.append(last, other))):
        raise TopologyError(f"vertices {one} and {other} are too near for a handle between them")
    out = outward(surface, one), outward(surface, other)
    begin, away = _sides(surface.vertices[first], out[0])
    end, _ = _sides(surface.vertices[last], out[1])
    shares = (np.arange(rings) + 1) / (rings + 1)
    knots = np.stack([begin, begin + reach * out[0], end + reach * out[1], end])
    path, along = _curve(knots, shares)
    sizes = [
        _WAIST * np.linalg.norm(surface.vertices[ring] - middle, axis=1).mean()
        for ring, middle in ((first, begin), (last, end))
    ]
    points, before = [], out[0]
    for middle, direction, share in zip(path, along, shares, strict=True):
        away = away @ _turn(before, direction).T
        points.append(middle + (sizes[0] * (1 - share) + sizes[1] * share) * away)
        before = direction
    n, many = len(surface.vertices), len(first)
    new = n + np.arange(rings * many).reshape(rings, many)
    vertices = np.concatenate([surface.vertices, *points])
    chain = np.concatenate([first[None], new])
    faces = np.concatenate([bands(chain), _zip(chain[-1], last, vertices)])
    return _closed(surface, [one, other], vertices, faces, part)


def joined(one: Surface, other: Surface, at: tuple[int, int], part: int = 0) -> Surface:
    """Two surfaces as one by a neck between a vertex of each: their connected sum.

    Args:
        one: a surface.
        other: another, elsewhere.
        at: a vertex of each.
        part: of the faces of the neck.
    """
    n = len(one.vertices)
    rings = ring_around(one, at[0]), ring_around(other, at[1]) + n
    vertices = np.concatenate([one.vertices, other.vertices])
    faces = np.concatenate([one.faces, other.faces + n])
    both = Surface(vertices, faces, np.concatenate([one.parts, other.parts]))
    neck = _zip(*rings, vertices)
    return _closed(both, [at[0], n + at[1]], vertices, neck, part)


def _sides(ring: Points, d: Direction) -> tuple[Direction, Points]:
    """The middle of a ring, and unit vectors from it to each point across a direction."""
    middle = ring.mean(0)
    away = ring - middle
    away = away - (away @ d)[:, None] * d
    return middle, away / np.linalg.norm(away, axis=1, keepdims=True)


def _curve(
    knots: Float64[np.ndarray, "4 3"], shares: Float64[np.ndarray, " point"]
) -> tuple[Points, Points]:
    """Points of a cubic Bézier curve, and its direction at each."""
    t = shares[:, None]
    path = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]) @ knots
    along = np.hstack([(1 - t) ** 2, 2 * t * (1 - t), t**2]) @ np.diff(knots, axis=0)
    return path, along / np.linalg.norm(along, axis=1, keepdims=True)


def _turn(a: Direction, b: Direction) -> Float64[np.ndarray, "3 3"]:
    """The rotation that takes a direction to another by the shortest way (Rodrigues)."""
    axis = np.cross(a, b)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + a @ b)


def _zip(one: Numbers, other: Numbers, vertices: Points) -> Triangles:
    """Triangles between two open rings, which face each other and so go round opposite ways."""
    begin = int(np.argmin(((vertices[other] - vertices[one[0]]) ** 2).sum(1)))
    other = np.roll(other[::-1], begin + 1)
    m, n = len(one), len(other)
    faces, i, j = [], 0, 0
    while i < m or j < n:
        x, y = one[i % m], other[j % n]
        # In step, so that no edge is there twice.
        if (i + 1) * n <= (j + 1) * m:
            faces.append((x, one[(i + 1) % m], y))
            i += 1
        else:
            faces.append((other[(j + 1) % n], y, x))
            j += 1
    return np.array(faces)


def _closed(
    surface: Surface, gone: list[int], vertices: Points, faces: Triangles, part: int
) -> Surface:
    """The surface with other faces in place of those around some vertices."""
    left = ~np.isin(surface.faces, gone).any(1)
    every = np.concatenate([surface.faces[left], faces])
    parts = np.concatenate([surface.parts[left], np.full(len(faces), part)])
    for vertex in sorted(gone, reverse=True):  # the last takes its number
        every[every == len(vertices) - 1] = vertex
        vertices[vertex] = vertices[-1]
        vertices = vertices[:-1]
    return Surface(vertices, every, parts)
