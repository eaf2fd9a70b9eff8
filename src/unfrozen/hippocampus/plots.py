"""Pictures of walks: what was foreseen where, and how well by visits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.world import World

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

# Safe for the colour-blind (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_NEW, _RIGHT, _WRONG = "#bbbbbb", "#0072b2", "#d55e00"
_TAIL = 12


class Step(NamedTuple):
    """A step of a walk that was watched.

    Attributes:
        place: where it led.
        symbol: what was seen.
        foreseen: the symbol that was thought the likeliest.
        chance: its probability.
        known: whether the place had been seen before.
    """

    place: int
    symbol: int
    foreseen: int
    chance: float
    known: bool


def by_visits(
    curves: Mapping[str, Float[Tensor, " visit"]], chance: float, title: str = ""
) -> "Figure":
    """Accuracy at places that were seen so often before, a line a model.

    Args:
        curves: name -> shares, as `accuracy.by_visits` gives them.
        chance: of a guess.
        title: above the picture.

    Returns:
        The picture; nothing is saved.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, shares), colour in zip(curves.items(), _COLOURS, strict=False):
        axes.plot(range(len(shares)), shares.tolist(), "o-", ms=4, color=colour, label=name)
    axes.axhline(chance, color="black", lw=0.7, ls="--", label="chance")
    axes.set_xlabel("times that the place was seen before")
    axes.set_ylabel("symbols foreseen (share)")
    axes.set_ylim(-0.02, 1.05)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(title, fontsize=10)
    return figure


def walked(world: World, steps: Sequence[Step], title: str = "") -> "Figure":
    """A walk to its end: places, what is seen there, and whether it was foreseen.

    Args:
        world: with coordinates.
        steps: of a walk in it.
        title: above the picture.

    Returns:
        The picture; nothing is saved.

    Raises:
        MapError: the world has no coordinates, or there are no steps.
    """
    figure, draw = _canvas(world, steps, title)
    draw(len(steps) - 1)
    return figure


def animated(world: World, steps: Sequence[Step], title: str = "") -> "FuncAnimation":
    """The same as a film of the walk, one frame a step.

    Args:
        world: with coordinates.
        steps: of a walk in it.
        title: above the picture.

    Returns:
        The film, to be saved with ``.save("walk.gif", writer="pillow")``.

    Raises:
        MapError: the world has no coordinates, or there are no steps.
    """
    from matplotlib.animation import FuncAnimation
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure, draw = _canvas(world, steps, title)
    FigureCanvasAgg(figure)

    def frame(number: int) -> list[object]:
        draw(number)
        return []

    return FuncAnimation(figure, frame, frames=len(steps), interval=250)  # pyright: ignore[reportArgumentType]


def _canvas(world: World, steps: Sequence[Step], title: str):
    from matplotlib.figure import Figure

    if world.coordinates is None:
        raise MapError(f"a {world.family} world lies in no plane: it cannot be drawn")
    if not steps:
        raise MapError("there is no step to draw")
    at = world.coordinates
    spread = (at.max(0).values - at.min(0).values).tolist()
    figure = Figure(figsize=(0.55 * spread[0] + 2.2, 0.55 * spread[1] + 1.9), layout="constrained")
    axes = figure.subplots()
    colours = {True: _RIGHT, False: _WRONG}

    def draw(last: int) -> None:
        axes.clear()
        axes.set_aspect("equal")
        axes.set_xlim(float(at[:, 0].min()) - 0.7, float(at[:, 0].max()) + 0.7)
        axes.set_ylim(float(at[:, 1].min()) - 0.7, float(at[:, 1].max()) + 0.7)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.scatter(*at.T, s=150, color="0.94", zorder=0)
        shown: dict[int, tuple[int, str]] = {}
        for step in steps[: last + 1]:
            right = step.foreseen == step.symbol
            shown[step.place] = (step.symbol, colours[right] if step.known else _NEW)
        for place, (symbol, colour) in shown.items():
            x, y = at[place].tolist()
            axes.scatter([x], [y], s=150, color=colour, zorder=2)
            axes.text(x, y, str(symbol), ha="center", va="center", fontsize=7, color="white",
                      zorder=3)  # fmt: skip
        tail = torch.stack([at[s.place] for s in steps[max(0, last - _TAIL) : last + 1]])
        axes.plot(*tail.T, "-", color="black", lw=1.2, zorder=1)
        axes.scatter(*tail[-1:].T, s=260, facecolors="none", edgecolors="black", zorder=4)
        step = steps[last]
        told = f"foreseen {step.foreseen} ({step.chance:.2f})" if step.known else "a new place"
        axes.set_title(f"{title}step {last + 1}: sees {step.symbol}, {told}", fontsize=9)
        axes.set_xlabel("blue foreseen, orange not, grey new", fontsize=8)

    return figure, draw
