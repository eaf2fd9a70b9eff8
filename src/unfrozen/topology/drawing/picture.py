"""Complexes as pictures: nodes, edges, polygons that let light through, hulls of other sets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.drawing.painting import Painter
from unfrozen.topology.drawing.placing import laid_out, projected, some_nodes
from unfrozen.topology.drawing.shapes import Shapes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LAID = 600  # nodes that are laid out
_NAMED = 40  # nodes up to which all have their names


def draw(
    complex: Complex,  # noqa: A002
    positions: Float[Tensor, "node axis"] | None = None,
    *,
    labels: Sequence[str] | None = None,
    named: bool | None = None,
    title: str | None = None,
    view: tuple[float, float] = (35.0, -60.0),
    seed: int = 0,
    most: int = 30_000,
) -> "Figure":
    """A picture of a complex.

    Cells of rank 2 that go round along edges are polygons, coloured by how many nodes they have.
    Other sets, of any rank and with any number of nodes, are hulls; on a surface in space, which
    hulls would hide, polygons have the colour of the set that they lie in.

    Of very large complexes a part is drawn, and a note below says which.

    Args:
        complex: to be seen.
        positions: of the nodes, in two or three dimensions; laid out by networkx without them.
        labels: names of the nodes; their numbers by default.
        named: whether nodes bear their names; by default where they are few.
        title: above the picture; by default how many cells of each rank there are.
        view: of three dimensions: degrees above the ground, and around.
        seed: of the layout.
        most: edges to draw, and polygons.

    Returns:
        The picture; nothing is saved.

    Raises:
        TopologyError: positions or labels are not one for each node, or positions are not finite.

    Example:
        >>> square = Complex({1: [[0, 1], [1, 2], [2, 3], [3, 0]], 2: [[0, 1, 2, 3]]})
        >>> draw(square).axes[0].get_title()
        '4 nodes, 4 of rank 1, 1 of rank 2'
    """
    from matplotlib.figure import Figure

    n = complex.n_nodes
    if labels is not None and len(labels) != n:
        raise TopologyError(f"{len(labels)} labels are not one for each of {n} nodes")
    seen, notes, depth, names = np.ones(n, bool), [], None, ""
    if positions is None:
        seen = some_nodes(complex, _LAID)
        if not seen.all():
            notes.append(f"the {_LAID:,} of {n:,} nodes around one with most neighbours")
        places = laid_out(complex, seen, seed)
    else:
        places, names = _spread(positions, n)
        if len(names) == 3:
            places, depth = projected(places, view)
    wide, high = np.ptp(places[seen], axis=0)
    height = 1.1 + 6.6 * min(max(high / max(wide, 1e-12), 0.4), 1.1)
    figure = Figure(figsize=(7.2, height))
    figure.set_layout_engine("constrained", h_pad=0.1, w_pad=0.1)
    axes = figure.subplots()
    axes.set_aspect("equal")
    axes.margins(0.05)
    if len(names) == 2:
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
    else:
        axes.axis("off")
    painter = Painter(axes, places, most, depth)
    if named is None:
        named = positions is None and int(seen.sum()) <= _NAMED
    texts = ([str(i) for i in range(n)] if labels is None else labels) if named else None
    painter.paint(Shapes.of(complex, seen), np.flatnonzero(seen), texts)
    told = repr(complex).removeprefix("Complex(").removesuffix(")")
    axes.set_title(told if title is None else title, fontsize=11, parse_math=False)
    if painter.keys:
        figure.legend(
            handles=painter.keys, loc="outside lower center", ncols=3, frameon=False, fontsize=9
        )
    if notes := [*notes, *painter.notes]:
        axes.text(
            0.5, -0.01, f"Drawn: {'; '.join(notes)}.", transform=axes.transAxes,
            ha="center", va="top", fontsize=9, parse_math=False,
        )  # fmt: skip
    return figure


def _spread(positions: Tensor, n: int) -> tuple[np.ndarray, str]:
    """Positions along the axes along which they differ, two at least, and the names of these."""
    if positions.shape[0] != n or positions.ndim != 2 or positions.shape[1] not in (2, 3):
        raise TopologyError(
            f"positions of {list(positions.shape)} are not two or three numbers for each of {n} "
            "nodes"
        )
    points = positions.detach().cpu().double().numpy()
    if not np.isfinite(points).all():
        raise TopologyError("positions are finite numbers, and some are not")
    extent = np.ptp(points, axis=0)
    flat = np.flatnonzero(extent <= 1e-9 * extent.max())
    if points.shape[1] == 3 and len(flat):
        kept = [axis for axis in range(3) if axis != flat[-1]]
        return points[:, kept], "".join("xyz"[axis] for axis in kept)
    return points, "xyz"[: points.shape[1]]
