"""What is said in the town: facts and errands as sentences, and sentences read back."""

import re
from dataclasses import dataclass
from typing import Literal

from unfrozen.errors import WorldError

PLACES = (
    "harbour", "market", "mill", "church", "school", "inn", "bridge", "tower", "garden",
    "library", "well", "stable", "bath", "court", "theatre", "orchard",
)  # fmt: skip
PERSONS = (
    "baker", "fisher", "smith", "miller", "weaver", "doctor", "widow", "teacher", "judge",
    "sailor", "painter", "priest",
)  # fmt: skip
ITEMS = ("bread", "fish", "iron", "flour", "cloth", "medicine")
"""The first person sells the first item when a town begins, and so on."""

Relation = Literal["is at", "sells"]


@dataclass(frozen=True)
class Fact:
    """Where a person is, or what is had from whom.

    Attributes:
        subject: a person.
        relation: "is at" a place, or "sells" an item.
        object: the place or item.

    Raises:
        WorldError: subject or object are no such thing.
    """

    subject: str
    relation: Relation
    object: str

    def __post_init__(self) -> None:
        objects = {"is at": PLACES, "sells": ITEMS}
        if self.relation not in objects:
            raise WorldError(f"facts of a town are 'is at' and 'sells', not {self.relation!r}")
        if self.subject not in PERSONS or self.object not in objects[self.relation]:
            raise WorldError(f"no town knows that the {self.subject} {self.relation} {self.object}")


@dataclass(frozen=True)
class Errand:
    """What is to be done: go to a place, go to a person, or bring a person an item.

    Attributes:
        to: a place or a person.
        item: to be had from who sells it first, or None.

    Raises:
        WorldError: there is no such place, person or item, or an item is to go to a place.
    """

    to: str
    item: str | None = None

    def __post_init__(self) -> None:
        known = self.to in PERSONS or (self.to in PLACES and self.item is None)
        if not known or self.item not in (None, *ITEMS):
            raise WorldError(f"no errand of a town is to bring {self.item} to {self.to}")


def tell(fact: Fact, news: bool = False) -> str:
    """A fact as a sentence.

    Args:
        fact: to be told.
        news: whether it has just become so.

    Example:
        >>> tell(Fact("baker", "is at", "harbour"), news=True)
        'The baker has moved to the harbour.'
    """
    if fact.relation == "is at":
        verb = "has moved to" if news else "is at"
        return f"The {fact.subject} {verb} the {fact.object}."
    verb = "now sells" if news else "sells"
    return f"The {fact.subject} {verb} {fact.object}."


def ask(errand: Errand) -> str:
    """An errand as a sentence.

    Example:
        >>> ask(Errand("widow", "bread"))
        'Bring bread to the widow.'
    """
    if errand.item is not None:
        return f"Bring {errand.item} to the {errand.to}."
    return f"{'Go to' if errand.to in PLACES else 'Visit'} the {errand.to}."


_AT = re.compile(r"^The (\w+) (?:is at|has moved to) the (\w+)$")
_SELLS = re.compile(r"^The (\w+) (?:now )?sells (\w+)$")
_BRING = re.compile(r"^Bring (\w+) to the (\w+)$")
_GO = re.compile(r"^(?:Go to|Visit) the (\w+)$")


def read(text: str) -> tuple[Fact, ...]:
    """The facts that a text of such sentences tells, in order: `tell` backwards.

    Raises:
        WorldError: a sentence is none of `tell`'s.
    """
    facts = []
    for sentence in filter(None, (part.strip() for part in text.split("."))):
        if found := _AT.match(sentence):
            facts.append(Fact(found[1], "is at", found[2]))
        elif found := _SELLS.match(sentence):
            facts.append(Fact(found[1], "sells", found[2]))
        else:
            raise WorldError(f"this tells no fact of a town: {sentence!r}")
    return tuple(facts)


def read_errand(text: str) -> Errand:
    """The errand that a sentence asks for: `ask` backwards.

    Raises:
        WorldError: it is none of `ask`'s.
    """
    sentence = text.strip().rstrip(".")
    if found := _BRING.match(sentence):
        return Errand(found[2], found[1])
    if found := _GO.match(sentence):
        return Errand(found[1])
    raise WorldError(f"this asks for no errand in a town: {text!r}")
