"""``unfrozen evaluate``: what became of facts and of everything else, by every metric."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.opening import (
    AddressOption,
    JsonOption,
    ModelOption,
    WorkersOption,
    WorkspaceOption,
    find_workspace,
    nearest_workspace,
    of_language,
    reporter,
)

if TYPE_CHECKING:
    from unfrozen.language.evaluation import Case
    from unfrozen.workspace import Workspace

EXAMPLES = {
    "evaluate": (
        "unfrozen evaluate                               this workspace, on facts of packages",
        "unfrozen evaluate facts.jsonl --metrics scores,drift",
        "unfrozen evaluate --method memit --counts 1,10,100 --batch 100",
        "unfrozen evaluate counterfact.json --method rome --sample 50 --out rome-50",
        'unfrozen evaluate facts.jsonl --fail-under "S=0.8,efficacy=0.95"',
    )
}

_GENERATED = 100
SETS = {
    "counterfact": "records of CounterFact: name their file",
    "zsre": "records of zsRE; the right answers are written, as in the papers of MEMIT and ROME",
    "zsre-alt": "records of zsRE; the made-up answers are written, as EasyEdit does",
    "generated": "counterfactual facts out of what packages carry",
}
"""Name of a set -> what it is."""


def evaluate(
    facts: Annotated[
        str | None,
        typer.Argument(
            help="File of facts, or id of a data set of the hub; by default facts are generated."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    model: ModelOption = None,
    kind: Annotated[
        str | None,
        typer.Option("--set", metavar="NAME", help=f"What the facts are: {', '.join(SETS)}."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Some of: scores, zsre, near, portability, reversal, text, references, drift, "
            "prose, choice. All by default; the written text takes longest.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="Write the facts by it, over the base, in memory: nothing is committed."),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, help="Facts written at once; each of --counts ends a batch.")
    ] = 100,
    counts: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="After how many facts to measure; default: 1, 10, ..."),
    ] = None,
    measured: Annotated[
        int, typer.Option(min=1, help="Of the facts written so far, measure so many at most.")
    ] = 200,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Take so many of the facts.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw.")] = 0,
    written_tokens: Annotated[
        int, typer.Option(min=0, help="Tokens of each text that is written.")
    ] = 100,
    references: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON: a new object -> texts about it."),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of the second moments of the keys.")
    ] = None,
    identity: Annotated[
        bool, typer.Option("--identity", help="Write without any second moment.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where results go.")] = Path(
        "evaluation"
    ),
    workers: WorkersOption = 1,
    address: AddressOption = None,
    fail_under: Annotated[
        str | None,
        typer.Option(metavar="LIMITS", help='Exit with 1 if a figure is lower: "S=0.8".'),
    ] = None,
    fail_over: Annotated[
        str | None,
        typer.Option(metavar="LIMITS", help='... or higher: "perplexity_ratio=1.1".'),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Measure a model on facts: what was edited, what else changed, by every metric of the field.

    In a workspace its present state is measured against its base. With --method the facts are
    written over the base in memory, batch after batch, and measured along the number of edits.
    One line a fact goes to evaluation.jsonl; the same command goes on where it was interrupted.
    """
    from unfrozen.cli.evaluation.shown import tables, write_report
    from unfrozen.data.models import DEFAULT_MODEL
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.covariance import DEFAULT_TOKENS
    from unfrozen.language.evaluation import METRICS
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace.evaluation import (
        Plan,
        check_limits,
        evaluate_facts,
        missed,
        read_limits,
    )

    console = output(json)
    chosen = tuple(METRICS) if metrics is None else tuple(_words(metrics))
    plan = Plan(
        metrics=chosen,
        method=method,
        batch=batch,
        counts=() if counts is None else _numbers(counts),
        measured=measured,
        written_tokens=written_tokens,
        tokens=None if identity else tokens or DEFAULT_TOKENS,
        seed=seed,
    )
    limits = (
        *(() if fail_under is None else read_limits(fail_under)),
        *(() if fail_over is None else read_limits(fail_over, upper=True)),
    )
    check_limits(limits, plan.metrics)
    if workspace is not None and (model is not None or method is not None):
        raise WorkspaceError(
            "name a workspace to measure its state, or a model or method, not both"
        )
    found: Workspace | None = None
    if workspace is not None:
        found = find_workspace(workspace)
    elif model is None:
        found = nearest_workspace()
    if found is not None:
        of_language(found)
    generated = sample or max(plan.counts, default=_GENERATED)
    cases = (
        _generated(kind, generated, seed)
        if facts is None
        else _given(facts, kind, sample, seed, hops="portability" in plan.metrics)
    )
    if references is not None:
        cases = _with_references(cases, references)
    name = found.base_name if found is not None else model or DEFAULT_MODEL
    lm = LanguageModel.from_pretrained(name)
    if method is not None:
        found = None  # its base is what the facts are written over
    try:
        with progress() as bars:
            done = evaluate_facts(
                lm,
                cases,
                out,
                plan,
                workspace=found,
                workers=workers,
                address=address,
                progress=reporter(bars),
            )
    except KeyboardInterrupt:
        typer.echo(f"what is done is kept in {out}: the same command goes on", err=True)
        raise
    for table in tables(done):
        print_table(table, console)
    command = _command(
        facts, workspace=workspace, model=model, set=kind, metrics=metrics, method=method,
        batch=batch, counts=counts, measured=measured, sample=sample, seed=seed,
        written_tokens=written_tokens, references=references, tokens=tokens, identity=identity,
        out=out,
    )  # fmt: skip
    page = write_report(done, lm.name, command)
    console.print(f"Lines: {out / 'evaluation.jsonl'}", markup=False, soft_wrap=True)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, done.to_json())
    lines = missed(limits, done.points[-1].figures)
    if limits and done.ended is not None:
        lines = [*lines, f"not all facts were written: writing ended {done.ended}"]
    for line in lines:
        typer.echo(f"missed: {line}", err=True)
    if lines:
        raise typer.Exit(1)


