"""Language models as knowledge bases (Petroni et al. 2019): a graph read out, and its diffs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from unfrozen.data.sets import relations
from unfrozen.errors import PaperError
from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.batch import Memit, MemitSettings, RegularisedSolver
from unfrozen.language.facts import Fact, build_counterfactuals, read_facts
from unfrozen.language.graph import (
    Completion,
    Completions,
    Difference,
    KnowledgeGraph,
    Question,
    ask_graph,
    assess,
    differ,
    questions_of,
)
from unfrozen.language.graph.difference import KINDS, Moved
from unfrozen.language.graph.knowledge import Answered
from unfrozen.language.graph.plots import difference_picture, reliability_diagram
from unfrozen.language.graph.reliability import Reliability
from unfrozen.language.model import LanguageModel
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.facts import spread
from unfrozen.papers.running.context import RunContext

# None of these is a figure of the papers: they read graphs out, and do not compare two.
RECALL = ClaimSpec(
    "graph.diff-recall", "Of facts rewritten on purpose, those in the diff", None, "share"
)
FALSE = ClaimSpec("graph.diff-false", "Edges in the diff when nothing is edited", None, "edges")
CALIBRATION = ClaimSpec(
    "graph.calibration", "How far confidences are from coming true, on subjects held out", None,
    "calibration error",
)  # fmt: skip
SEPARATION = ClaimSpec(
    "graph.extrapolated",
    "Subjects that exist are told from made-up ones, none of which was seen before", None, "AUROC",
)  # fmt: skip
_EDITS = 50
_PART = 32
_SHOWN = 20
# Of the strengths that papers choose from, the one that command lines write batches with.
_STRENGTH = 3000.0
_ERROR, _AUROC = 0.1, 0.9
# Whatever changes by so much in an unedited model would be a false edge.
_NOTHING = 1e-6


@dataclass(frozen=True)
class _Budget:
    edits: int
    most: int
    tokens: int


_BUDGETS = {"full": _Budget(_EDITS, 40, 24_576), "quick": _Budget(5, 8, 4096)}


class GraphPaper:
    """Reads a graph out, rewrites some of its edges at once, and reads it again."""

    name = "graph"
    title = "Language as a graph: what a model knows, and what an edit changed of it"
    citation = (
        "Petroni, Rocktäschel, Lewis, Bakhtin, Wu, Miller, Riedel. Language models as knowledge "
        "bases? EMNLP 2019. Cohen, Geva, Berant, Globerson. Crawling the internal knowledge-base "
        "of language models. Findings of EACL 2023."
    )
    summary = (
        "Each relation's subjects are asked, and the likeliest of its objects is the edge.  Half "
        "of the subjects teach how sure to be, and which subjects the model has read of; claims "
        "are of the other half.  Then facts that the model knows are rewritten by one batch of "
        "MEMIT, and the same questions are asked: the diff is to show every one of them.  It is "
        "empty when the batch is taken out again."
    )
    claims = (RECALL, FALSE, CALIBRATION, SEPARATION)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        lm = LanguageModel.from_pretrained(context.model)
        asked = _questions(context, size, seed)
        base = _asked(context, lm, "base", asked, {})
        worth = _worth(context, lm, base, seed)
        facts = _to_edit(base, size.edits, seed)
        questions = _meaning(asked, facts)
        edited, probability = _edited(context, lm, questions, facts, size, seed)
        after = _asked(context, lm, "again", questions, {"facts": [f.text for f in facts]})
        before = replace(base, answers=_meant(base.answers, questions))
        moved = differ(before, edited)
        none = differ(before, after, shift=_NOTHING)
        return Outcome(
            claims=(
                _recall(moved, facts, probability),
                FALSE.measured(
                    len(none.moved),
                    holds=not none.moved,
                    note=f"{none.asked} questions, asked before {len(facts)} edits and after they "
                    f"were taken out; any share that moves by {_NOTHING:g} counts",
                ),
                *_trusted(worth),
            ),
            figures=_figures(worth, moved, lm.name),
            tables=(_relations(base), _kinds(moved), _farthest(moved)),
        )


EXPERIMENT = GraphPaper()


def _questions(context: RunContext, size: _Budget, seed: int) -> list[Question]:
    """Those of the user's facts, or of the relations that the project finds."""
    if context.facts is None:
        return questions_of(relations(), most=size.most, seed=seed)
    plain = [replace(fact, target_new=None) for fact in read_facts(context.facts)]
    return questions_of(facts=[fact for fact in plain if fact.target_true is not None])


