"""The declared questions of a graph: which subjects, asked what, and what may be the answer."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unfrozen.data.sets import Relation
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain, seeded


@dataclass(frozen=True)
class Question:
    """A node with an unknown edge.

    Attributes:
        subject: the node.
        relation: what the edge is called.
        prompt: how the model is asked; it ends where the object begins.
        objects: what the answer is chosen from.
        truth: the answer, where it is known.
        intended: the object that a change was meant to write here.
    """

    subject: str
    relation: str
    prompt: str
    objects: tuple[str, ...]
    truth: str | None = None
    intended: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells questions apart."""
        return plain(self.subject), self.relation


def questions_of(
    relations: Sequence[Relation] = (),
    facts: Iterable[Fact] = (),
    *,
    most: int | None = None,
    edited: Iterable[Fact] = (),
    seed: int = 0,
) -> list[Question]:
    """The questions of relations and of facts, each asked once.

    Args:
        relations: each subject is asked by the first template; any object may be the answer.
        facts: each asks by its prompt; any target of its relation may be the answer.  Facts
            without a relation have their prompt's template as one.
        most: subjects of a relation of ``relations``, drawn by ``seed``; all by default.
        edited: facts that changes were meant to write.  They are asked whatever ``most`` is, and
            their objects are added to their relation's.
        seed: of the draw.
    """
    edited = list(edited)
    declared: dict[str, dict[str, None]] = defaultdict(dict)
    for relation in relations:
        declared[relation.name].update(dict.fromkeys(o for _, o in relation.pairs))
    facts = [*edited, *facts]
    for fact in facts:
        for target in (fact.target_true, fact.target_new):
            if target:
                declared[_relation(fact)][target] = None
    objects = {name: tuple(found) for name, found in declared.items()}
    asked: dict[tuple[str, str], Question] = {}
    for number, fact in enumerate(facts):
        name = _relation(fact)
        intended = fact.target_new if number < len(edited) else None
        one = Question(fact.subject, name, fact.text, objects[name], fact.target_true, intended)
        # Of several facts that answer one question, the last edit stands.
        if one.key not in asked or intended is not None:
            asked[one.key] = one
    for relation in relations:
        pairs = list(relation.pairs)
        if most is not None and len(pairs) > most:
            chosen = set(seeded(seed, relation.name).sample(range(len(pairs)), most))
            pairs = [pair for i, pair in enumerate(pairs) if i in chosen]
        for subject, truth in pairs:
            prompt = relation.templates[0].replace("{}", subject)
            one = Question(subject, relation.name, prompt, objects[relation.name], truth)
            asked.setdefault(one.key, one)
    return list(asked.values())


def _relation(fact: Fact) -> str:
    return fact.relation or fact.prompt
