"""The declared questions of a graph: which subjects, asked what, and what may be the answer."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from unfrozen.data.sets import Relation
from unfrozen.errors import FactError
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain, seeded


@dataclass(frozen=True)
class Question:
    """A node with an unknown edge.

    Attributes:
        subject: the node.
        relation: what the edge is called.
        template: how the model is asked, with one ``{}`` for the subject; it ends where the object
            begins.
        objects: what the answer is chosen from.
        truth: the answer, where it is known.
        intended: the object that a change was meant to write here, or to bring back.
    """

    subject: str
    relation: str
    template: str
    objects: tuple[str, ...]
    truth: str | None = None
    intended: str | None = None

    @property
    def prompt(self) -> str:
        """The text that the model goes on from."""
        return self.template.replace("{}", self.subject)

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
    taken_back: Iterable[Fact] = (),
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
        taken_back: facts that changes had written and that are there no longer: asked likewise,
            what is meant is the true target.
        seed: of the draw.
    """
    back, written, others = list(taken_back), list(edited), list(facts)
    meant = [f.target_true for f in back] + [f.target_new for f in written] + [None] * len(others)
    everything = [*back, *written, *others]
    declared: dict[str, dict[str, None]] = defaultdict(dict)
    for relation in relations:
        declared[relation.name].update(dict.fromkeys(o for _, o in relation.pairs))
    for fact in everything:
        for target in (fact.target_true, fact.target_new):
            if target:
                declared[_relation(fact)][target] = None
    objects = {name: tuple(found) for name, found in declared.items()}
    asked: dict[tuple[str, str], Question] = {}
    for fact, intended in zip(everything, meant, strict=True):
        name = _relation(fact)
        one = Question(fact.subject, name, fact.prompt, objects[name], fact.target_true, intended)
        # Of several facts that answer one question, the last that was written stands.
        if one.key not in asked or intended is not None:
            asked[one.key] = one
    for relation in relations:
        pairs = list(relation.pairs)
        if most is not None and len(pairs) > most:
            chosen = set(seeded(seed, relation.name).sample(range(len(pairs)), most))
            pairs = [pair for i, pair in enumerate(pairs) if i in chosen]
        name, template = relation.name, relation.templates[0]
        for subject, truth in pairs:
            one = Question(subject, name, template, objects[name], truth)
            asked.setdefault(one.key, one)
    return list(asked.values())


def question_about(subject: str, relation: str, questions: Sequence[Question]) -> Question:
    """The question of a relation about any subject, asked as most of the others are.

    Args:
        subject: the node; it need not be one of the others'.
        relation: what is asked.
        questions: of that relation among others; one of them, if it is about the subject.

    Raises:
        FactError: none is of that relation, or the subject is empty.
    """
    if not subject.strip():
        raise FactError("the subject is empty: give it a name")
    others = [q for q in questions if q.relation == relation]
    if not others:
        names = dict.fromkeys(q.relation for q in questions)
        raise FactError(f"nothing is asked about {relation!r}: there are {', '.join(names)}")
    for one in others:
        if one.key[0] == plain(subject):
            return one
    templates = [q.template for q in others]
    often = max(dict.fromkeys(templates), key=templates.count)
    first = next(q for q in others if q.template == often)
    return replace(first, subject=subject, truth=None, intended=None)


def _relation(fact: Fact) -> str:
    return fact.relation or fact.prompt
