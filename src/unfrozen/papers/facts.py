"""The facts that papers are checked on: those that the model knows, of many kinds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from unfrozen.data.sets import relations
from unfrozen.errors import PaperError
from unfrozen.language.evaluation import known
from unfrozen.language.facts import Fact, read_facts, relation_facts
from unfrozen.language.facts.fact import seeded
from unfrozen.language.model import LanguageModel
from unfrozen.papers.running.context import RunContext


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
