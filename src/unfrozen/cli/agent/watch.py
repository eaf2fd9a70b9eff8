"""``unfrozen agent watch``: an errand step by step, on the terminal or as a film."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.agent.run import FolderArgument
from unfrozen.cli.console import output
from unfrozen.cli.opening import with_suffix

if TYPE_CHECKING:
    from unfrozen.agent.living.watching import Frame

EXAMPLES = {
    "agent watch": (
        "unfrozen agent watch life",
        "unfrozen agent watch life --errand 12 --speed 4",
        "unfrozen agent watch life --errand 12 --out errand.gif",
    ),
}


def _film(target: Path | None) -> Path | None:
    return with_suffix(target, (".gif",))


def watch(
    folder: FolderArgument,
    errand: Annotated[
        int | None, typer.Option(min=0, help="Its number; the last one by default.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, help="Steps a second.")] = 6.0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A film, as .gif.", callback=_film)
    ] = None,
) -> None:
    """Watch an errand: the town, where the agent is, what it wants, and why it goes where."""
    from unfrozen.agent.living.folder import LifeFolder
    from unfrozen.agent.living.watching import film, frames
    from unfrozen.errors import AgentError

    life = LifeFolder.open(folder)
    if not life.done:
        raise AgentError(f"no errand was done in {folder} yet: `unfrozen agent run` lives on")
    number = life.done - 1 if errand is None else errand
    shown = frames(life, number)
    console = output()
    if out is not None:
        film(shown, out, speed)
        console.print(f"The errand is in {out}", markup=False, soft_wrap=True)
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
    return beside


def _rgb(colour: list[int]) -> str:
    return ",".join(map(str, colour))
