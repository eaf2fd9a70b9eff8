"""An errand as pictures of the town, with what the agent wants and why beside them."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from unfrozen.agent.living.explaining import DIRECTIONS
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.telling import told_moment
from unfrozen.data.cache import atomic_write
from unfrozen.world.environments.town.drawing import LEGEND
from unfrozen.world.environments.town.facts import PERSONS
from unfrozen.world.environments.town.living import VectorTown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SMALL = 4
"""Points of a picture along a cell, where letters have to do."""
_LAST = 2.0
"""Seconds for which a film rests on its last picture."""
_WIDTH = 56


class Label(NamedTuple):
    """A word in the picture.

    Attributes:
        text: a room's name, or a person's.
        x: cells from the west, to its middle.
        y: cells from the north.
        person: whether it is a person's.
    """

    text: str
    x: float
    y: float
    person: bool


@dataclass(frozen=True, eq=False)
class Frame:
    """A step.

    Attributes:
        picture: of the town, north up.
        lines: what is wanted and why.
        cells: of the town along a side.
        labels: names of rooms, and of those who are there.
    """

    picture: UInt8[np.ndarray, "height width 3"]
    lines: tuple[str, ...]
    cells: int
    labels: tuple[Label, ...] = ()

    @property
    def small(self) -> UInt8[np.ndarray, "h w 3"]:
        """The picture at a few points a cell."""
        step = self.picture.shape[0] // self.cells
        rows = (np.arange(self.cells * _SMALL) * step) // _SMALL + step // (2 * _SMALL)
        return self.picture[rows][:, rows]


def frames(life: LifeFolder, errand: int) -> list[Frame]:
    """The steps of an errand, and where it ended.

    Raises:
        AgentError: it was not lived.
    """
    found = life.errand(errand)
    begin = life.errand(errand - 1)["place"] if errand else life.childhood()["place"]
    town = life.settings.make()
    town.reset(
        seed=life.settings.seed,
        options={"place": np.array([begin]), "errand": np.array([errand])},
    )
    shown = list[Frame]()
    head = [f"Errand {errand}: {found['asked']}"]
    if found["told"]:
        head.append(f"Told: {_short(found['told'])}")
    plan = None
    for moment in found["moments"]:
        plan = moment["plan"] or (plan if moment["mode"] == "plan" else None)
        shown.append(_frame(town, (*head, "", *_thoughts(moment, plan))))
        town.step(np.array([moment["action"]]))
    end = "done" if found["success"] else "not done"
    told = f"{end}, in {_steps(found['steps'])}; the shortest way has {found['shortest']}"
    shown.append(_frame(town, (*head, "", told)))
    return shown


def childhood_frames(life: LifeFolder) -> list[Frame]:
    """The steps of its childhood, which is lived again.

    Raises:
        AgentError: it was not lived, or is lived otherwise now than is written down.
    """
    shown, plan, town = list[Frame](), None, life.settings.make()
    for agent, town, of in life.childhood_again():
        moment = told_moment(agent, of)
        plan = moment["plan"] or (plan if moment["mode"] == "plan" else None)
        known = f"{agent.chart.map.places.n} places are known"
        # No errand is under way: what is asked for then is done by chance if at all.
        lines = ("Childhood: the town is explored.", known, "", *_thoughts(moment, plan))
        shown.append(_frame(town, lines, errand=False))
    cells = life.childhood()["cells"]
    told = f"grown up, after {_steps(len(cells))}; {cells[-1] if cells else 1} cells were seen"
    shown.append(_frame(town, ("Childhood: the town is explored.", "", told), errand=False))
    return shown


def film(
    shown: list[Frame],
    path: Path,
    speed: float = 6.0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write the steps as a GIF, which rests on its last picture for two seconds.

    Args:
        shown: of `frames`.
        path: of the file.
        speed: steps a second.
        progress: called with the number of pictures that are drawn.
    """
    from PIL import Image

    # The format counts hundredths of a second, and browsers slow down what is below two of them.
    each = max(20, round(1000 / speed))
    pictures = list[Image.Image]()
    for one in _drawn(shown):
        pictures.append(Image.fromarray(one))
        if progress is not None:
            progress(len(pictures))
    times = [each] * (len(pictures) - 1) + [max(each, round(1000 * _LAST))]
    with atomic_write(path) as temporary:
        pictures[0].save(
            temporary, format="GIF", save_all=True, append_images=pictures[1:],
            duration=times, loop=0, disposal=1,
        )  # fmt: skip


