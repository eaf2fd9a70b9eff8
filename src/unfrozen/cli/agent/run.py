"""``unfrozen agent run``: let an agent live in a changing town."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.agent.telling import life_table, summary_json
from unfrozen.cli.console import counted, emit_json, output, print_table, progress
from unfrozen.cli.opening import JsonOption, reporter

if TYPE_CHECKING:
    from rich.console import Console

    from unfrozen.agent.living.folder import LifeFolder

EXAMPLES = {
    "agent run": (
        "unfrozen agent run life",
        "unfrozen agent run life --errands 10   goes on with the life in that folder",
        "unfrozen agent run other --seed 3 --untold 0.5 --frozen facts",
        "unfrozen agent run told --language-model smollm2-135m-instruct   facts by a real model",
    ),
}
FolderArgument = Annotated[Path, typer.Argument(metavar="folder", help="Of the life.")]


def run(
    folder: FolderArgument,
    errands: Annotated[
        int | None,
        typer.Option(min=1, help="How many; to the end of the life by default."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of a new town and its life; 0 by default.")
    ] = None,
    changes: Annotated[
        int | None, typer.Option(min=1, help="In a new life; 24 by default.")
    ] = None,
    untold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Chance that a change of fact is not told; 0 by default."),
    ] = None,
    frozen: Annotated[
        list[str] | None,
        typer.Option(metavar="FACULTY", help="Not written to: map, steps, facts, habits, or all."),
    ] = None,
    language_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Is told and asked about people; see `unfrozen models`."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Let an agent live in a town that changes: it explores, does errands, and keeps learning.

    What each errand left is an experience in the folder's workspace, which `unfrozen log` lists and
    `unfrozen revert` takes back. An interrupted life is gone on with by the same command.
    """
    life = _life(folder, seed, changes, untold, frozen, language_model)
    lived, console = list(life.errands()), output(json)
    total = len(life.settings.world.schedule.errands)
    wanted = min(total, len(lived) + (total if errands is None else errands))
    try:
        with progress() as bars:
            report = reporter(bars)
            for one in life.live(errands):
                lived.append(one)
                report("Living", len(lived), wanted)
    except KeyboardInterrupt:
        kept = f"{counted(len(lived), 'errand')} of this life {_are(len(lived))} kept in {folder}"
        _say(f"Interrupted: {kept}. The same command goes on with it.", console)
        raise
    print_table(life_table(life, lived), console)
    if len(lived) == total:
        over = f"This life is over: all {counted(total, 'errand')} of its schedule were lived"
        _say(f"{over}. A new folder begins another: unfrozen agent run FOLDER --seed N", console)
    if json is not None:
        emit_json(json, summary_json(life, lived))


def _life(
    folder: Path,
    seed: int | None,
    changes: int | None,
    untold: float | None,
    frozen: list[str] | None,
    language: str | None,
) -> "LifeFolder":
    from unfrozen.agent import FACULTIES
    from unfrozen.agent.living.folder import LifeFolder
    from unfrozen.agent.living.life import LifeSettings
    from unfrozen.errors import AgentError
    from unfrozen.world.environments.town.changes import ScheduleSettings

    off = FACULTIES if frozen and "all" in frozen else tuple(frozen or ())
    if unknown := sorted(set(off) - set(FACULTIES)):
        known = ", ".join(FACULTIES)
        raise AgentError(f"there is no faculty {unknown[0]!r}: choose from {known}, or all")
    schedule: dict[str, Any] = {"changes": changes, "silent": untold}
    settings = LifeSettings(
        seed=seed or 0,
        schedule=ScheduleSettings(**{k: v for k, v in schedule.items() if v is not None}),
    )
    plastic = tuple(f for f in FACULTIES if f not in off)
    if not (folder / "life.json").exists():
        return LifeFolder.create(folder, settings, plastic, language)
    life = LifeFolder.open(folder)
    asked = not (seed is changes is untold is None) or frozen
    other = asked and (life.settings, life.plastic) != (settings, plastic)
    if other or language not in (None, life.language):
        raise AgentError(
            f"{folder} holds a life already, which goes on as it was drawn: leave out --seed, "
            "--changes, --untold, --frozen and --language-model, or give a new folder"
        )
    return life


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _say(line: str, console: "Console") -> None:
    console.print(line, markup=False, soft_wrap=True)