def _asked(
    context: RunContext,
    lm: LanguageModel,
    name: str,
    questions: Sequence[Question],
    settings: Mapping[str, Any],
) -> KnowledgeGraph:
    """The graph of a state, a part of the questions at a time."""

    def compute(part: Sequence[Question]) -> list[dict[str, Any]]:
        found = [a.completions for a in ask_graph(lm, part).answers]
        return [{"found": c.found, "rest": c.rest, "least": c.least} for c in found]

    # Those of one relation share the tree of its objects.
    parts = {str(i): questions[i : i + _PART] for i in range(0, len(questions), _PART)}
    kept = context.checkpoint(name, {"asked": len(questions), **settings}, parts, compute, sample=8)
    rows = [row for part in kept.values() for row in part]
    answers = []
    for question, row in zip(questions, rows, strict=True):
        found = tuple(Completion(*pair) for pair in row["found"])
        completions = Completions(found, row["rest"], row["least"])
        answers.append(Answered(question, completions, completions.shares[found[0].object]))
    return KnowledgeGraph(f"{lm.name}, {name}", tuple(answers))


def _worth(
    context: RunContext, lm: LanguageModel, graph: KnowledgeGraph, seed: int
) -> dict[str, Any]:
    """Reliability and separation, as JSON; what could not be learnt is None."""

    def compute() -> dict[str, Any]:
        told = assess(lm, graph, seed=seed).to_json()
        return {
            "reliability": told["reliability"] if told["calibrated"] else None,
            "separation": told["separation"],
            "extrapolated": sum(one["extrapolated"] for one in told["answers"]),
        }

    return context.once("worth", {"asked": len(graph.answers)}, compute)


def _to_edit(graph: KnowledgeGraph, number: int, seed: int) -> list[Fact]:
    """Facts that the model knows, each about a subject of its own, with another object to say."""
    known: dict[str, Fact] = {}
    for one in graph.answers:
        question = one.question
        if one.right:
            fact = Fact(
                subject=question.subject,
                prompt=question.template,
                target_true=question.truth,
                relation=question.relation,
            )
            known.setdefault(question.key[0], fact)
    built = build_counterfactuals(list(known.values()), seed, neighbours=0, paraphrases=0)
    if not built:
        raise PaperError(
            f"of {len(graph.answers)} questions {len(known)} are answered right, and none has "
            "another object to be rewritten to: give more facts"
        )
    return spread(built, number, seed)


def _meaning(questions: Sequence[Question], facts: Sequence[Fact]) -> list[Question]:
    """The same questions, with what edits mean to write."""
    edits = {q.key: q for q in questions_of(edited=facts)}
    return [replace(q, intended=edits[q.key].intended) if q.key in edits else q for q in questions]


def _meant(answers: Sequence[Answered], questions: Sequence[Question]) -> tuple[Answered, ...]:
    pairs = zip(answers, questions, strict=True)
    return tuple(replace(answer, question=question) for answer, question in pairs)


def _edited(
    context: RunContext,
    lm: LanguageModel,
    questions: Sequence[Question],
    facts: Sequence[Fact],
    size: _Budget,
    seed: int,
) -> tuple[KnowledgeGraph, list[float]]:
    """The graph with all facts written at once, and how sure of each the search was."""
    base = MemitSettings(solver=RegularisedSolver(_STRENGTH), seed=seed)
    settings = replace(base, layers=base.layers_for(lm))
    moments = second_moments(lm, settings.layers_for(lm), size.tokens)
    editor = Memit(lm, settings, moments)
    about = {"settings": settings, "facts": [(f.text, f.target_new) for f in facts]}

    def compute() -> dict[str, Any]:
        found = editor.values(facts)
        return {"target": found.target.tolist(), "probability": found.probability.tolist()}

    values = context.once("values", about, compute)
    edit = editor.write(facts, torch.tensor(values["target"], device=lm.device))
    with edit.applied(lm):
        return _asked(context, lm, "edited", questions, about), values["probability"]


