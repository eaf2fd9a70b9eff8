"""Labelled meshes by generation: shapes to be told apart, and shapes whose parts are to be found.

The sets of scanned and drawn meshes that papers use (SHREC, COSEG, human bodies) are not carried by
any package, and are not had here.  These take their place: what a mesh shows and which part each of
its faces belongs to is known by construction, and no two meshes are the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.tasks.labelled import CellLabelled, Labelled
from unfrozen.topology.tasks.meshes.bending import bent, flipped, renumbered, turned
from unfrozen.topology.tasks.meshes.joining import grown, joined, outward, with_handle
from unfrozen.topology.tasks.meshes.surfaces import (
    Surface,
    box,
    revolution,
    sphere,
    torus,
    torus_knot,
    tube,
)

Draw = np.random.Generator


@dataclass(frozen=True)
class MeshSettings:
    """How much meshes of a shape differ.

    Attributes:
        strength: of bending, as `bent` has it.
        flips: share of the edges that are tried to be turned.
        resolution: as many faces, times, as the coarsest meshes have.

    Raises:
        TopologyError: meshes would be coarser than the coarsest.
    """

    strength: float = 0.5
    flips: float = 0.5
    resolution: float = 1.0

    def __post_init__(self) -> None:
        if self.resolution < 1:
            raise TopologyError(
                f"meshes have once the coarsest resolution or more, not {self.resolution}"
            )


@dataclass(frozen=True)
class MeshSet:
    """Meshes of a set.

    Attributes:
        name: of the set.
        surfaces: the meshes.
        classes: what each shows; the parts of a surface are labels of its cells (`Surface.labels`).
        names: of the classes, or of the parts where those are asked for.
        source: how the set was made.
    """

    name: str
    surfaces: tuple[Surface, ...]
    classes: Int64[Tensor, " _"]
    names: tuple[str, ...]
    source: str

    def labelled(self) -> Labelled:
        """Meshes as complexes with their geometry, and the class of each."""
        return Labelled(self.name, self._complexes(), self.classes, self.source)

    def segmented(self, rank: int = 2) -> CellLabelled:
        """Meshes as complexes with their geometry, and the part of each cell of a rank.

        Raises:
            TopologyError: meshes have no such rank.
        """
        if rank not in (0, 1, 2):
            raise TopologyError(f"meshes have ranks 0, 1 and 2, not {rank}")
        targets = tuple(torch.from_numpy(each.labels[rank]) for each in self.surfaces)
        return CellLabelled(
            self.name, self._complexes(), rank, targets, len(self.names), self.source
        )

    def _complexes(self) -> tuple[Complex, ...]:
        return tuple(each.complex() for each in self.surfaces)


def shapes(per_class: int, *, seed: int = 0, settings: MeshSettings = MeshSettings()) -> MeshSet:
    """Meshes to be told apart by what they show, classes mixed.

    Sphere, box, cylinder and cone are alike but for how they bend; torus, trefoil and cinquefoil
    but for how they lie in space; a double torus has one more handle.

    Args:
        per_class: meshes of each class.
        seed: of all of them.
        settings: how much they differ.
    """
    draw = np.random.default_rng(seed)
    classes = draw.permutation(np.repeat(np.arange(len(SHAPES)), per_class))
    make = list(SHAPES.values())
    found = tuple(
        _varied(make[c](draw, _fineness(draw, settings)), draw, settings) for c in classes
    )
    source = f"made with seed {seed}"
    return MeshSet("shapes", found, torch.from_numpy(classes), tuple(SHAPES), source)


def creatures(n: int, *, seed: int = 0, settings: MeshSettings = MeshSettings()) -> MeshSet:
    """Meshes whose parts are to be found: a body with legs, heads, horns and handles.

    Args:
        n: how many; the class of all is 0.
        seed: of all of them.
        settings: how much they differ.
    """
    return _parted("creatures", _creature, CREATURE_PARTS, n, seed, settings)


def vases(n: int, *, seed: int = 0, settings: MeshSettings = MeshSettings()) -> MeshSet:
    """Meshes whose parts are to be found: foot, belly, neck and handles of vases.

    Args:
        n: how many; the class of all is 0.
        seed: of all of them.
        settings: how much they differ.
    """
    return _parted("vases", _vase, VASE_PARTS, n, seed, settings)


def _parted(
    name: str,
    make: Callable[[Draw, float], Surface],
    parts: tuple[str, ...],
    n: int,
    seed: int,
    settings: MeshSettings,
) -> MeshSet:
    draw = np.random.default_rng(seed)
    found = tuple(_varied(make(draw, _fineness(draw, settings)), draw, settings) for _ in range(n))
    return MeshSet(name, found, torch.zeros(n, dtype=torch.int64), parts, f"made with seed {seed}")


def _fineness(draw: Draw, settings: MeshSettings) -> float:
    """How many times longer the coarsest edges are."""
    return float(np.sqrt(settings.resolution * draw.uniform(1.0, 1.6)))


def _varied(surface: Surface, draw: Draw, settings: MeshSettings) -> Surface:
    surface = flipped(bent(surface, settings.strength, draw), settings.flips, draw)
    surface = renumbered(turned(surface, draw), draw)
    middle = surface.vertices.mean(0)
    size = np.sqrt(surface.area)
    return surface.moved(lambda x: (x - middle) / size)


def _stretched(surface: Surface, draw: Draw) -> Surface:
    sides = draw.uniform(0.7, 1.3, 3)
    return surface.moved(lambda x: x * sides)


def _count(coarsest: int, fineness: float) -> int:
    return max(3, round(coarsest * fineness))


def _sphere(draw: Draw, fineness: float) -> Surface:
    return _stretched(sphere(_count(3, fineness)), draw)


def _box(draw: Draw, fineness: float) -> Surface:
    sides = draw.uniform(0.7, 1.3, 3)
    return box(_count(4, fineness), (float(sides[0]), float(sides[1]), float(sides[2])))


def _cylinder(draw: Draw, fineness: float) -> Surface:
    tall = draw.uniform(1.5, 3.0)
    up = np.linspace(0, tall, _count(5, fineness))
    wall = np.stack([np.ones_like(up), up], 1)
    profile = np.concatenate([[[0.5, 0.0]], wall, [[0.5, tall]]])
    return revolution(profile, (0.0, tall), _count(10, fineness))


def _cone(draw: Draw, fineness: float) -> Surface:
    tall = draw.uniform(1.5, 3.0)
    up = np.linspace(0, 1, _count(7, fineness) + 1)[:-1]
    wall = np.stack([1 - up, tall * up], 1)
    return revolution(np.concatenate([[[0.5, 0.0]], wall]), (0.0, tall), _count(10, fineness))


def _torus(draw: Draw, fineness: float) -> Surface:
    radius = float(draw.uniform(0.3, 0.5))
    return torus(_count(12, fineness), _count(7, fineness), radius=radius)


def _double_torus(draw: Draw, fineness: float) -> Surface:
    one, other = (
        torus(_count(9, fineness), _count(6, fineness), radius=float(draw.uniform(0.3, 0.45)))
        for _ in range(2)
    )
    # One to the left, one to the right, joined where they are nearest.
    one = one.moved(lambda x: x - [1.6, 0, 0])
    other = other.moved(lambda x: x * [-1, -1, 1] + [1.6, 0, 0])
    at = int(np.argmax(one.vertices[:, 0])), int(np.argmin(other.vertices[:, 0]))
    return joined(one, other, at)


def _knot(turns: int, winds: int, points: int) -> Callable[[Draw, float], Surface]:
    def make(draw: Draw, fineness: float) -> Surface:
        curve = torus_knot(turns, winds, _count(points, fineness), ring=1.0, radius=0.45)
        return tube(curve, float(draw.uniform(0.14, 0.2)), _count(5, fineness))

    return make


SHAPES: dict[str, Callable[[Draw, float], Surface]] = {
    "sphere": _sphere,
    "box": _box,
    "cylinder": _cylinder,
    "cone": _cone,
    "torus": _torus,
    "double torus": _double_torus,
    "trefoil": _knot(2, 3, 30),
    "cinquefoil": _knot(2, 5, 42),
}
"""Class -> how a mesh of it is made."""

CREATURE_PARTS = ("body", "leg", "head", "horn", "handle")
VASE_PARTS = ("foot", "belly", "neck", "handle")


def _creature(draw: Draw, fineness: float) -> Surface:
    times = _count(4, fineness)
    body = _stretched(sphere(times), draw)
    first, *others = _apart(body, draw, int(draw.integers(5, 9)))
    # A handle between places that are far apart would go through the body.
    far = np.linalg.norm(body.vertices[others] - body.vertices[first], axis=1)
    second = others.pop(int(np.argmin(far)))
    for vertex in others:
        body = _limb(body, vertex, 1 + int(draw.integers(3)), draw, fineness)
    reach = float(draw.uniform(0.6, 1.0))
    return with_handle(body, first, second, reach=reach, rings=_count(6, fineness), part=4)


def _limb(body: Surface, vertex: int, part: int, draw: Draw, fineness: float) -> Surface:
    size = 0.28 * float(draw.uniform(0.85, 1.15))
    along = np.linspace(0, 1, _count(4, fineness) + 1)[1:]
    tall = {1: 1.2, 2: 0.9, 3: 0.5}[part] * float(draw.uniform(0.85, 1.15))
    wide = {
        1: np.ones_like(along),
        2: 0.7 + 1.3 * np.sin(np.pi * along**2),
        3: 1 - 0.85 * along,
    }[part]
    profile = np.stack([size * wide, tall * along], 1)
    direction = outward(body, vertex) + 0.3 * draw.standard_normal(3)
    return grown(body, vertex, profile, 1.08 * tall, part, direction)


def _apart(surface: Surface, draw: Draw, n: int) -> list[int]:
    """Vertices whose neighbours have no common ones, of those tried by lot."""
    taken = np.zeros(len(surface.vertices), bool)
    found: list[int] = []
    for vertex in draw.permutation(len(surface.vertices)):
        near = surface.faces[(surface.faces == vertex).any(1)].ravel()
        if taken[near].any():
            continue
        taken[near] = True
        found.append(int(vertex))
        if len(found) == n:
            break
    return found


def _vase(draw: Draw, fineness: float) -> Surface:
    around = _count(10, fineness)
    foot, belly, neck = (_count(c, fineness) for c in (3, 6, 4))
    low, wide, thin = (float(draw.uniform(*span)) for span in ((0.5, 0.8), (0.9, 1.2), (0.35, 0.5)))
    up = np.concatenate(
        [
            np.linspace(0, 0.4, foot, endpoint=False),
            np.linspace(0.4, 2.0, belly, endpoint=False),
            np.linspace(2.0, 3.0, neck),
        ]
    )
    knots = ([0.0, 0.4, 1.2, 2.0, 3.0], [low, 0.7 * low, wide, thin, 1.3 * thin])
    profile = np.stack([_smooth(up, *knots), up], 1)
    parts = np.repeat([0, 1, 2], [foot + 1, belly, neck])
    vase = revolution(profile, (0.0, 3.0), around, parts)
    # Handles lead from the belly to the neck, on opposite sides.
    low_ring, high_ring = foot + belly // 2, foot + belly + neck // 2
    for turn in range(int(draw.integers(1, 3))):
        at = turn * (around // 2)
        vase = with_handle(
            vase,
            low_ring * around + at,
            high_ring * around + at,
            reach=float(draw.uniform(0.6, 1.0)),
            rings=_count(6, fineness),
            part=3,
        )
    return vase


def _smooth(x: np.ndarray, knots: Sequence[float], values: Sequence[float]) -> np.ndarray:
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(knots, values)(x)
