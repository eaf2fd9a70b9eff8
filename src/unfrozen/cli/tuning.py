"""``unfrozen tune``: fine-tune by forward passes alone, and keep the run as its scalars."""

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.interrupting import between_steps
from unfrozen.cli.opening import JsonOption, WorkspaceOption, language_workspace, reporter

if TYPE_CHECKING:
    from unfrozen.language.tuning import Example
    from unfrozen.workspace.tuning.measuring import Score
    from unfrozen.workspace.tuning.tune import Tuned

EXAMPLES = {
    "tune": (
        "unfrozen tune reviews.jsonl                            adapters of low rank, by MeZO",
        "unfrozen tune reviews.jsonl --held-out test.jsonl      measured on a file of your own",
        "unfrozen tune reviews.jsonl --objective accuracy       what has no gradient",
        "unfrozen tune tasks.jsonl --objective judge.py:short   a function of what it writes",
        "unfrozen tune reviews.jsonl --from-block 20            adapters in upper blocks only",
        "unfrozen tune reviews.jsonl --full --lr 1e-6 --eps 1e-3   the model's own parameters",
    )
}

# Share of the examples that are held out where no others are given.
_HELD_OUT = 5
# Where an objective steps, the loss is asked far enough for some answers to change.
_EPS = 0.01


