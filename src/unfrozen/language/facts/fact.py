"""A fact as a prompt with a subject and targets, checked when it is made."""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unfrozen.data.sets import Relation
from unfrozen.errors import FactError
from unfrozen.language.subject import check_text


@dataclass(frozen=True)
class Fact:
    """What a prompt about a subject ends in, and what it shall end in.

    Attributes:
        subject: what the fact is about.
        prompt: a template with exactly one ``{}``, where the subject stands.
        target_true: how the prompt goes on in truth, if that is known.
        target_new: how an edit shall make it go on.
        paraphrases: full prompts that ask the same of the same subject.
        neighbours: full prompts about other subjects, rightly answered by ``target_true``.
        relation: name of what is asked; facts of one relation share their kind of target.
        id: what tells the fact from others of its source.

    Raises:
        FactError: the fact cannot be used as it was given.

    Example:
        >>> Fact("France", "The capital of {} is", "Paris", "Rome").text
        'The capital of France is'
    """

    subject: str
    prompt: str
    target_true: str | None = None
    target_new: str | None = None
    paraphrases: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    relation: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        texts = (self.subject, self.prompt, self.target_true, self.target_new)
        for text in (*texts, *self.paraphrases, *self.neighbours):
            check_text(text or "")
        if not self.subject.strip():
            raise FactError(f"the subject of {self.prompt!r} is empty")
        marks = self.prompt.count("{}")
        if marks == 0:
            if self.subject in self.prompt:
                raise FactError(
                    f"the prompt {self.prompt!r} has no {{}}: write {{}} in place of the subject"
                )
            raise FactError(f"the subject {self.subject!r} is not in the prompt {self.prompt!r}")
        if marks > 1:
            raise FactError(f"the prompt {self.prompt!r} has {marks} {{}}: keep exactly one")
        for name, target in (("true", self.target_true), ("new", self.target_new)):
            if target is not None and not target.strip():
                raise FactError(f"the {name} target of {self.text!r} is empty: give it a word")
        if None not in (self.target_true, self.target_new) and (
            plain(self.target_true or "") == plain(self.target_new or "")
        ):
            raise FactError(
                f"the new target of {self.text!r} is the true one, {self.target_true!r}: "
                "nothing would change"
            )
        if not all(text.strip() for text in (*self.paraphrases, *self.neighbours)):
            raise FactError(f"a paraphrase or neighbour of {self.text!r} is empty: leave it out")

    @property
    def text(self) -> str:
        """The prompt with the subject in its place."""
        return self.prompt.replace("{}", self.subject)

    def to_json(self) -> dict[str, Any]:
        """As plain values, without what is empty."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if v}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Fact":
        """Back from plain values.

        Raises:
            FactError: they are those of no fact.
        """
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        try:
            return cls(**fields)
        except TypeError as error:
            raise FactError(f"a fact cannot be read: {error}") from error


def as_template(prompt: str, subject: str) -> str:
    """The prompt with ``{}`` in place of its subject, unless it has ``{}`` already.

    Where words have spaces between them, the subject is looked for as words of its own.

    Raises:
        FactError: the subject is not in the prompt, or more than once.

    Example:
        >>> as_template("The Romans came to Rome in", "Rome")
        'The Romans came to {} in'
    """
    if "{}" in prompt:
        return prompt
    size = len(subject)
    places = [m.start() for m in re.finditer(re.escape(subject), prompt)] if subject else []
    alone = [
        at for at in places if not (_inside_a_word(prompt, at) or _inside_a_word(prompt, at + size))
    ]
    if not alone and places:
        raise FactError(
            f"the subject {subject!r} is only inside other words of the prompt {prompt!r}: "
            "write {} in its place if that is meant"
        )
    if not alone:
        raise FactError(f"the subject {subject!r} is not in the prompt {prompt!r}")
    if len(alone) > 1:
        raise FactError(
            f"the subject {subject!r} is {len(alone)} times in the prompt {prompt!r}: "
            "write {} in place of the one that is meant"
        )
    return prompt[: alone[0]] + "{}" + prompt[alone[0] + size :]


def _inside_a_word(text: str, place: int) -> bool:
    """Whether a word goes on over a place; in scripts that leave no spaces, it never does."""

    def goes_on(character: str) -> bool:
        return character.isdigit() or character.lower() != character.upper()

    return 0 < place < len(text) and goes_on(text[place - 1]) and goes_on(text[place])


def relation_facts(relation: Relation) -> list[Fact]:
    """The facts of a relation, each with the first template as prompt and the others rephrasing."""
    first, *others = relation.templates
    return [
        Fact(
            subject=subject,
            prompt=first,
            target_true=target,
            paraphrases=tuple(template.replace("{}", subject) for template in others),
            relation=relation.name,
            id=f"{relation.name}:{subject}:{target}",
        )
        for subject, target in relation.pairs
    ]


def split(facts: Sequence[Fact], seed: int, fractions: Sequence[float]) -> tuple[list[Fact], ...]:
    """Split facts so that no subject is in two parts; a subject's part never changes.

    Args:
        facts: to split, kept in their order.
        seed: another seed, another split.
        fractions: share of each part, expected; what they leave below one is left out.

    Returns:
        A list for each fraction.

    Raises:
        FactError: a fraction is not positive, or together they pass one.

    Example:
        >>> facts = [Fact(str(i), "{} is") for i in range(100)]
        >>> a, b = split(facts, seed=0, fractions=(0.2, 0.8))
        >>> len(a) + len(b)
        100
    """
    if not fractions or min(fractions) <= 0 or sum(fractions) > 1 + 1e-9:
        raise FactError(f"fractions are positive and sum to at most one, not {list(fractions)}")
    parts: tuple[list[Fact], ...] = tuple([] for _ in fractions)
    edges = [sum(fractions[: i + 1]) for i in range(len(fractions))]
    if edges[-1] > 1 - 1e-9:
        edges[-1] = 1.0
    for fact in facts:
        place = seeded(seed, plain(fact.subject)).random()
        part = next((i for i, edge in enumerate(edges) if place < edge), None)
        if part is not None:
            parts[part].append(fact)
    return parts


def plain(text: str) -> str:
    """A text without the differences that do not matter to who is meant."""
    return " ".join(text.casefold().split())


def seeded(seed: int, *texts: str) -> random.Random:
    """Randomness from a seed and some texts, the same on every machine."""
    digest = hashlib.sha256("\0".join((str(seed), *texts)).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))