def _recall(moved: Difference, facts: Sequence[Fact], probability: Sequence[float]) -> Claim:
    there = [m for m in moved.moved if m.after.question.intended is not None]
    said = sum(_says(a) for a in moved.meant)
    as_meant = moved.recall or 0.0
    return RECALL.measured(
        as_meant,
        holds=as_meant == 1.0 and len(facts) == _EDITS,
        note=f"{len(moved.intended)} of {len(moved.meant)} edits are in the diff as they were "
        f"meant, {len(there)} in any way; {said} are answered with the new object now, and the "
        f"search made the new object {sum(probability) / len(probability):.2f} probable on "
        f"average; {len(moved.collateral)} collateral changes in {moved.asked} questions.  Holds "
        f"when all of {_EDITS} are there",
    )


def _says(answer: Answered) -> bool:
    return answer.object == answer.question.intended


def _trusted(worth: Mapping[str, Any]) -> tuple[Claim, Claim]:
    reliability, separation = worth["reliability"], worth["separation"]
    if reliability is None:
        calibration = CALIBRATION.failed("too few answers, or all right or all wrong")
    else:
        error = reliability["error"]
        calibration = CALIBRATION.measured(
            error,
            holds=error < _ERROR,
            note=f"{reliability['n']} questions, {reliability['accuracy']:.2f} of them answered "
            f"right; Brier score {reliability['brier']:.3f}.  Holds below {_ERROR}",
        )
    if separation is None:
        return calibration, SEPARATION.failed("too few subjects")
    auroc = separation["auroc"]
    return calibration, SEPARATION.measured(
        auroc,
        holds=auroc > _AUROC,
        note=f"{separation['real']:.0%} of {separation['n'][0]} real and "
        f"{separation['made_up']:.0%} of {separation['n'][1]} made-up subjects show as "
        f"extrapolated.  Holds above {_AUROC}",
    )


def _figures(worth: Mapping[str, Any], moved: Difference, model: str) -> tuple[Figure, ...]:
    figures = [
        Figure(
            "What changed",
            difference_picture(moved),
            "Grey edges were there before the edits; blue ones are as they were meant.",
        )
    ]
    if worth["reliability"] is not None:
        fields = dict(worth["reliability"])
        fields["bins"] = tuple((float(p), float(y), int(n)) for p, y, n in fields["bins"])
        drawn = reliability_diagram(Reliability(**fields), model)
        figures.append(Figure("Reliability", drawn, "On subjects that nothing was fitted on."))
    return tuple(figures)


def _relations(graph: KnowledgeGraph) -> Table:
    names = list(dict.fromkeys(a.question.relation for a in graph.answers))
    rows = []
    for name in names:
        answers = [a for a in graph.answers if a.question.relation == name]
        right = sum(bool(a.right) for a in answers) / len(answers)
        mass = sum(sum(c.probability for c in a.completions.found) for a in answers) / len(answers)
        objects = len(answers[0].question.objects)
        rows.append((name, len(answers), objects, right, mass))
    columns = ("relation", "questions", "objects", "right", "probability of the objects")
    return Table("What the model knows", columns, tuple(rows))


def _kinds(moved: Difference) -> Table:
    def count(part: Sequence[Moved]) -> tuple[int, ...]:
        return tuple(sum(m.kind == kind for m in part) for kind in KINDS)

    meant, rest = count(moved.intended), count(moved.collateral)
    rows = tuple(zip(KINDS, meant, rest, strict=True))
    return Table("Edges that changed", ("edges", "as meant", "collateral"), rows)


def _farthest(moved: Difference) -> Table:
    rows = tuple(
        (m.after.question.prompt, m.before.object, m.after.object, m.kind, m.distance)
        for m in moved.collateral[:_SHOWN]
    )
    columns = ("question", "before", "after", "edge", "distance")
    title = "Collateral changes, the farthest first"
    return Table(title, columns, rows, f"{len(rows)} of {len(moved.collateral)}.")
