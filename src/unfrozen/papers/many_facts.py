"""What papers on thousands of edits share: facts that do not meet, and what is measured of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from unfrozen.data.sets import relations
from unfrozen.errors import PaperError
from unfrozen.language.evaluation import Evaluation, Summary, evaluate, known, summarize
from unfrozen.language.facts import (
    Fact,
    build_counterfactuals,
    distinct_counterfactuals,
    read_facts,
    relation_facts,
    split,
)
from unfrozen.language.facts.fact import plain
from unfrozen.language.model import LanguageModel
from unfrozen.papers.facts import spread
from unfrozen.papers.running.context import RunContext

_APART = (0.35, 0.65)
_CHUNK = 256


def facts_in_number(
    context: RunContext, lm: LanguageModel, apart: int, measured: int, seed: int
) -> tuple[list[Fact], list[Fact]]:
    """Facts to choose settings on, and others to measure on: no subject is in both.

    Args:
        context: says whose facts.
        lm: the model: what it answers right can be a neighbour.
        apart: how many to choose settings on, at most.
        measured: how many to measure on, at most.
        seed: of the draws.

    Raises:
        PaperError: the user's facts are too few.
    """
    if context.facts is not None:
        return own_facts(read_facts(context.facts), apart, measured, seed)
    source = [fact for relation in relations(towns=True) for fact in relation_facts(relation)]
    parts = split(source, seed, _APART)

    def right(facts: Sequence[Fact]) -> list[Fact]:
        asked = {str(i): list(facts[i : i + _CHUNK]) for i in range(0, len(facts), _CHUNK)}
        name = f"neighbours-{'apart' if facts and facts[0] in chosen else 'measured'}"
        kept = context.checkpoint(
            name, {"number": len(facts)}, asked, lambda part: [f.id for f in known(lm, part)]
        )
        ids = {one for part in kept.values() for one in part}
        return [fact for fact in facts if fact.id in ids]

    chosen = set(parts[0])
    drawn = [
        distinct_counterfactuals(part, number, seed, right=right).facts
        for part, number in zip(parts, (apart, measured), strict=True)
    ]
    return drawn[0], drawn[1]


def own_facts(
    facts: Sequence[Fact], apart: int, measured: int, seed: int
) -> tuple[list[Fact], list[Fact]]:
    """The user's facts, one a subject; a file of CounterFact has all that is needed."""
    whole = [f for f in facts if f.target_new and f.target_true]
    whole = whole or build_counterfactuals(facts, seed)
    once = list({plain(f.subject): f for f in whole}.values())
    first, second = split(once, seed, (0.15, 0.85))
    if not first or not second:
        raise PaperError(f"of {len(facts)} facts {len(once)} can be edited: give more")
    return spread(first, apart, seed), spread(second, measured, seed)


def measured_facts(lm: LanguageModel, facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """An evaluation of each fact, as JSON."""
    return [evaluate(lm, fact, written_tokens=0).to_json() for fact in facts]


def summary_of(each: Sequence[Mapping[str, Any]]) -> Summary:
    """Means over the evaluations that `measured_facts` gave."""
    return summarize([Evaluation.from_json(one) for one in each])
