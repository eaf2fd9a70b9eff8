"""``unfrozen agent watch``: an errand step by step, on the terminal or as a film."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.agent.run import FolderArgument
from unfrozen.cli.console import output, progress
from unfrozen.cli.opening import reporter, with_suffix

if TYPE_CHECKING:
    from unfrozen.agent.living.watching import Frame

EXAMPLES = {
    "agent watch": (
        "unfrozen agent watch life",
        "unfrozen agent watch life --errand 12 --speed 4",
        "unfrozen agent watch life --errand 12 --out errand.gif",
        "unfrozen agent watch life --childhood --out childhood.gif",
    ),
}


def _film(target: Path | None) -> Path | None:
    return with_suffix(target, (".gif",))


def watch(
    folder: FolderArgument,
    errand: Annotated[
        int | None, typer.Option(min=0, help="Its number; the last one by default.")
    ] = None,
    childhood: Annotated[
        bool, typer.Option("--childhood", help="How the town was explored before, instead.")
    ] = False,
    speed: Annotated[float, typer.Option(min=0.1, help="Steps a second.")] = 6.0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A film, as .gif.", callback=_film)
    ] = None,
) -> None:
    """Watch an errand: the town, where the agent is, what it wants, and why it goes where.

    Childhood is lived again to be watched.
    """
    from unfrozen.agent.living.folder import LifeFolder
    from unfrozen.agent.living.watching import childhood_frames, film, frames
    from unfrozen.errors import AgentError

    life = LifeFolder.open(folder)
    if childhood and errand is not None:
        raise AgentError("watch either an errand or the childhood: leave one of them out")
    if not (life.grown if childhood else life.done):
        what = "the childhood was not lived" if childhood else "no errand was done"
        raise AgentError(f"{what} in {folder} yet: `unfrozen agent run` lives on")
    if childhood:
        shown = childhood_frames(life)
    else:
        shown = frames(life, life.done - 1 if errand is None else errand)
    console = output()
    if out is not None:
        with progress() as bars:
            report = reporter(bars)
            film(shown, out, speed, lambda done: report("Drawing", done, len(shown)))
        what = "childhood" if childhood else "errand"
        console.print(f"The {what} is in {out}", markup=False, soft_wrap=True)
        return
    _live(shown, speed, console)


def _live(shown: "list[Frame]", speed: float, console: Any) -> None:
    from rich.live import Live

    if not console.is_terminal:
        # Colours would be lost: the thoughts alone.
        for frame in shown:
            console.print("\n".join(frame.lines) + "\n", markup=False, soft_wrap=True)
        return
    with Live(_rendered(shown[0]), console=console, auto_refresh=False) as screen:
        for frame in shown:
            screen.update(_rendered(frame), refresh=True)
            time.sleep(1 / speed)


def _rendered(frame: "Frame") -> Any:
    """A town in half blocks beside what the agent thinks."""
    from rich.table import Table
    from rich.text import Text

    picture = frame.small
    town = Text()
    for upper, lower in zip(picture[::2], picture[1::2], strict=True):
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            town.append("▀", style=f"rgb({_rgb(above)}) on rgb({_rgb(below)})")
        town.append("\n")
    beside = Table.grid(padding=(0, 3))
    beside.add_row(town, Text("\n".join(frame.lines)))
    beside.add_row(_legend())
    return beside


def _legend() -> Any:
    """What colours mean, each in its own."""
    from rich.text import Text

    from unfrozen.world.environments.town.drawing import LEGEND

    line = Text()
    for name, (colour, _) in LEGEND.items():
        line.append("■ ", style=f"rgb({_rgb(list(colour))})")
        line.append(f"{name}  ")
    return line


def _rgb(colour: list[int]) -> str:
    return ",".join(map(str, colour))
