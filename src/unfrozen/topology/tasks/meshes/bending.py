"""What makes no two meshes of a shape the same: bending, turning, other triangles and numbers."""

import numpy as np
from jaxtyping import Bool, Float64

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.meshes.surfaces import Points, Surface


def bent(
    surface: Surface, strength: float, draw: np.random.Generator, *, waves: int = 6
) -> Surface:
    """A surface moved by a smooth random field, which never makes it cut itself.

    The field is a sum of plane waves about as long as the surface, u(x) = Σ a sin(w·x + φ), whose
    slope Σ |a| |w| is the strength; below 1, x + u(x) maps no two points to one.

    Args:
        surface: to be bent.
        strength: how much nearby points may be moved apart, at most, from 0 to below 1.
        draw: of the field.
        waves: in it.

    Raises:
        TopologyError: the strength is not in its range.
    """
    if not 0 <= strength < 1:
        raise TopologyError(f"surfaces are bent by a strength from 0 to below 1, not {strength}")
    size = np.linalg.norm(np.ptp(surface.vertices, 0))
    lengths = size * draw.uniform(0.5, 1.5, (waves, 1))
    w = _directions(waves, draw) * 2 * np.pi / lengths
    shares = draw.dirichlet(np.ones(waves))[:, None]
    a = _directions(waves, draw) * strength * shares / np.linalg.norm(w, axis=1, keepdims=True)
    phases = draw.uniform(0, 2 * np.pi, waves)
    return surface.moved(lambda x: x + np.sin(x @ w.T + phases) @ a)


def turned(surface: Surface, draw: np.random.Generator) -> Surface:
    """A surface turned any way: all rotations are as likely."""
    q = draw.standard_normal(4)
    w, x, y, z = q / np.linalg.norm(q)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return surface.moved(lambda points: points @ rotation.T)


def flipped(surface: Surface, share: float, draw: np.random.Generator) -> Surface:
    """A surface with other triangles on the same vertices: edges between two faces are turned.

    An edge is left as it is where faces of two parts meet, where the surface bends by more than 45°
    or would fold, and where the turned one is there already.

    Args:
        surface: to be changed.
        share: of the edges that are tried.
        draw: of them.

    Raises:
        TopologyError: the share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise TopologyError(f"the share of edges is from 0 to 1, not {share}")
    n, points = len(surface.vertices), surface.vertices
    faces = surface.faces.copy()
    count = round(share * len(surface.edges))
    left = surface.edges[draw.permutation(len(surface.edges))[:count]]
    while len(left):
        # The faces that go along each edge, and against it.
        ahead = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2) @ [n, 1]
        order = np.argsort(ahead)
        keys = left @ [n, 1], left @ [1, n]
        one, other = (order[np.searchsorted(ahead[order], each)] // 3 for each in keys)
        # Those that come first of the edges of both of their faces, together.
        first = np.full(len(faces), len(left))
        turn = np.arange(len(left))
        np.minimum.at(first, one, turn)
        np.minimum.at(first, other, turn)
        now = (first[one] == turn) & (first[other] == turn)
        a, b, i, j = left[now, 0], left[now, 1], one[now], other[now]
        c, d = faces[i].sum(1) - a - b, faces[j].sum(1) - a - b
        new = np.stack([np.stack([c, a, d], 1), np.stack([d, b, c], 1)], 1)
        keys = np.minimum(c, d) * n + np.maximum(c, d)
        fresh = np.zeros(len(keys), bool)
        fresh[np.unique(keys, return_index=True)[1]] = True
        fresh &= ~np.isin(keys, ahead) & (surface.parts[i] == surface.parts[j])
        fresh &= _lie_flat(points[faces[np.stack([i, j], 1)]], points[new])
        faces[i[fresh]], faces[j[fresh]] = new[fresh, 0], new[fresh, 1]
        left = left[~now]
    return Surface(points, faces, surface.parts)


def renumbered(surface: Surface, draw: np.random.Generator) -> Surface:
    """The same with vertices and faces in another order."""
    order = draw.permutation(len(surface.vertices))
    place = np.argsort(order)
    rows = draw.permutation(len(surface.faces))
    return Surface(surface.vertices[order], place[surface.faces[rows]], surface.parts[rows])


def _directions(n: int, draw: np.random.Generator) -> Points:
    points = draw.standard_normal((n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _lie_flat(
    old: Float64[np.ndarray, "edge 2 3 3"], new: Float64[np.ndarray, "edge 2 3 3"]
) -> Bool[np.ndarray, " edge"]:
    """Whether two faces are nearly in a plane, and the new ones look the same way, no slivers."""
    before, after = (np.cross(x[:, :, 1] - x[:, :, 0], x[:, :, 2] - x[:, :, 0]) for x in (old, new))
    sizes = np.linalg.norm(before, axis=2)
    plane = (before[:, 0] * before[:, 1]).sum(1) >= np.cos(np.pi / 4) * sizes.prod(1)
    middle = before.sum(1)
    middle = middle / np.linalg.norm(middle, axis=1, keepdims=True).clip(min=1e-300)
    long = np.linalg.norm(new - np.roll(new, 1, 2), axis=3).max(2)
    return plane & ((after * middle[:, None]).sum(2) > 0.2 * long**2).all(1)
