"""Pictures of cells: their maps, autocorrelograms, scores beside controls, and remapping."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import neighbour_distance
from unfrozen.hippocampus.cells.controls import Verdict
from unfrozen.hippocampus.cells.remapping import Correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Safe for the colour-blind (Okabe and Ito 2008).
_BLUE, _ORANGE = "#0072b2", "#d55e00"
_UNKNOWN = "0.85"


def rate_map_sheet(
    rates: Float[Tensor, "unit place"],
    coordinates: Float[Tensor, "place 2"],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    unit: str = "places",
    title: str = "",
) -> "Figure":
    """The rate maps of many units, each from its own lowest rate to its highest.

    Places are drawn as the cells of their lattice: squares, or hexagons where a place has its
    neighbours at 60 degrees.

    Args:
        rates: NaN where nobody ever was, which is grey.
        coordinates: x and y of each place.
        titles: above each map; the range of its rates by default.
        columns: maps in a row.
        unit: of the coordinates.
        title: above the picture.

    Returns:
        The picture; nothing is saved.

    Raises:
        MapError: there is nothing to draw, or the shapes differ.
    """
    from matplotlib.collections import PolyCollection

    if rates.ndim != 2 or len(rates) == 0 or coordinates.shape != (rates.shape[1], 2):
        raise MapError(
            f"a sheet takes maps [unit, place] and coordinates [place, 2], not "
            f"{tuple(rates.shape)} and {tuple(coordinates.shape)}"
        )
    maps, at = rates.detach().cpu().double(), coordinates.detach().cpu().double()
    shapes = at[:, None] + _cell(at)
    low, high = shapes.amin((0, 1)), shapes.amax((0, 1))
    titles = [_range(rate) for rate in maps] if titles is None else titles
    figure, panels = _sheet(len(maps), columns, float((high - low)[1] / (high - low)[0]), titles)
    for ax, rate in zip(panels, maps, strict=True):
        known = rate.isfinite()
        ax.add_collection(PolyCollection(list(shapes[~known].numpy()), facecolor=_UNKNOWN))
        drawn = PolyCollection(
            list(shapes[known].numpy()), array=rate[known].numpy(), cmap="viridis", edgecolor="face"
        )
        ax.add_collection(drawn)
        ax.set_xlim(float(low[0]), float(high[0]))
        ax.set_ylim(float(low[1]), float(high[1]))
        ax.set_aspect("equal")
    figure.supxlabel(f"x ({unit})", fontsize=9)
    figure.supylabel(f"y ({unit})", fontsize=9)
    _entitle(figure, title)
    return figure


def autocorrelogram_sheet(
    autocorrelograms: Float[Tensor, "unit row column"],
    scores: Float[Tensor, " unit"] | None = None,
    *,
    pixel: float = 1.0,
    columns: int = 8,
    unit: str = "bins",
    title: str = "",
) -> "Figure":
    """The autocorrelograms of many units, with a score above each.

    Args:
        autocorrelograms: NaN where nothing is known, which is grey.
        scores: of each unit.
        pixel: side of a bin.
        columns: autocorrelograms in a row.
        unit: of the pixel.
        title: above the picture.

    Returns:
        The picture; nothing is saved.

    Raises:
        MapError: there is nothing to draw, or there are more or fewer scores than units.
    """
    from matplotlib import colormaps

    if autocorrelograms.ndim != 3 or len(autocorrelograms) == 0:
        raise MapError(
            f"a sheet takes autocorrelograms [unit, row, column], not "
            f"{tuple(autocorrelograms.shape)}"
        )
    if scores is not None and len(scores) != len(autocorrelograms):
        raise MapError(f"{len(autocorrelograms)} units take a score each, not {len(scores)}")
    rows, wide = autocorrelograms.shape[1:]
    titles = [""] * len(autocorrelograms)
    if scores is not None:
        titles = [f"{score:.2f}" for score in scores.tolist()]
    figure, panels = _sheet(len(autocorrelograms), columns, rows / wide, titles)
    colours = colormaps["cividis"].with_extremes(bad=_UNKNOWN)
    half = (wide * pixel / 2, rows * pixel / 2)
    image = None
    for ax, drawn in zip(panels, autocorrelograms.detach().cpu(), strict=True):
        image = ax.imshow(
            drawn.numpy(), cmap=colours, vmin=-1, vmax=1, origin="lower", interpolation="nearest",
            extent=(-half[0], half[0], -half[1], half[1]),
        )  # fmt: skip
    if image is not None:
        figure.colorbar(image, ax=panels, label="correlation", shrink=0.8)
    figure.supxlabel(f"lag along x ({unit})", fontsize=9)
    figure.supylabel(f"lag along y ({unit})", fontsize=9)
    _entitle(figure, title)
    return figure


def score_histogram(verdict: Verdict, name: str = "score", title: str = "") -> "Figure":
    """The scores of units beside those of their control.

    Args:
        verdict: of units against a control.
        name: of the score.
        title: above the picture.

    Returns:
        The picture, with the 95th percentile of all of the control's scores; nothing is saved.

    Raises:
        MapError: no unit or no draw of the control has a score.
    """
    from matplotlib.figure import Figure

    observed = verdict.score[verdict.score.isfinite()].detach().cpu()
    control = verdict.control[verdict.control.isfinite()].detach().cpu()
    if len(observed) == 0 or len(control) == 0:
        raise MapError("there is no score to draw")
    low = float(min(observed.min(), control.min()))
    high = float(max(observed.max(), control.max()))
    high = high if high > low else low + 1
    edges = torch.linspace(low, high, 31).tolist()
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    ax = figure.subplots()
    for values, colour, label in (
        (control, "0.6", f"control ({len(control)} draws)"),
        (observed, _BLUE, f"observed ({len(observed)} units)"),
    ):
        weights = [1 / len(values)] * len(values)
        ax.hist(values.tolist(), edges, weights=weights, color=colour, alpha=0.7, label=label)
    limit = float(control.double().sort().values[math.ceil(0.95 * len(control)) - 1])
    ax.axvline(limit, color=_ORANGE, ls="--", lw=1.2, label="95 % of the control are below")
    ax.set_xlabel(name)
    ax.set_ylabel("share of units or draws")
    ax.legend(fontsize=8, frameon=False)
    _entitle(figure, title)
    return figure


def remapping_scatter(
    found: Correlation, name: str = "grid cell's rate at place cell's peak", title: str = ""
) -> "Figure":
    """What is correlated between two environments, a point a pair.

    Args:
        found: a correlation with its pairs.
        name: of what is correlated, with its unit.
        title: above the picture.

    Returns:
        The picture, with the correlation and its null; nothing is saved.

    Raises:
        MapError: there are no pairs.
    """
    from matplotlib.figure import Figure

    if found.pairs == 0:
        raise MapError("there are no pairs to draw")
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    ax = figure.subplots()
    x, y = (v.detach().cpu().double() for v in (found.first, found.second))
    ax.scatter(x, y, s=10, color=_BLUE, alpha=0.5, lw=0)
    if math.isfinite(found.r) and float(x.std()) > 0:
        slope = found.r * float(y.std() / x.std())
        ends = torch.stack([x.min(), x.max()])
        ax.plot(ends, y.mean() + slope * (ends - x.mean()), color=_ORANGE, lw=1.4)
    ax.set_xlabel(f"{name}, environment 1")
    ax.set_ylabel(f"{name}, environment 2")
    ax.set_title(
        f"r = {found.r:.3f} over {found.pairs} pairs\n"
        f"permuted {found.mean:.3f} ± {found.sd:.3f}, p = {found.p:.2g}",
        fontsize=9,
    )
    _entitle(figure, title)
    return figure


def _sheet(
    count: int, columns: int, height: float, titles: Sequence[str]
) -> tuple["Figure", list["Axes"]]:
    from matplotlib.figure import Figure

    if len(titles) != count:
        raise MapError(f"{count} units take a title each, not {len(titles)}")
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    size = (1.3 * columns + 1, min(1.3 * height, 4) * rows + 0.25 * rows + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    panels = list(grid.flat)
    for ax in panels[count:]:
        ax.remove()
    for ax, text in zip(panels[:count], titles, strict=True):
        ax.set_title(text, fontsize=7, parse_math=False)
        ax.tick_params(labelsize=5, length=2)
        ax.label_outer()
    return figure, panels[:count]


def _cell(at: Tensor) -> Float[Tensor, "corner 2"]:
    """The corners of a place's own cell, about it."""
    spacing = neighbour_distance(at)
    apart = at[:, None] - at
    near = apart[(apart.norm(dim=-1) < 1.1 * spacing) & (apart.norm(dim=-1) > 0)]
    angle = torch.atan2(near[:, 1], near[:, 0])
    # Directions of neighbours, taken six times, agree on a hexagonal lattice; four times, on a
    # square one.
    six, four = (torch.polar(torch.ones_like(angle), k * angle).mean() for k in (6, 4))
    sides, mean = (6, six) if float(six.abs()) > float(four.abs()) else (4, four)
    turn = torch.arange(sides, dtype=at.dtype) + 0.5
    corners = float(mean.angle()) / sides + 2 * math.pi * turn / sides
    radius = spacing / 2 / math.cos(math.pi / sides)
    return radius * torch.stack([corners.cos(), corners.sin()], 1)


def _range(rate: Tensor) -> str:
    known = rate[rate.isfinite()]
    return f"{known.min():.2g} to {known.max():.2g}" if len(known) else "never visited"


def _entitle(figure: "Figure", title: str) -> None:
    if title:
        figure.suptitle(title, fontsize=11, parse_math=False)
