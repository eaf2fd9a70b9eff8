"""``unfrozen agent report`` and ``unfrozen agent compare``: what lives came to."""

from pathlib import Path
from typing import Annotated

import typer

from unfrozen.cli.agent.run import FolderArgument
from unfrozen.cli.agent.telling import finite, life_table, summary_json
from unfrozen.cli.console import counted, emit_json, output, print_table, progress, save_picture
from unfrozen.cli.opening import JsonOption, picture_file, reporter

EXAMPLES = {
    "agent report": (
        "unfrozen agent report life",
        "unfrozen agent report life --out life.png --json -",
    ),
    "agent compare": (
        "unfrozen agent compare",
        "unfrozen agent compare --lives 5 --out arms.png",
        "unfrozen agent compare --arm plastic --arm 'no facts' --untold 1",
    ),
}


PictureOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A picture.", callback=picture_file)
]


def report(folder: FolderArgument, out: PictureOption = None, json: JsonOption = None) -> None:
    """What a life came to: errands done, ways and their lengths, after every change."""
    from unfrozen.agent.living.figures import plot_life
    from unfrozen.agent.living.folder import LifeFolder

    life = LifeFolder.open(folder)
    lived, console = list(life.errands()), output(json)
    print_table(life_table(life, lived), console)
    if out is not None:
        changes = life.settings.world.schedule.changes
        save_picture(out, plot_life(lived, changes, f"A life in town {life.settings.seed}"))
        console.print(f"The life is in {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, summary_json(life, lived))


def compare(
    arm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Ways to live; all by default."),
    ] = None,
    lives: Annotated[int, typer.Option(min=1, help="Each in a town of its own.")] = 2,
    changes: Annotated[int, typer.Option(min=1, help="In a life.")] = 24,
    untold: Annotated[
        float, typer.Option(min=0, max=1, help="Chance that a change of fact is not told.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the first town.")] = 0,
    out: PictureOption = None,
    json: JsonOption = None,
) -> None:
    """The same agent with each plastic part off, frozen, and fine-tuned by backpropagation.

    All of them have the same childhood and lead the same life.
    """
    from unfrozen.agent import senses_of
    from unfrozen.agent.living.arms import ARMS
    from unfrozen.agent.living.arms import lives as lives_of
    from unfrozen.agent.living.figures import plot_arms, summary
    from unfrozen.agent.living.life import LifeSettings, Lived
    from unfrozen.hippocampus.tem_t import trained
    from unfrozen.papers.claim import Table
    from unfrozen.world.environments.town.changes import ScheduleSettings

    names = tuple(dict.fromkeys(arm or ARMS))
    model, schedule = trained("grid"), ScheduleSettings(changes=changes, silent=untold)
    found: dict[str, list[list[Lived]]] = {name: [] for name in names}
    with progress() as bars:
        tell = reporter(bars)
        for number in range(lives):
            settings = LifeSettings(seed=seed + number, schedule=schedule)
            senses = senses_of(settings.make())
            for name, _, errands in lives_of(names, senses, model, settings):
                found[name].append(list(errands))
                tell("Living", sum(map(len, found.values())), lives * len(names))
    rows = []
    for name, of in found.items():
        one = summary(of)
        rows.append((
            name, ARMS[name].told, *(round(x, 3) for x in (one.success, one.before, one.recovered,
            one.last)), round(one.detour, 2), round(one.seconds, 2), round(one.bytes / 1000),
        ))  # fmt: skip
    table = Table(
        f"{counted(lives, 'life', 'lives')} of {counted(changes, 'change')}",
        ("arm", "what it is", "done", "before", "recovered", "last", "detour", "learning s", "kB"),
        tuple(rows),
        "Shares of errands done: in all, before the first change, from the fourth after a change "
        "on, and in the last phase, which asks for the first errands again.",
    )
    console = output(json)
    print_table(table, console)
    if out is not None:
        save_picture(out, plot_arms(found))
        console.print(f"The lives are in {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, {name: finite(summary(of)) for name, of in found.items()})
