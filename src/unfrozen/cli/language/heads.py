"""``unfrozen heads``: which of a model's attention heads average, and which choose."""

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
    from unfrozen.language.heads import Heads
    from unfrozen.papers.claim import Table

EXAMPLES = {
    "heads": (
        "unfrozen heads",
        "unfrozen heads --text my-notes/ --rows 32 --out heads.png",
        "unfrozen heads --model ./my-model --json heads.json",
    )
}


def heads(
    rows: Annotated[int, typer.Option(min=1, help="Rows of text to read.")] = 16,
    length: Annotated[int, typer.Option(min=8, help="Tokens of a row.")] = 256,
    text: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Text files or folders; by default the model writes the text."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the text that the model writes.")] = 0,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The picture.", callback=writable)
    ] = Path("heads.png"),
    workspace: WorkspaceOption = None,
    model: ModelOption = None,
    json: JsonOption = None,
) -> None:
    """Sort attention heads by how many patterns carry 0.90 of their weight.

    Attention is one step of a modern Hopfield network. Heads of class I average over more than
    half of what they see, those of II and III rest in metastable states, those of IV are near a
    single pattern.
    """
    from unfrozen.data.cache import atomic_write
    from unfrozen.language.covariance import SelfGenerated, TextCorpus
    from unfrozen.language.heads import analyse_heads
    from unfrozen.language.heads.plots import head_classes

    corpus = TextCorpus(text, length) if text else SelfGenerated(seed, length)
    lm, found = load_state(workspace, model)
    lm.check_length(length)
    with progress() as bars:
        report = reporter(bars)
        analysed = analyse_heads(
            lm, rows, corpus, progress=lambda done, total: report("Reading", done, total)
        )
    console = output(json)
    print_table(classes_table(analysed, state_text(lm, found)), console)
    with atomic_write(out) as temporary:
        head_classes(analysed).savefig(temporary, format="png", dpi=150)
    console.print(f"Picture: {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, analysed.to_json())


def classes_table(heads: "Heads", told: str = "") -> "Table":
    """The heads of each class, by layer.

    Args:
        heads: of a model.
        told: of which model in which state.
    """
    from unfrozen.language.heads import CLASSES
    from unfrozen.papers.claim import Table

    rows = []
    for layer, classes in enumerate(heads.classes):
        share = sorted(heads.share[layer])[len(classes) // 2]
        first = sum(heads.first[layer]) / len(classes)
        rows.append((layer, *(classes.count(name) for name in CLASSES), share, first))
    return Table(
        f"Heads by class{', ' + told if told else ''}",
        ("layer", *CLASSES, "median share of patterns", "weight on the first token"),
        tuple(rows),
        f"{heads.queries} positions of {heads.corpus}.  I averages over more than half of the "
        "patterns, II and III are metastable, IV is near a single pattern.",
    )
