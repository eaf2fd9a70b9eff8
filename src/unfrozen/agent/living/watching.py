"""An errand as pictures of the town, with what the agent wants and why beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from unfrozen.agent.living.explaining import DIRECTIONS
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.data.cache import atomic_write

_SMALL = 4
"""Points of a picture along a cell, where letters have to do."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A step.

    Attributes:
        picture: of the town, north up.
        lines: what is wanted and why.
        cells: of the town along a side.
    """

    picture: UInt8[np.ndarray, "height width 3"]
    lines: tuple[str, ...]
    cells: int

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
    side = town.tables.lives[0].town.side
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
        shown.append(Frame(town.picture(), (*head, "", *_thoughts(moment, plan)), side))
        town.step(np.array([moment["action"]]))
    end = "done" if found["success"] else "not done"
    told = f"{end}, in {_steps(found['steps'])}; the shortest way has {found['shortest']}"
    shown.append(Frame(town.picture(), (*head, "", told), side))
    return shown


def film(shown: list[Frame], path: Path, speed: float = 6.0) -> None:
    """Write the steps as a GIF.

    Args:
        shown: of `frames`.
        path: of the file.
        speed: steps a second.
    """
    from matplotlib.animation import FuncAnimation, PillowWriter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    left.set_axis_off()
    right.set_axis_off()
    image = left.imshow(shown[0].picture)
    text = right.text(0, 0.95, "", va="top", family="monospace", fontsize=9, wrap=True)

    def draw(frame: Frame) -> tuple[Any, ...]:
        image.set_data(frame.picture)
        text.set_text("\n".join(frame.lines))
        return image, text

    with atomic_write(path) as temporary:
        animation = FuncAnimation(figure, draw, shown, repeat=False)
        # The writer knows the format by the name's end.
        named = temporary.with_suffix(".gif")
        try:
            animation.save(named, PillowWriter(fps=max(1, round(speed))))
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)


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
