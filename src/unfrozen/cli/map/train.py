"""``unfrozen map train``: learn the structure that worlds share."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.interrupting import between_steps
from unfrozen.cli.opening import JsonOption, writable

if TYPE_CHECKING:
    from unfrozen.hippocampus.accuracy import Accuracy
    from unfrozen.hippocampus.runs import Run
    from unfrozen.papers.claim import Table

EXAMPLES = {
    "map train": (
        "unfrozen map train --model tem-t-rotary --worlds grid",
        "unfrozen map train --model tem-t-landmarks --worlds family --out family.safetensors",
        "unfrozen map train --model tem-small --target 0.9 --out tem.safetensors",
        "unfrozen map train --model gru --worlds grid --json gru.json",
    ),
}

# Seconds between two times that a run is kept.
_KEEP = 20.0


def train(
    model: Annotated[
        str,
        typer.Option(
            help="tem-t, tem-t-rotary, tem-t-relu, tem-t-landmarks, tem, tem-small, or to compare "
            "with: gru, transformer."
        ),
    ] = "tem-t",
    worlds: Annotated[
        str, typer.Option(help="Family of worlds, such as grid, hexagonal, line, family.")
    ] = "grid",
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The trained model.", callback=writable),
    ] = Path("map.safetensors"),
    updates: Annotated[
        int | None, typer.Option(min=1, help="At most; a number that suits the model by default.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Strict zero-shot accuracy, met twice in turn, that is enough."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of parameters, worlds and walks.")] = 0,
    json: JsonOption = None,
) -> None:
    """Train a model on walks in ever new worlds, and keep what it learnt of their structure.

    If it is interrupted, the same command goes on where it was, bit for bit.
    """
    from unfrozen.hippocampus.presets import preset_of, trainer

    training = replace(preset_of(model).training, worlds=worlds, seed=seed, target=target)
    if updates is not None:
        training = replace(training, updates=updates)
    runner = trainer(model, training)
    kept, done = out.with_name(f"{out.name}.run"), runner.progress
    if kept.exists():
        runner.resume(kept)
        told = f"Going on after {done.number} updates, from {kept}"
        output(json).print(told, markup=False, soft_wrap=True)
    _run(runner, kept)
    told = f"{model} on {worlds} worlds, {done.number} updates, seed {seed}"
    written = _save(runner, out, told)
    kept.unlink(missing_ok=True)
    found = runner.check()
    print_table(accuracy_table(f"{told}, on walks held out", found, runner), output(json))
    if written:
        output(json).print(f"The model is in {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(
            json,
            {
                "model": model, "worlds": worlds, "seed": seed, "updates": done.number,
                "seconds": done.seconds, "held_out": found._asdict(), "curve": done.curve,
            },
        )  # fmt: skip


def _save(runner: "Run", out: Path, told: str) -> bool:
    """Whether a model was kept: what is only compared with is not."""
    from unfrozen.hippocampus.tem import Tem, save_tem
    from unfrozen.hippocampus.tem_t import TemT
    from unfrozen.hippocampus.tem_t.files import save_model

    if isinstance(runner.model, TemT):
        save_model(runner.model, out, told)
    elif isinstance(runner.model, Tem):
        save_tem(runner.model, out, told)
    else:
        return False
    return True


def _run(runner: "Run", kept: Path) -> None:
    """Train to the end; what was done is kept every few seconds, and when it is interrupted."""
    saved = time.monotonic()
    with progress() as bars, between_steps() as interrupted:
        bar = None if bars is None else bars.add_task("Training", total=runner.progress.updates)
        shown = ""
        for update in runner.run():
            if update.held_out is not None:
                shown = f", zero-shot {update.held_out.zero_shot:.3f}"
            if bars is not None and bar is not None:
                shares = f"Training: known places {update.known:.3f}{shown}"
                bars.update(bar, completed=update.number, description=shares)
            if interrupted() or time.monotonic() - saved > _KEEP:
                runner.save(kept)
                saved = time.monotonic()
            if interrupted():
                raise KeyboardInterrupt


def accuracy_table(title: str, found: "Accuracy", runner: "Run") -> "Table":
    """Accuracy by kind of step, beside agents that merely remember."""
    from unfrozen.hippocampus.accuracy import agents
    from unfrozen.hippocampus.worlds import novelty
    from unfrozen.papers.claim import Table

    walks = runner.held_out
    moved = walks.places != walks.places.roll(1, 1)
    moved[:, 0] = False
    beside = agents(novelty(walks), moved, runner.n_symbols)
    rows = [
        ("this model", found), ("node agent", beside.node), ("edge agent", beside.edge),
        ("reversible-edge agent", beside.reversible_edge),
    ]  # fmt: skip
    names = ("zero_shot", "directed", "known", "last_quarter")
    return Table(
        title,
        ("", "strict zero-shot", "new edge", "known places", "strict, last quarter"),
        tuple((name, *(round(getattr(a, n), 4) for n in names)) for name, a in rows),
        f"Shares of steps whose symbol was foreseen, of {found.steps} strict ones: known places "
        "reached by a step never taken in either direction.  The literature counts new edges, "
        f"which the way back is.  Chance is {beside.chance:.3f}.",
    )
