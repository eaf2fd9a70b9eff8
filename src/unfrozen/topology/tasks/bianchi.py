"""Bianchi's benchmark: graphs whose class is which coloured clouds of points lie next to which.

Three clouds lie on three places: two moons (colours 0 and 1), a disc in a ring (2 and 3), and a
blob (4).  The class is which cloud is where.  Nodes are points, edges join nearest neighbours, and
the only feature is the colour: neither colours alone nor the graph alone tell the class.

Source: Bianchi et al. 2020; the published description and numbers of the benchmark.  The sets are
made here anew, so figures on them are not of the very graphs of others.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.tasks.labelled import Labelled, Parts

COLOURS = 5
CLASSES = 3
_PLACES = ((0.0, 0.0), (2.0, -2.0), (4.0, 0.0))
# Which place moons, disc and blob have, for each class.
_WHERE = ((2, 0, 1), (1, 2, 0), (0, 1, 2))


@dataclass(frozen=True)
class BianchiSettings:
    """How graphs are drawn.

    Attributes:
        nodes: at most this many less one, at least half.
        spread: variance of the disc and its ring; half the deviation of the blob.
        neighbours: that each point is joined with at least.
        per_class: graphs of each class.

    Raises:
        TopologyError: there are too few nodes.
    """

    nodes: int = 200
    spread: float = 0.4
    neighbours: int = 5
    per_class: int = 600

    def __post_init__(self) -> None:
        if self.nodes // 2 // 3 * 3 <= self.neighbours or self.neighbours < 1:
            raise TopologyError(
                f"graphs of {self.nodes // 2} nodes have too few for {self.neighbours} neighbours"
            )
        if self.per_class < 1 or self.spread <= 0:
            raise TopologyError("graphs are drawn with a positive spread, at least one a class")


BIANCHI = {
    "easy": BianchiSettings(),
    "hard": BianchiSettings(spread=0.2, neighbours=3),
    "easy_small": BianchiSettings(nodes=80, per_class=100),
    "hard_small": BianchiSettings(nodes=80, spread=0.2, neighbours=3, per_class=100),
}
"""The four versions by name."""


def bianchi_graphs(version: str | BianchiSettings = "easy", *, seed: int = 0) -> Labelled:
    """The benchmark, made with a seed; graphs of all classes are mixed.

    Args:
        version: one of `BIANCHI`, or one's own settings.
        seed: of the graphs.

    Raises:
        TopologyError: there is no such version.

    Example:
        >>> found = bianchi_graphs(BianchiSettings(nodes=40, per_class=2), seed=1)
        >>> len(found), found.complexes[0].features[0].shape[1]
        (6, 5)
    """
    if isinstance(version, str) and version not in BIANCHI:
        raise TopologyError(f"no version {version!r} of the benchmark: {', '.join(BIANCHI)}")
    settings = BIANCHI[version] if isinstance(version, str) else version
    draw = np.random.default_rng(seed)
    classes = draw.permutation(np.repeat(np.arange(CLASSES), settings.per_class))
    graphs = tuple(_graph(int(which), settings, draw) for which in classes)
    name = f"Bianchi {version}" if isinstance(version, str) else "Bianchi"
    return Labelled(name, graphs, torch.from_numpy(classes), f"made with seed {seed}")


def bianchi_parts(n: int, *, seed: int = 0) -> Parts:
    """A tenth to be asked, a tenth of the rest to choose by, by lot as in the published sets."""
    draw = np.random.default_rng((seed, 1))
    asked, chosen = draw.random(n) >= 0.9, draw.random(n) >= 0.9
    rows = [np.flatnonzero(each) for each in (~asked & ~chosen, ~asked & chosen, asked)]
    return Parts(*(torch.from_numpy(each) for each in rows))


def _graph(which: int, settings: BianchiSettings, draw: np.random.Generator) -> Complex:
    from sklearn.neighbors import NearestNeighbors

    each = int(draw.integers(settings.nodes // 2, settings.nodes)) // 3
    moons, disc, blob = (np.array(_PLACES[place]) for place in _WHERE[which])
    clouds = (
        _moons(each, draw, moons),
        _disc(each, draw, disc, settings.spread),
        _blob(each, draw, blob, settings.spread),
    )
    points, colours = (np.concatenate(each) for each in zip(*clouds, strict=True))
    # The largest coordinates are one, as the published sets have it.
    x = points / points.max(0)
    near = (
        NearestNeighbors(n_neighbors=settings.neighbours).fit(x).kneighbors(return_distance=False)
    )
    ends = np.stack([np.repeat(np.arange(len(x)), settings.neighbours), near.ravel()], 1)
    edges = np.unique(np.sort(ends, 1), axis=0)
    features = torch.from_numpy(np.eye(COLOURS, dtype=np.float32)[colours])
    return Complex({1: edges.astype(np.int64)}, n_nodes=len(x), features={0: features})


Place = Float64[np.ndarray, "2"]
Points = Float64[np.ndarray, "point 2"]
Colours = Int64[np.ndarray, " point"]


def _moons(n: int, draw: np.random.Generator, place: Place) -> tuple[Points, Colours]:
    """Two half circles that reach into one another, with noise of 0.1."""
    upper = n // 2
    turns = [np.linspace(0, np.pi, count) for count in (upper, n - upper)]
    x = np.concatenate([np.cos(turns[0]), 1 - np.cos(turns[1])])
    y = np.concatenate([np.sin(turns[0]), 0.5 - np.sin(turns[1])])
    points = np.stack([x, y], 1) + 0.1 * draw.standard_normal((n, 2)) + place
    return points, np.repeat([0, 1], [upper, n - upper])


def _disc(n: int, draw: np.random.Generator, place: Place, spread: float) -> tuple[Points, Colours]:
    """Normal points, the nearer half of one colour and the farther of another."""
    points = np.sqrt(spread) * draw.standard_normal((n, 2))
    points = points[np.argsort((points**2).sum(1), kind="stable")]
    return points + place, np.repeat([2, 3], [n // 2, n - n // 2])


def _blob(n: int, draw: np.random.Generator, place: Place, spread: float) -> tuple[Points, Colours]:
    """Normal points of one colour."""
    return 2 * spread * draw.standard_normal((n, 2)) + place, np.full(n, 4)
