"""``unfrozen calibrate``: where in a model, and how firmly, facts are best rewritten."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import JsonOption, ModelOption, reporter

if TYPE_CHECKING:
    from unfrozen.language.facts import Fact
    from unfrozen.language.model import LanguageModel

EXAMPLES = {
    "calibrate": (
        "unfrozen calibrate                                some minutes; kept for the model",
        "unfrozen calibrate --layers 0,2,3 --n 5           fewer layers, fewer facts",
        "unfrozen calibrate --facts facts.jsonl            on your own facts",
        "unfrozen calibrate --method memit                 layers and strength for batches",
        "unfrozen calibrate --method nas --layers 3-7,2-5    ranges that you name",
    )
}

# Of the library's facts, the share that calibration may see, and how many to look through for one.
_SHARE = 0.2
_CANDIDATES = 30
_CHUNK = 64


def calibrate(
    model: ModelOption = None,
    method: Annotated[
        str,
        typer.Option(help="rome, for one fact after another; or one for batches: see edit --help."),
    ] = "rome",
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Layers to try; by default, seven depths. For batches ranges as 3-7,2-5; by "
            "default the usual depths, and where the model's own traces show facts.",
        ),
    ] = None,
    facts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Facts to try; by default, ones that the model knows."),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="How many facts; by default 10, and 60 for batches."),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of the second moments of the keys.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of facts.")] = 0,
    json: JsonOption = None,
) -> None:
    """Find the layer and the strength that rewrite facts best, by editing facts kept apart.

    Where a fact is read is not where it is best rewritten, so layers are tried by editing. What is
    found is kept for the model's weights, and `unfrozen edit` takes it from then on.
    """
    from dataclasses import asdict

    from unfrozen.data.models import DEFAULT_MODEL
    from unfrozen.language.covariance import DEFAULT_TOKENS, second_moments
    from unfrozen.language.editing import calibration
    from unfrozen.language.model import LanguageModel
    from unfrozen.papers.claim import Table

    if method != "rome":
        from unfrozen.cli.editing.calibrate_batch import Asked, calibrate_batch

        calibrate_batch(Asked(method, model, layers, facts, n or 60, tokens, seed), json)
        return
    numbers = None if layers is None else _numbers(layers)
    given = None if facts is None else _read(facts)
    lm = LanguageModel.from_pretrained(model or DEFAULT_MODEL)
    tried = [lm.layer(i) for i in numbers or calibration.default_layers(lm.n_layers)]
    with progress() as bars:
        report = reporter(bars)
        chosen = _choose(lm, given, n or 10, seed, report)
        moments = second_moments(
            lm,
            tried,
            tokens or DEFAULT_TOKENS,
            progress=lambda *done: report("Reading keys of the model's text", *done),
        )
        found = calibration.calibrate(
            lm, chosen, moments, tried, progress=lambda *done: report("Trying edits", *done)
        )
    path = calibration.save_calibration(lm, found)
    rows = tuple(
        (t.layer, t.confidence, *(round(v, 3) for v in (t.efficacy, t.paraphrase, t.neighbourhood)),
         round(t.score, 3), round(t.margin, 3))
        for t in found.trials
    )  # fmt: skip
    columns = (
        "layer", "strength", "efficacy", "paraphrase", "neighbourhood", "S", "margin",
    )  # fmt: skip
    note = (
        f"Best: layer {found.layer}, strength {found.confidence}. S is the harmonic mean of the "
        "scores; the margin, the sum of their magnitudes, tells settings of like S apart."
    )
    title = f"{lm.name}: {found.facts} facts edited with each setting"
    console = output(json)
    print_table(Table(title, columns, rows, note), console)
    console.print(f"Kept for these weights in {path}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, {"model": lm.name, **asdict(found)})


def _numbers(text: str) -> list[int]:
    """Layers as people list them."""
    try:
        numbers = sorted({int(part) for part in text.replace(",", " ").split()})
    except ValueError:
        numbers = []
    if not numbers:
        from unfrozen.errors import ModelError

        raise ModelError(f"{text!r} is no list of layers: give one such as 0,2,3")
    return numbers


def _read(path: Path) -> "list[Fact]":
    from unfrozen.language.facts import read_facts

    return read_facts(path)


def _choose(
    lm: "LanguageModel", given: "list[Fact] | None", n: int, seed: int, report: Any
) -> "list[Fact]":
    """Facts that the model knows, with new objects, paraphrases and neighbours."""
    from unfrozen.data.sets import relations
    from unfrozen.errors import FactError
    from unfrozen.language.evaluation import known
    from unfrozen.language.facts import build_counterfactuals, relation_facts, split
    from unfrozen.papers.facts import spread

    if given is None:
        everything = [fact for relation in relations() for fact in relation_facts(relation)]
        apart = split(everything, seed, (_SHARE,))[0]
        candidates = spread(apart, _CANDIDATES * n, seed)
    else:
        candidates = given
    right: list[Fact] = []
    for at in range(0, len(candidates), _CHUNK):
        report("Asking what the model knows", at, len(candidates))
        right += known(lm, candidates[at : at + _CHUNK])
    report("Asking what the model knows", len(candidates), len(candidates))
    built = [fact for fact in build_counterfactuals(right, seed) if fact.neighbours]
    if not built:
        raise FactError(
            f"{lm.name} knows none of the {len(candidates)} facts that have neighbours with the "
            "same object: give others with --facts"
        )
    return spread(built, n, seed)
