"""Pictures of retrieval: where states fall, and the energy on the way."""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.network import Retrieval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 2000
# Safe for the colour-blind (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def falling(retrieval: Retrieval, patterns: Float[Tensor, "n key"], title: str = "") -> "Figure":
    """The way of each state among the patterns, and its energy at each step.

    Args:
        retrieval: of a batch of states, with its trajectory.
        patterns: those that are drawn; of many, some.
        title: above the picture.

    Returns:
        The picture; nothing is saved.

    Raises:
        MemoryShapeError: the retrieval has no trajectory, or is not of rows of states.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if retrieval.trajectory is None or retrieval.energies is None:
        raise MemoryShapeError("there is no way to draw: retrieve with trajectory=True")
    way, energies = retrieval.trajectory.detach().cpu(), retrieval.energies.detach().cpu()
    if way.ndim != 3:
        raise MemoryShapeError("a picture takes the ways of rows of states [b, key]")
    patterns = patterns.detach().cpu()[:_SHOWN]
    flat, spread = _plane(patterns, way)
    points = (patterns - patterns.mean(0)) @ flat
    paths = (way - patterns.mean(0)) @ flat
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.scatter(*points.T, s=12, color="0.7", label="patterns", zorder=1)
    for i in range(way.shape[1]):
        colour = _COLOURS[i % len(_COLOURS)]
        left.plot(*paths[:, i].T, "-", color=colour, lw=1.2, zorder=2)
        left.plot(*paths[0, i], "o", color=colour, mfc="white", ms=7, zorder=3)
        left.plot(*paths[-1, i], "*", color=colour, ms=11, zorder=4)
        right.plot(energies[:, i], "o-", color=colour, ms=3, lw=1.2)
    left.plot([], [], "o", color="0.2", mfc="white", label="query")
    left.plot([], [], "*", color="0.2", ms=9, label="where it ended")
    left.legend(fontsize=8, frameon=False)
    left.set_title(f"two directions with {spread:.0%} of the spread", fontsize=10)
    left.set_xlabel("first direction")
    left.set_ylabel("second direction")
    right.set_title("energy on the way", fontsize=10)
    right.set_xlabel("update")
    right.set_ylabel("energy")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    if title:
        figure.suptitle(title, fontsize=11, parse_math=False)
    return figure


def _plane(patterns: Tensor, way: Tensor) -> tuple[Float[Tensor, "key 2"], float]:
    """The two directions along which patterns and states differ most, and their share of it."""
    every = torch.cat([patterns, way.reshape(-1, way.shape[-1])]).double()
    every = every - every.mean(0)
    _, sizes, directions = torch.linalg.svd(every, full_matrices=False)
    flat = torch.zeros(every.shape[1], 2, dtype=torch.float64)
    found = min(2, len(directions))
    flat[:, :found] = directions[:found].T
    share = float((sizes[:2] ** 2).sum() / (sizes**2).sum().clamp(min=1e-30))
    return flat.to(patterns.dtype), share
