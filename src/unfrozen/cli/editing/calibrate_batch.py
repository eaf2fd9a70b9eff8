"""Layers and strength for facts written at once: ``unfrozen calibrate`` with such a method."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import reporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unfrozen.language.facts import Fact
    from unfrozen.language.model import LanguageModel

# Of the library's facts, the share that calibration may see.
_SHARE = 0.35
_CHUNK = 256
# Facts that are traced to find the layers, each with as many samples.
_TRACES, _SAMPLES = 20, 5
# Batches that are written one after another where a method spares earlier ones.
_BATCHES = 3


class Asked(NamedTuple):
    """What the user asked for; see `unfrozen calibrate`."""

    method: str
    model: str | None
    layers: str | None
    facts: Path | None
    n: int
    tokens: int | None
    seed: int


def calibrate_batch(asked: Asked, json: str | None) -> None:
    """Calibrate, show, keep, and write JSON."""
    from dataclasses import asdict

    from unfrozen.data.models import DEFAULT_MODEL
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.covariance import DEFAULT_TOKENS, second_moments
    from unfrozen.language.editing.batch import calibration
    from unfrozen.language.facts import read_facts
    from unfrozen.language.model import LanguageModel
    from unfrozen.papers.claim import Table
    from unfrozen.workspace.editing import BATCH_METHODS

    if asked.method not in BATCH_METHODS:
        known = ", ".join(["rome", *BATCH_METHODS])
        raise WorkspaceError(f"no method {asked.method!r} to calibrate: choose from {known}")
    settings = BATCH_METHODS[asked.method]
    named = None if asked.layers is None else _ranges(asked.layers)
    given = None if asked.facts is None else read_facts(asked.facts)
    lm = LanguageModel.from_pretrained(asked.model or DEFAULT_MODEL)
    with progress() as bars:
        report = reporter(bars)
        facts = _choose(lm, given, asked, report)
        ranges = named or _found_ranges(lm, settings.layers_for(lm), facts, report)
        moments = second_moments(
            lm,
            sorted({lm.layer(layer) for layers in ranges for layer in layers}),
            asked.tokens or DEFAULT_TOKENS,
            progress=lambda *done: report("Reading keys of the model's text", *done),
        )
        found = calibration.calibrate_batch(
            lm,
            facts,
            moments,
            ranges,
            settings,
            batches=min(_BATCHES, len(facts)) if settings.solver.sequential else 1,
            progress=lambda *done: report("Trying settings", *done),
        )
    path = calibration.save_batch_calibration(lm, asked.method, found)
    rows = tuple(
        (
            _text(t.layers),
            t.strength,
            *(round(v, 3) for v in (t.efficacy, t.paraphrase, t.neighbourhood, t.score)),
            None if t.ratio is None else round(t.ratio, 3),
        )
        for t in found.trials
    )
    columns = (
        "layers", "strength", "efficacy", "paraphrase", "neighbourhood", "S", "perplexity",
    )  # fmt: skip
    note = (
        f"Best: layers {_text(found.layers)}, strength {found.strength:g} (of alphaedit: energy). "
        "S is the harmonic mean of the scores; perplexity of prose in units of the base's."
    )
    batches = f"{found.batches} batches" if found.batches > 1 else "one batch"
    title = f"{lm.name}: {found.facts} facts in {batches} by {asked.method}, with each setting"
    console = output(json)
    print_table(Table(title, columns, rows, note), console)
    console.print(f"Kept for these weights in {path}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, {"model": lm.name, "method": asked.method, **asdict(found)})


def _text(layers: "Sequence[int]") -> str:
    return f"{layers[0]} to {layers[-1]}"


def _ranges(text: str) -> list[tuple[int, ...]]:
    """Ranges of layers as people list them."""
    from unfrozen.errors import ModelError

    found: list[tuple[int, ...]] = []
    for part in text.replace(",", " ").split():
        first, _, last = part.partition("-")
        try:
            layers = tuple(range(int(first), int(last or first) + 1))
        except ValueError:
            layers = ()
        if not layers:
            raise ModelError(f"{part!r} is no range of layers: give some such as 3-7,2-5")
        found.append(layers)
    if not found:
        raise ModelError(f"{text!r} is no list of ranges: give one such as 3-7,2-5")
    return list(dict.fromkeys(found))


def _choose(
    lm: "LanguageModel", given: "list[Fact] | None", asked: Asked, report: Any
) -> "list[Fact]":
    """Facts with new objects, no subject twice; what the model answers right are neighbours."""
    from unfrozen.data.sets import relations
    from unfrozen.language.evaluation import known
    from unfrozen.language.facts import distinct_counterfactuals, relation_facts, split

    if given is None:
        everything = [fact for relation in relations() for fact in relation_facts(relation)]
        given = split(everything, asked.seed, (_SHARE,))[0]
    whole = [f for f in given if f.target_new and f.target_true and f.neighbours]
    if whole:
        return whole[: asked.n]

    def right(facts: "Sequence[Fact]") -> "list[Fact]":
        found: list[Fact] = []
        for at in range(0, len(facts), _CHUNK):
            report("Asking what the model knows", at, len(facts))
            found += known(lm, facts[at : at + _CHUNK])
        report("Asking what the model knows", len(facts), len(facts))
        return found

    return list(distinct_counterfactuals(given, asked.n, asked.seed, right=right).facts)


def _found_ranges(
    lm: "LanguageModel", usual: tuple[int, ...], facts: "list[Fact]", report: Any
) -> list[tuple[int, ...]]:
    """The usual layers, and those that the model's own traces show, where they show some."""
    from dataclasses import replace

    from unfrozen.errors import ModelError
    from unfrozen.language.editing.batch import critical_range
    from unfrozen.language.evaluation import known
    from unfrozen.language.tracing import TraceSettings, embedding_deviation, trace

    old = known(lm, [replace(fact, target_new=None) for fact in facts])[:_TRACES]
    if not old:
        return [usual]
    settings = TraceSettings(
        kinds=("state", "severed-mlp"), tokens="last subject", samples=_SAMPLES, rows=2048
    )
    sigma = 3 * embedding_deviation(lm, [fact.subject for fact in old])
    traces = []
    for done, fact in enumerate(old):
        report("Tracing facts", done, len(old))
        traces.append(trace(lm, fact.prompt, fact.subject, settings, sigma=sigma))
    report("Tracing facts", len(old), len(old))
    try:
        return list(dict.fromkeys([usual, critical_range(traces)]))
    except ModelError:
        # Nothing is seen in these traces, so there is nothing to try besides.
        return [usual]