def tune(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="JSONL with a prompt, a completion and perhaps choices a line.",
            show_default=False,
        ),
    ],
    held_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Examples to measure on; by default a fifth of DATA, which is then not learnt.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="mezo: losses on both sides of the weights, no gradients.")
    ] = "mezo",
    objective: Annotated[
        str,
        typer.Option(
            help="What is made small: loss; or accuracy, f1 or FILE.py:FUNCTION, sign turned. The "
            "function is given an example and what the model wrote, and says how good that is."
        ),
    ] = "loss",
    tokens: Annotated[
        int, typer.Option(min=1, help="That the model writes for such a function.")
    ] = 8,
    steps: Annotated[int, typer.Option(min=1, help="How many.")] = 400,
    batch: Annotated[int, typer.Option(min=1, help="Examples a step.")] = 16,
    lr: Annotated[
        float, typer.Option(min=0, help="Step size at the start; it falls to nothing, evenly.")
    ] = 1e-3,
    eps: Annotated[
        float | None,
        typer.Option(
            help="How far from the weights the loss is asked; measured without: where rounding "
            "drowns the slope least, or 0.01 where the objective has no slope.",
            show_default=False,
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Tune the model's own parameters; a copy is kept.")
    ] = False,
    rank: Annotated[int, typer.Option(min=1, help="Of adapters.")] = 8,
    targets: Annotated[
        str, typer.Option(metavar="NAMES", help="Linear modules that adapters stand beside.")
    ] = "q_proj,v_proj",
    from_block: Annotated[
        int,
        typer.Option(
            "--from-block",
            min=0,
            help="The first that has adapters; what lies below is computed once and kept.",
        ),
    ] = 0,
    precondition: Annotated[
        bool,
        typer.Option(
            help="Divide columns of adapters by the size of what they read, lest a few large "
            "features drown the others."
        ),
    ] = True,
    noise: Annotated[
        str, typer.Option(help="gaussian, rademacher, sphere or low-rank.")
    ] = "gaussian",
    samples: Annotated[int, typer.Option(min=1, help="Of the gradient, a step.")] = 1,
    sides: Annotated[
        int, typer.Option(min=1, max=2, help="On which the loss is asked a sample.")
    ] = 2,
    scale: Annotated[
        str,
        typer.Option(
            help="Of steps: none; rms, by the size of earlier gradients; deviation, of one side "
            "and several samples, by how much their losses differ."
        ),
    ] = "none",
    float32: Annotated[
        bool, typer.Option("--float32", help="Compute losses in full where bfloat16 is faster.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of noise, batches and what is held out.")] = 0,
    name: Annotated[str | None, typer.Option(help="Of the change.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Commit nothing.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Fine-tune the model by forward passes alone, and keep the run as a few kilobytes.

    The loss is asked twice a step, along random noise, and the weights move along it. What is kept
    are the scalars of every step: replayed, on a processor of the same kind to the bit, they give
    the weights again, and the change can be reverted like an edit. Interrupted, the same command
    goes on where it was.
    """
    from unfrozen.cli.editing.effects import tuned_table
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.editing.search import search_precision
    from unfrozen.language.tuning import read_examples
    from unfrozen.learning.zeroth_order.noise import check

    if method != "mezo":
        raise WorkspaceError(f"no tuning method {method!r}: there is mezo")
    check(noise)
    score = _score(objective) if ":" in objective else None
    examples = read_examples(data)
    train, test = _split(examples, seed) if held_out is None else (
        examples, read_examples(held_out)
    )  # fmt: skip
    found = language_workspace(workspace)

    import torch

    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace.tuning.lora import Adapter
    from unfrozen.workspace.tuning.tune import TuneSettings
    from unfrozen.workspace.tuning.tune import tune as run

    lm = LanguageModel.from_pretrained(found.base_name)
    modules = tuple(part.strip() for part in targets.split(",") if part.strip())
    settings = TuneSettings(
        steps=steps, batch=batch, lr=lr,
        eps=eps if eps is not None or objective == "loss" else _EPS,
        adapter=None if full else Adapter(
            targets=modules, rank=rank, seed=seed, first=from_block
        ),
        precondition=precondition,
        objective="score" if score is not None else objective,  # pyright: ignore[reportArgumentType]
        noise=noise,  # pyright: ignore[reportArgumentType]
        tokens=tokens, samples=samples, sides=sides,
        scale=scale,  # pyright: ignore[reportArgumentType]
        bfloat16=not float32 and search_precision(lm) == torch.bfloat16, seed=seed,
    )  # fmt: skip
    console = output(json)
    what = "its own parameters" if full else f"adapters of rank {rank} beside {targets}"
    text = f"Tuning {what} of {lm.name} on {len(train)} examples; {len(test)} are held out."
    console.print(text, markup=False, soft_wrap=True)
    with progress() as bars, between_steps() as interrupted:
        done = run(
            found, lm, train, test, settings, score=score, name=name, dry_run=dry_run,
            progress=reporter(bars), interrupted=interrupted,
        )  # fmt: skip
    title = f"Measured on {len(test)} examples held out"
    print_table(tuned_table(done.before, done.after, title), console)
    console.print(_kept(done), markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, _to_json(done))


def _score(objective: str) -> "Score":
    """A function of a file of the user's, which is run."""
    import importlib.util

    from unfrozen.errors import DataError

    file, _, name = objective.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        raise DataError(f"there is no file {file!r} of Python to take {name!r} from")
    # A name of its own: dataclasses look their module up by it.
    spec = importlib.util.spec_from_file_location(f"_judge_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise DataError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise DataError(f"{path} has no function {name!r}")
    return found  # pyright: ignore[reportReturnType]


def _split(examples: "list[Example]", seed: int) -> "tuple[list[Example], list[Example]]":
    from unfrozen.errors import DataError

    if len(examples) < 2 * _HELD_OUT:
        raise DataError(
            f"{len(examples)} examples are too few to hold some out: give --held-out FILE"
        )
    held = set(random.Random(seed).sample(range(len(examples)), len(examples) // _HELD_OUT))
    return (
        [one for i, one in enumerate(examples) if i not in held],
        [one for i, one in enumerate(examples) if i in held],
    )


def _kept(done: "Tuned") -> str:
    from unfrozen.papers.report import bytes_text

    size = bytes_text(done.change.bytes)
    skipped = f" {done.skipped} losses were not finite and moved nothing." if done.skipped else ""
    if done.entry is None:
        return f"Nothing committed; the run would take {size}.{skipped}"
    name = done.change.name
    return f"Entry {done.entry.number}: {name}, {size}. Undo: unfrozen revert {name}.{skipped}"


def _to_json(done: "Tuned") -> dict[str, object]:
    return {
        "entry": None if done.entry is None else done.entry.number,
        "id": done.change.id,
        "name": done.change.name,
        "bytes": done.change.bytes,
        "settings": done.change.settings,
        "before": done.before,
        "after": done.after,
        "losses": done.losses,
        "skipped": done.skipped,
    }
