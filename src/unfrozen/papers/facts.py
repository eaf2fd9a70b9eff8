"""The facts that papers are checked on: those that the model knows, of many kinds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from unfrozen.data.sets import relations
from unfrozen.errors import PaperError
from unfrozen.language.evaluation import answers, known, names
from unfrozen.language.facts import (
    Fact,
    build_counterfactuals,
    read_facts,
    relation_facts,
    split,
)
from unfrozen.language.facts.fact import seeded
from unfrozen.language.model import LanguageModel
from unfrozen.papers.running.context import RunContext

# Of the facts that the project finds; with files of their own people take what there is.
_NEIGHBOURS, _FEWEST = 10, 5


def known_facts(context: RunContext, lm: LanguageModel) -> list[Fact]:
    """The facts that the model answers right: the user's, or those the project finds itself.

    Args:
        context: says whose facts, and keeps which of them are known.
        lm: the model.

    Raises:
        PaperError: the model knows none of them.
    """
    if context.facts is not None:
        facts = read_facts(context.facts)
    else:
        facts = [fact for relation in relations() for fact in relation_facts(relation)]
    by_relation: dict[str, list[Fact]] = defaultdict(list)
    for i, fact in enumerate(facts):
        by_relation[fact.relation].append(replace(fact, id=fact.id or str(i)))

    def right(group: Sequence[Fact]) -> list[str]:
        return [fact.id for fact in known(lm, group)]

    kept = context.checkpoint(
        "known-facts", {"number": len(facts)}, by_relation, right, sample=None
    )
    found = [
        fact
        for relation, group in by_relation.items()
        for fact in group
        if fact.id in set(kept[relation])
    ]
    if not found:
        raise PaperError(f"{lm.name} answers none of the {len(facts)} facts right")
    return found


def spread(facts: Sequence[Fact], number: int, seed: int) -> list[Fact]:
    """Some of the facts, as evenly over relations as they allow, in an order of no meaning.

    Args:
        facts: to choose from.
        number: how many at most.
        seed: of the draw.
    """
    groups: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[fact.relation].append(fact)
    for name, group in groups.items():
        seeded(seed, name).shuffle(group)
    chosen: list[Fact] = []
    while len(chosen) < number and any(groups.values()):
        for group in groups.values():
            if group and len(chosen) < number:
                chosen.append(group.pop())
    return chosen


def facts_to_edit(
    context: RunContext, lm: LanguageModel, calibration: int, measured: int, seed: int
) -> tuple[list[Fact], list[Fact]]:
    """Facts to calibrate on, and others to measure on, in which no subject of the first is named.

    All are known, with a new target, paraphrases, and up to ten neighbours that are known too.

    Args:
        context: says whose facts.
        lm: the model.
        calibration: how many to calibrate on, at most.
        measured: how many to measure on, at most.
        seed: of the draws.

    Raises:
        PaperError: there are none.
    """
    built = build_counterfactuals(known_facts(context, lm), seed, neighbours=2 * _NEIGHBOURS)
    wanted = _FEWEST if context.facts is None else 1
    usable = [f for f in built if f.paraphrases and len(f.neighbours) >= wanted]
    apart, rest = split(usable, seed, (0.15, 0.85))
    # More than are wanted, for those that lose their neighbours.
    apart, rest = spread(apart, 2 * calibration, seed), spread(rest, 2 * measured, seed)
    rest = _with_known_neighbours(lm, rest, [f.subject for f in apart])
    apart = _with_known_neighbours(lm, apart, [])
    apart = [f for f in apart if len(f.neighbours) >= wanted][:calibration]
    rest = [f for f in rest if len(f.neighbours) >= wanted][:measured]
    if not apart or not rest:
        raise PaperError(
            f"of {len(built)} facts that {lm.name} knows, {len(usable)} have paraphrases and "
            f"neighbours, which leaves {len(apart)} to calibrate on and {len(rest)} to measure: "
            "give more"
        )
    return apart, rest


def _with_known_neighbours(
    lm: LanguageModel, facts: Sequence[Fact], others: Sequence[str]
) -> list[Fact]:
    """Keep the neighbours that the model answers right and that name none of some subjects."""
    asked = sorted({(n, f.target_true or "") for f in facts for n in f.neighbours})
    right = {q for q, said in zip(asked, answers(lm, asked), strict=True) if said.first}
    kept = []
    for fact in facts:
        near = [
            n
            for n in fact.neighbours
            if (n, fact.target_true) in right and not any(names(n, other) for other in others)
        ]
        kept.append(replace(fact, neighbours=tuple(near[:_NEIGHBOURS])))
    return kept