def _drawn(shown: Sequence[Frame]) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Each step with its names, its thoughts and a legend."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.4, 5.6), dpi=100)
    canvas, side = FigureCanvasAgg(figure), shown[0].cells
    town = figure.add_axes((0.01, 0.02, 0.515, 0.96))
    town.set_axis_off()
    image = town.imshow(shown[0].picture, extent=(0, side, side, 0), interpolation="nearest")
    thoughts = figure.text(0.54, 0.96, "", va="top", family="monospace", fontsize=9)
    _legend(figure)
    labels, names = (), list[Any]()
    for frame in shown:
        image.set_data(frame.picture)
        lines = [part for line in frame.lines for part in textwrap.wrap(line, _WIDTH) or [""]]
        thoughts.set_text("\n".join(lines))
        if frame.labels != labels:
            labels = frame.labels
            for name in names:
                name.remove()
            names = [
                town.text(
                    label.x, label.y, label.text, ha="center", va="center", fontsize=6.5,
                    color="#7b2d5b" if label.person else "black",
                    fontstyle="italic" if label.person else "normal",
                    fontweight="normal" if label.person else "bold",
                    bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6},
                )
                for label in labels
            ]  # fmt: skip
        canvas.draw()
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _legend(figure: "Figure") -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="s" if square else "o", ls="", ms=8, label=name,
               color="#{:02x}{:02x}{:02x}".format(*colour), markeredgecolor="0.4",
               markeredgewidth=0.5)
        for name, (colour, square) in LEGEND.items()
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.53, 0.01), ncols=5, fontsize=8,
        frameon=False, columnspacing=1.0, handletextpad=0.3,
    )  # fmt: skip


def _frame(town: VectorTown, lines: tuple[str, ...], errand: bool = True) -> Frame:
    truth = town.truth
    life, phase = town.tables.lives[0], int(truth.phase[0])
    plan = life.town
    cells = [*zip(plan.names, plan.rooms.tolist(), strict=True)]
    labels = [Label(name, *_middle(cell, plan.side, 0.16), False) for name, cell in cells]
    there: dict[int, list[str]] = {}
    for person, cell in zip(PERSONS, life.persons[phase].tolist(), strict=False):
        there.setdefault(cell, []).append(person)
    for cell, persons in there.items():
        x, y = _middle(cell, plan.side, 0.0)
        # Of several in one room each has a line, from the bottom up.
        labels += [
            Label(person, x, y + 0.84 - 0.19 * line, True) for line, person in enumerate(persons)
        ]
    return Frame(town.picture(target=errand), lines, plan.side, tuple(labels))


def _middle(cell: int, side: int, down: float) -> tuple[float, float]:
    """The middle of a cell from the west, and a height in it from the north, in cells."""
    return cell % side + 0.5, side - 1 - cell // side + down


def _thoughts(moment: dict[str, Any], plan: dict[str, Any] | None) -> list[str]:
    goal = moment["goal"]
    wanted = goal["name"] or "the unknown"
    lines = [
        f"step {moment['time']}: {DIRECTIONS[moment['action']]}",
        f"wants: {wanted} ({goal['kind']})",
        f"mode:  {moment['mode']}",
    ]
    if plan is not None:
        lines.append(f"energy of the way: {plan['energy']:.1f}")
        lines += [f"  {term['term']} {term['amount']:.2f}" for term in plan["terms"]]
        lines.append(f"steps left: {len(plan['actions']) - moment['at']}")
    if moment["cites"]:
        cites = ", ".join(f"{kind} {which}" for kind, which in moment["cites"])
        lines.append(f"rests on: {cites}")
    return lines


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