def _generated(kind: str | None, number: int, seed: int) -> "list[Case]":
    """Facts of packages."""
    from unfrozen.errors import FactError
    from unfrozen.language.evaluation import generated_cases

    _check_kind(kind)
    if kind not in {None, "generated"}:
        raise FactError(
            f"no package carries {kind}: name its file or its id on the hub, or take the generated "
            "facts"
        )
    return generated_cases(number, seed)


def _given(
    facts: str, kind: str | None, sample: int | None, seed: int, *, hops: bool
) -> "list[Case]":
    """The user's facts, with what they are measured by."""
    from unfrozen.errors import FactError
    from unfrozen.language.evaluation import complete

    _check_kind(kind)
    if kind == "generated":
        raise FactError("generated facts come without a file: leave out the one or the other")
    everything = _read(facts, kind, seed)
    cases = everything if sample is None else _draw(everything, sample, seed)
    return complete(cases, [case.fact for case in everything], hops=hops)


def _check_kind(kind: str | None) -> None:
    from unfrozen.errors import FactError

    if kind is not None and kind not in SETS:
        raise FactError(f"no set {kind!r}: there are {', '.join(SETS)}")


def _with_references(cases: "list[Case]", path: Path) -> "list[Case]":
    """Cases with the user's texts about their new objects."""
    from dataclasses import replace

    from unfrozen.language.evaluation import read_references
    from unfrozen.language.facts.fact import plain

    given = read_references(path)
    return [
        replace(case, references=given.get(plain(case.fact.target_new or ""), case.references))
        for case in cases
    ]


def _read(facts: str, kind: str | None, seed: int) -> "list[Case]":
    """Cases from a file or the hub; facts without any new target get others of their relation."""
    from unfrozen.data.hub import hub_file, is_hub_id
    from unfrozen.errors import FactError
    from unfrozen.language.evaluation import Case, read_cases
    from unfrozen.language.facts import build_counterfactuals

    path = Path(facts)
    if not path.exists() and is_hub_id(facts):
        path = hub_file(facts)
    cases = read_cases(path, alternative=kind == "zsre-alt")
    if not any(case.fact.target_new for case in cases):
        cases = [Case(fact) for fact in build_counterfactuals([c.fact for c in cases], seed)]
        if not cases:
            raise FactError(f"no fact in {facts} has a new target, or can be given one")
    return [case for case in cases if case.fact.target_new]


def _draw(cases: "list[Case]", number: int, seed: int) -> "list[Case]":
    """Some of the cases, in an order of no meaning."""
    from unfrozen.language.facts.fact import seeded

    order = sorted(
        range(len(cases)), key=lambda i: (seeded(seed, "sample", cases[i].fact.text).random(), i)
    )
    return [cases[i] for i in order[:number]]


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _numbers(text: str) -> tuple[int, ...]:
    """Numbers as people list them."""
    try:
        found = tuple(int(word) for word in _words(text))
    except ValueError:
        found = ()
    if not found:
        from unfrozen.errors import FactError

        raise FactError(f"{text!r} is no list of numbers: give one such as 1,10,100")
    return found


def _command(facts: str | None, **options: object) -> str:
    """What makes this evaluation again: the options that were given."""
    import shlex

    words = ["unfrozen", "evaluate", *([] if facts is None else [facts])]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
