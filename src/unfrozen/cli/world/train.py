"""``unfrozen world train``: a model of rooms, from walks without reward."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.interrupting import between_steps
from unfrozen.cli.opening import JsonOption, reporter, writable

if TYPE_CHECKING:
    from unfrozen.papers.claim import Table
    from unfrozen.world.jepa import Update

EXAMPLES = {
    "world train": (
        "unfrozen world train two-rooms",
        "unfrozen world train two-rooms --objective vicreg --steps 2400 --out vicreg.safetensors",
        "unfrozen world train two-rooms-random --out walls.safetensors   some twenty minutes",
        "unfrozen world train two-rooms --objective ema --steps 300   collapses, and is told so",
    ),
}
_VERDICTS = {
    "collapsed": "latents are one point or lie on a line, and tell nothing apart; train longer, or "
    "by an objective that spreads them.",
    "blind": "latents vary, and do not tell where the agent is; train longer.",
    "unforeseeing": "latents tell where the agent is, and not where it will be; train longer.",
    "sound": "latents tell where the agent is, and where it will be eight steps on. Whether "
    "rollouts stop at walls is told by the pushes, where there are any.",
}
RoomsArgument = Annotated[
    str,
    typer.Argument(metavar="rooms", help="two-rooms, two-rooms-random, two-doors or snake."),
]


def train(
    rooms: RoomsArgument = "two-rooms",
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The trained model.", callback=writable)
    ] = Path("world.safetensors"),
    objective: Annotated[str, typer.Option(help="sigreg, vicreg, ema, ...")] = "sigreg",
    steps: Annotated[
        int | None, typer.Option(min=1, help="A number that suits the rooms by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of walks, weights and windows.")] = 0,
    json: JsonOption = None,
) -> None:
    """Train a world model on walks in rooms, without reconstruction and without reward.

    Then it is looked through: whether latents collapsed, whether places can be read from them and
    foreseen, and whether its rollouts stop at walls. If it is interrupted, the same command goes on
    where it was, bit for bit.
    """
    from unfrozen.world.inspection import inspect_model
    from unfrozen.world.jepa import save_model
    from unfrozen.world.schooling import school, train_model

    of = school(rooms)
    training = replace(of.training, objective=objective, seed=seed)
    training = training if steps is None else replace(training, steps=steps)
    training.goal()
    of = replace(of, training=training)
    kept, console = out.with_name(f"{out.name}.run"), output(json)
    if kept.exists():
        console.print(f"Going on from {kept}", markup=False, soft_wrap=True)
    with progress() as bars, between_steps() as interrupted:
        report = reporter(bars)

        def step(update: "Update") -> None:
            report("Training", update.number, training.steps)
            if interrupted():
                raise KeyboardInterrupt

        schooled = train_model(of, seed, path=kept, progress=step)
    found = inspect_model(of, schooled.model, seed, walls=rooms.startswith("two-rooms")).told()
    told = {"rooms": rooms, "objective": objective, "steps": training.steps, "seed": seed}
    save_model(schooled.model, out, {**told, **found})
    kept.unlink(missing_ok=True)
    print_table(_table(told, found), console)
    console.print(f"The model is in {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, {**told, **found})


def _table(told: dict[str, Any], found: dict[str, Any]) -> "Table":
    from unfrozen.papers.claim import Table

    names = {
        "verdict": "verdict",
        "deviation": "deviation of latents",
        "rank": "effective rank",
        "sees": "R² of places, read from latents",
        "error": "error of these (pixels)",
        "foresees": "R² of places, eight steps ahead",
        "order": "rank correlation of distances",
        "through_walls": "pushes through walls in rollouts (truly 0)",
        "through_doors": "pushes through doors in rollouts (truly 1)",
    }
    rows = tuple(
        (names[key], value if isinstance(value, str) or value is None else f"{value:.3f}")
        for key, value in found.items()
    )
    title = f"A model of {told['rooms']}, by {told['objective']}, {told['steps']} steps"
    note = f"{found['verdict'].capitalize()}: {_VERDICTS[found['verdict']]}"
    return Table(title, ("on walks held out", "value"), rows, note)
