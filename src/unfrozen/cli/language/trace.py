"""``unfrozen trace``: which hidden states carry a fact."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import (
    JsonOption,
    ModelOption,
    WorkspaceOption,
    load_state,
    reporter,
    state_text,
    writable,
)

if TYPE_CHECKING:
    from unfrozen.language.model import LanguageModel
    from unfrozen.language.tracing import Trace
    from unfrozen.papers.claim import Table

EXAMPLES = {
    "trace": (
        'unfrozen trace "The Eiffel Tower is in the city of" --subject "Eiffel Tower"',
        'unfrozen trace "The Eiffel Tower is in the city of" --subject "Eiffel Tower" --answer Rome'
        " --out rome.png",
        'unfrozen trace "The Louvre is in" --subject Louvre --kinds state --samples 4 --json -',
    )
}

_LARGEST = 3


def trace(
    prompt: Annotated[
        str, typer.Argument(help="Ends where the answer begins; {} may be the subject.")
    ],
    subject: Annotated[str, typer.Option(metavar="TEXT", help="Whose tokens are corrupted.")],
    samples: Annotated[int, typer.Option(min=1, help="Samples of the noise.")] = 10,
    kinds: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What to restore: state, mlp, attention, severed-mlp, severed-attention.",
        ),
    ] = "state,mlp,attention",
    noise: Annotated[
        float, typer.Option(help="In standard deviations of the subject's embeddings.")
    ] = 3.0,
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Layers restored together for mlp and attention."),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The answer to follow; by default, the model's own."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The heat map.", callback=writable)
    ] = Path("trace.png"),
    workspace: WorkspaceOption = None,
    model: ModelOption = None,
    json: JsonOption = None,
) -> None:
    """Find the hidden states that carry a fact, by corrupting its subject and restoring states.

    The indirect effect of a state is how much of the answer's probability comes back when only
    that state is restored. The heat map shows it for every token and layer.
    """
    from unfrozen.errors import FactError, ModelError
    from unfrozen.language.facts import as_template
    from unfrozen.language.tracing import KINDS, TraceSettings
    from unfrozen.language.tracing import trace as run

    if not subject.strip():
        raise FactError("the subject is empty: give the words of the prompt that it is about")
    template = as_template(prompt, subject)
    named = kinds.replace(",", " ").split()
    for kind in named or [kinds]:
        if kind not in KINDS:
            raise ModelError(f"unknown kind of restoration {kind!r}: use {', '.join(KINDS)}")
    settings = TraceSettings(
        samples, noise, window, tuple(kind for kind in KINDS if kind in named), seed=seed
    )
    lm, found = load_state(workspace, model)
    token = None if answer is None else _first_token(lm, template, subject, answer)
    with progress() as bars:
        report = reporter(bars)
        traced = run(
            lm, template, subject, settings, answer=token,
            progress=lambda done, total: report("Tracing", done, total),
        )  # fmt: skip
    console = output(json)
    print_table(effects_table(traced, state_text(lm, found)), console)
    save_heat_map(traced, out)
    console.print(f"Heat map: {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, traced.to_json())


def save_heat_map(traced: "Trace", path: Path) -> None:
    """Draw a trace into a PNG file, whole or not at all.

    Raises:
        DataError: the disk is full or refuses.
    """
    from unfrozen.data.cache import atomic_write
    from unfrozen.language.plots import heat_map

    figure = heat_map(traced)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def effects_table(traced: "Trace", told: str = "") -> "Table":
    """The largest indirect effects of each kind.

    Args:
        traced: what was found.
        told: which model in which state, for the title.
    """
    from unfrozen.papers.claim import Cell, Table

    rows: list[tuple[Cell, ...]] = []
    start, stop = traced.subject_span
    for kind, effects in traced.effects.items():
        flat = effects.flatten()
        for index in flat.topk(min(_LARGEST, flat.numel())).indices.tolist():
            token, layer = divmod(index, effects.shape[1])
            mark = " (subject)" if start <= token < stop else ""
            rows.append(
                (
                    kind,
                    f"{token}: {traced.tokens[token].strip()}{mark}",
                    layer,
                    f"{float(effects[token, layer]):.3f}",
                    f"{float(traced.spread[kind][token, layer]):.3f}",
                )
            )
    title = f"{traced.prompt} … {traced.answer.strip()}" + (f" ({told})" if told else "")
    note = (
        f"The answer's probability is {traced.clean:.3f}, and {traced.corrupted:.3f} once the "
        f"subject is corrupted: a total effect of {traced.total_effect:.3f}. Restoring one place "
        f"brings back its effect (± sd over {len(traced.corrupted_samples)} samples); mlp and "
        f"attention are restored in windows of {traced.window} layers."
    )
    return Table(title, ("restored", "token", "layer", "effect", "sd"), tuple(rows), note)


def _first_token(lm: "LanguageModel", template: str, subject: str, answer: str) -> int:
    """The token that an answer begins with."""
    from unfrozen.language.subject import encode_target

    ids = lm.encode(template.replace("{}", subject))[0].tolist()
    return encode_target(lm.tokenizer, ids, answer)[0]
