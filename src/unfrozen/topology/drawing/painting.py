"""Shapes painted on axes of matplotlib, from the back to the front."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from unfrozen.topology.complex import Cells
from unfrozen.topology.drawing.shapes import Shapes, bare, following, hull, owners, told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Safe for the colour-blind (Okabe and Ito 2008, with two of Tol's).
_COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#882255", "#b8a800",
)  # fmt: skip
_LINE, _PALE = "#333333", "#c8c8c8"
_STYLES = ("-", "--", ":", "-.")
_HULLS = 40
_DOTS = 1_000_000  # polygons in space
_APART = 200  # polygons up to which each is drawn a little smaller than it is
_LIGHT = np.array([-0.45, 0.45, 0.77])  # from the left, from above, from the one who looks
_GONS = {3: "triangles", 4: "squares", 5: "pentagons", 6: "hexagons"}


class Painter:
    """Cells as they are seen at their places.

    Args:
        axes: to paint on.
        places: of the nodes; those that are not seen have none.
        most: edges to paint, and polygons.
        depth: of the nodes, towards the one who looks, where they are in space.
    """

    def __init__(
        self,
        axes: "Axes",
        places: Float64[np.ndarray, "node 2"],
        most: int,
        depth: Float64[np.ndarray, " node"] | None = None,
    ) -> None:
        self.axes, self.places, self.most = axes, places, most
        self.depth = depth
        self.notes: list[str] = []
        self.keys: list[Any] = []

    def paint(
        self, shapes: Shapes, nodes: Int64[np.ndarray, " seen"], texts: Sequence[str] | None
    ) -> None:
        """Paint all, and fill `notes` on what is left out and `keys` of what colours mean.

        Args:
            shapes: of the cells.
            nodes: that are seen.
            texts: names of all nodes, if they are to be written.
        """
        if self.depth is not None and len(shapes.polygons):
            self._surface(shapes)
            self._edges(bare(shapes, len(self.places)))
            nodes = np.setdiff1d(nodes, shapes.polygons.members)
        else:
            self._hulls(shapes)
            self._polygons(shapes.polygons)
            self._edges(shapes.edges)
        self._nodes(nodes, texts)

    def _surface(self, shapes: Shapes) -> None:
        """Polygons in space, those behind first, lit from one side."""
        from matplotlib.collections import PolyCollection
        from matplotlib.colors import to_rgb

        assert self.depth is not None
        cells = self._some(shapes.polygons, _DOTS)
        sizes, begins = cells.sizes, cells.pointers[:-1]
        if len(shapes.sets):
            owner = owners(cells, shapes.sets, len(self.places))
            colour = told_apart(shapes.sets, len(self.places), len(_COLOURS))
            kind = np.where(owner < 0, len(_COLOURS), colour[owner])
            self._key_sets(shapes.ranks)
        else:
            kind = _kinds(sizes)
            self._key_sizes(shapes.polygons.sizes)
        palette = np.array([to_rgb(colour) for colour in (*_COLOURS, _PALE)])
        light = self._light(cells)[:, None]
        colours = np.clip(palette[kind] * light + 0.25 * np.maximum(light - 0.8, 0), 0, 1)
        depth = np.add.reduceat(self.depth[cells.members], begins) / sizes
        order = np.argsort(depth, kind="stable")
        if len(cells) > self.most:
            self._dots(cells, colours, order)
            return
        corners = np.split(self.places[cells.members], begins[1:])
        self.axes.add_collection(
            PolyCollection(
                [corners[row] for row in order], facecolors=colours[order], alpha=0.9,
                edgecolors=0.6 * colours[order], gid="polygons",
                linewidths=_between(12 / len(cells) ** 0.5, 0.1, 0.8),
            )
        )  # fmt: skip

    def _dots(
        self,
        cells: Cells,
        colours: Float64[np.ndarray, "polygon 3"],
        order: Int64[np.ndarray, " polygon"],
    ) -> None:
        """Very many polygons, each as a dot that is about as large."""
        self.notes.append(f"{len(cells):,} polygons as dots")
        middles = np.add.reduceat(self.places[cells.members], cells.pointers[:-1])
        middles = middles[order] / cells.sizes[order, None]
        self.axes.scatter(
            *middles.T, s=_between(1.2e6 / len(cells), 1.0, 60.0), c=colours[order], marker="o",
            linewidths=0, rasterized=True, gid="polygons",
        )  # fmt: skip

    def _light(self, cells: Cells) -> Float64[np.ndarray, " polygon"]:
        """How bright each polygon is; both its sides are."""
        assert self.depth is not None
        seen = np.column_stack([self.places, self.depth])
        cross = np.cross(seen[cells.members], seen[following(cells)])
        normal = np.add.reduceat(cross, cells.pointers[:-1])
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
        # The side that is seen.
        normal *= np.where(normal[:, 2:] < 0, -1, 1)
        return 0.45 + 0.6 * np.maximum(normal @ _LIGHT, 0)

    def _polygons(self, polygons: Cells) -> None:
        """Polygons in the plane, large ones first; few are a little apart from each other."""
        from matplotlib.collections import PolyCollection

        if not len(polygons):
            return
        self._key_sizes(polygons.sizes)
        cells = self._some(polygons, self.most)
        corners = np.split(self.places[cells.members], cells.pointers[1:-1])
        if len(cells) <= _APART:
            corners = [x.mean(0) + 0.9 * (x - x.mean(0)) for x in corners]
        order = np.argsort(-cells.sizes, kind="stable")
        colours = [_COLOURS[kind] for kind in _kinds(cells.sizes)[order]]
        edges = colours if len(cells) <= _APART else "none"
        # The more they lie on each other, the more light each lets through.
        layers = sum(map(_area, corners)) / max(float(np.prod(np.ptp(self._known(), axis=0))), 1e-9)
        clear = _between(0.4 / max(layers, 1.0), 0.06, 0.4)
        for alpha, line, fill in ((clear, "none", colours), (0.9, edges, "none")):
            self.axes.add_collection(
                PolyCollection(
                    [corners[row] for row in order], facecolors=fill, edgecolors=line,
                    linewidths=1.0, alpha=alpha, zorder=1, gid="polygons",
                )
            )  # fmt: skip

    def _hulls(self, shapes: Shapes) -> None:
        """Round borders around sets, large ones first, of several widths so that they differ."""
        from matplotlib.patches import Polygon

        if not len(shapes.sets):
            return
        rows = np.arange(len(shapes.sets))
        if len(rows) > _HULLS:
            rows = rows[:: -(-len(rows) // _HULLS)]
            self.notes.append(f"{len(rows)} of {len(shapes.sets):,} sets, evenly spaced")
        kinds = told_apart(shapes.sets.take(rows), len(self.places), len(_COLOURS))
        kind = dict(zip(rows.tolist(), kinds.tolist(), strict=True))
        unit = self._unit(shapes.edges) * (1.0 if len(rows) < 10 else 0.7)
        for row in sorted(rows, key=lambda row: (-shapes.sets.sizes[row], row)):
            at, rank = int(row), int(shapes.ranks[row])
            colour = _COLOURS[kind[at]]
            border = hull(self.places[shapes.sets[at]], unit * (0.22 + 0.07 * (at % 4)))
            style = _STYLES[(rank - 1) % len(_STYLES)]
            clear = _between(1.5 / len(rows), 0.04, 0.13)
            for fill, alpha in ((True, clear), (False, 0.95)):
                self.axes.add_patch(
                    Polygon(
                        border, fill=fill, facecolor=colour, edgecolor="none" if fill else colour,
                        alpha=alpha, linestyle=style, linewidth=1.4, zorder=0.5, gid="hulls",
                    )
                )  # fmt: skip
        self._key_sets(shapes.ranks)

    def _edges(self, edges: Int64[np.ndarray, "edge 2"]) -> None:
        from matplotlib.collections import LineCollection

        if not len(edges):
            return
        if len(edges) > self.most:
            step = -(-len(edges) // self.most)
            self.notes.append(f"{len(edges[::step]):,} of {len(edges):,} edges, evenly spaced")
            edges = edges[::step]
        width = _between(30 / len(edges) ** 0.5, 0.25, 1.6)
        lines = LineCollection(
            list(self.places[edges]), colors=_LINE, linewidths=width, zorder=2, gid="edges",
            alpha=_between(15 / len(edges) ** 0.5, 0.3, 1.0),
        )  # fmt: skip
        self.axes.add_collection(lines)

    def _nodes(self, nodes: Int64[np.ndarray, " seen"], texts: Sequence[str] | None) -> None:
        """Dots, or where they have short names, circles around these."""
        from matplotlib.patheffects import withStroke

        spots = self.places[nodes]
        inside = texts is not None and all(len(texts[node]) <= 2 for node in nodes)
        size = 190.0 if inside else _between(3000 / max(len(nodes), 1), 2.0, 45.0)
        self.axes.scatter(
            *spots.T, s=size, color="white" if inside else _LINE, edgecolors=_LINE,
            linewidths=1.0 if inside else 0.0, zorder=3, gid="nodes",
        )  # fmt: skip
        halo = [withStroke(linewidth=2, foreground="white")]
        written = [] if texts is None else [texts[int(node)] for node in nodes]
        for text, spot in zip(written, spots, strict=False):
            self.axes.annotate(
                text, spot, (0, 0) if inside else (4, 4), textcoords="offset points",
                ha="center" if inside else "left", va="center_baseline" if inside else "bottom",
                fontsize=8, zorder=4, parse_math=False, path_effects=None if inside else halo,
            )  # fmt: skip

    def _some(self, polygons: Cells, most: int) -> Cells:
        if len(polygons) <= most:
            return polygons
        step = -(-len(polygons) // most)
        rows = np.arange(0, len(polygons), step)
        self.notes.append(f"{len(rows):,} of {len(polygons):,} polygons, evenly spaced")
        return polygons.take(rows)

    def _known(self) -> Float64[np.ndarray, "seen 2"]:
        return self.places[np.isfinite(self.places[:, 0])]

    def _unit(self, edges: Int64[np.ndarray, "edge 2"]) -> float:
        """About the distance between neighbours."""
        if len(edges):
            ends = self.places[edges]
            length = float(np.median(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)))
            if length > 0:
                return length
        known = self._known()
        return float(np.ptp(known, axis=0).max()) / max(len(known), 1) ** 0.5 or 1.0

    def _key_sizes(self, sizes: Int64[np.ndarray, " polygon"]) -> None:
        """What colours of polygons mean."""
        from matplotlib.patches import Patch

        kinds, several = _kinds(sizes), {}
        for size, kind in zip(sizes.tolist(), kinds.tolist(), strict=True):
            several.setdefault(kind, []).append(size)
        for kind, own in sorted(several.items()):
            name = _GONS.get(own[0], f"{own[0]}-gons")
            if len(set(own)) > 1:
                name = f"{min(own)}- to {max(own)}-gons"
            self.keys.append(Patch(color=_COLOURS[kind], alpha=0.5, label=f"{name} ({len(own):,})"))

    def _key_sets(self, ranks: Int64[np.ndarray, " set"]) -> None:
        from matplotlib.patches import Patch

        for rank, count in zip(*np.unique(ranks, return_counts=True), strict=True):
            style = "-" if self.depth is not None else _STYLES[(rank - 1) % len(_STYLES)]
            label = f"sets of rank {rank}, each in a colour ({count:,})"
            self.keys.append(Patch(facecolor="white", edgecolor=_LINE, ls=style, label=label))


def _kinds(sizes: Int64[np.ndarray, " polygon"]) -> Int64[np.ndarray, " polygon"]:
    """The colour of each size: the same in every picture; all very long ones share the last."""
    return np.minimum(sizes - 3, len(_COLOURS) - 1)


def _area(corners: Float64[np.ndarray, "corner 2"]) -> float:
    x, y = corners.T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def _between(x: float, low: float, high: float) -> float:
    return float(min(max(x, low), high))
