"""``unfrozen graph``: what a model knows, as a graph whose edges say how sure they are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress, save_picture
from unfrozen.cli.graph.declared import (
    FactsOption,
    OutOption,
    RelationOption,
    declared,
    save,
)
from unfrozen.cli.opening import (
    JsonOption,
    ModelOption,
    WorkspaceOption,
    load_state,
    picture_file,
    reporter,
    state_text,
)

if TYPE_CHECKING:
    from unfrozen.language.graph import Answered, KnowledgeGraph, Reading
    from unfrozen.papers.claim import Table

EXAMPLES = {
    "graph": (
        "unfrozen graph                                          all relations, this workspace",
        "unfrozen graph gpt2 -r country_capital --out g.graphml",
        "unfrozen graph --facts facts.jsonl --out graph.png      your own facts, as a picture",
        'unfrozen graph --question "Florbistan" country_capital   one question, as an edge',
        "unfrozen graph --reliability sure.png                   do confidences come true?",
    )
}

_SHOWN = 5


def graph(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Language model; by default the workspace's.",
            show_default=False,
        ),
    ] = None,
    relation: RelationOption = None,
    facts: FactsOption = None,
    most: Annotated[int, typer.Option(min=2, help="Subjects of a relation, at most.")] = 50,
    question: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="SUBJECT RELATION",
            help="One question: its answer, how sure it is, whether it is extrapolated.",
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out of the file edges that are less sure.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of subjects.")] = 0,
    out: OutOption = None,
    reliability: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A picture of how reliable it is.", callback=picture_file
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    model: ModelOption = None,
    json: JsonOption = None,
) -> None:
    """Read what a model knows as a graph: subjects, relations, and the likeliest objects.

    Each edge says how probable it is to be right. Half of the subjects is used to learn that, and
    on the other half it is measured whether it comes true. Answers about subjects that the model
    does not seem to have read of are marked as extrapolated.
    """
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.graph import question_about, questions_of, read_graph
    from unfrozen.workspace.remembering import Memories, memories_of

    if name is not None and model is not None:
        raise WorkspaceError("name the model once")
    if question is not None and not relation and facts is None:
        # What one question is worth is learnt from others of its kind.
        relation, most = [question[1]], 2 * most
    relations, given = declared(relation, facts, most)
    questions = questions_of(relations, given, most=most, seed=seed)
    asked = None if question is None else question_about(*question, questions)
    if asked is not None and asked not in questions:
        questions.append(asked)
    lm, found = load_state(workspace, name or model)
    told = state_text(lm, found)
    memories = Memories() if found is None else memories_of(found, lm)
    with progress() as bars, memories.attached():
        read = read_graph(
            lm,
            questions,
            model=told,
            whole=memories.facts is not None,
            seed=seed,
            progress=reporter(bars),
        )
    console = output(json)
    one = None
    if asked is not None:
        one = next(a for a in read.graph.answers if a.question == asked)
        print_table(answer_table(one), console)
    print_table(relations_table(read, told), console)
    _write(read, confidence, out, reliability)
    for what, path in (("Graph", out), ("Reliability", reliability)):
        if path is not None and (what == "Graph" or read.reliability is not None):
            console.print(f"{what}: {path}", markup=False, soft_wrap=True)
    if reliability is not None and read.reliability is None:
        console.print("No truth is known of held-out subjects: nothing to draw.", markup=False)
    if json is not None:
        extra: dict[str, Any] = {} if one is None else {"question": one.to_json()}
        emit_json(json, {**read.to_json(), **extra})


def _write(read: "Reading", least: float, out: Path | None, reliability: Path | None) -> None:
    from dataclasses import replace

    from unfrozen.language.graph.plots import picture, reliability_diagram

    whole = read.graph
    kept = replace(whole, answers=tuple(a for a in whole.answers if a.confidence >= least))
    if out is not None:
        data = replace(read, graph=kept).to_json()
        save(out, kept.graph, data, lambda: picture(kept))
    if reliability is not None and read.reliability is not None:
        save_picture(reliability, reliability_diagram(read.reliability, whole.model))


def answer_table(answer: "Answered") -> "Table":
    """One question's likeliest completions, and what the first is worth.

    Args:
        answer: to the question.
    """
    from unfrozen.papers.claim import Table

    rows = tuple(
        (c.object, round(c.probability, 4), round(answer.completions.shares[c.object], 4))
        for c in answer.completions.found[:_SHOWN]
    )
    familiar = answer.familiarity
    note = f"{answer.object}: right with probability {answer.confidence:.2f}"
    if answer.extrapolated:
        note += f"; extrapolated: the model does not seem to have read of {answer.question.subject}"
    elif familiar is not None:
        note += f"; not extrapolated: {answer.question.subject} is familiar to the model"
    if familiar is not None:
        note += f" (familiarity {familiar:.2f})"
    columns = ("object", "probability", "share of the declared objects")
    return Table(f"{answer.question.prompt} …", columns, rows, f"{note}.")


def relations_table(read: "Reading", told: str) -> "Table":
    """Answers of each relation, and how far they can be trusted.

    Args:
        read: a graph with what its edges are worth.
        told: of which model in which state.
    """
    from unfrozen.papers.claim import Table

    names = list(dict.fromkeys(a.question.relation for a in read.graph.answers))
    rows = [_row(name, read.graph, name) for name in names]
    if len(rows) > 1:
        rows.append(_row(None, read.graph, "all"))
    columns = ("relation", "edges", "right", "mean confidence", "extrapolated")
    return Table(f"What {told} knows", columns, tuple(rows), _note(read))


def _row(
    relation: str | None, graph: "KnowledgeGraph", label: str
) -> tuple[str, int, float | None, float, int]:
    answers = [a for a in graph.answers if relation in (None, a.question.relation)]
    truths = [a.right for a in answers if a.right is not None]
    right = round(sum(truths) / len(truths), 3) if truths else None
    sure = round(sum(a.confidence for a in answers) / len(answers), 3)
    return label, len(answers), right, sure, sum(a.extrapolated for a in answers)


def _note(read: "Reading") -> str:
    parts = []
    if read.reliability is not None and read.graph.calibrated:
        r = read.reliability
        parts.append(
            f"Calibration error {r.error:.3f} (Brier {r.brier:.3f}) on {r.n} questions about "
            "subjects held out."
        )
    else:
        parts.append("Too few known answers to calibrate by: confidences are shares.")
    if read.separation is not None:
        s = read.separation
        parts.append(
            f"Of subjects held out {s.real:.0%} of {s.n[0]} real and {s.made_up:.0%} of {s.n[1]} "
            f"made-up ones show as extrapolated (AUROC {s.auroc:.3f})."
        )
    else:
        parts.append("Too few subjects to tell what is extrapolated.")
    return "  ".join(parts)
