"""What follows from an edit by one more step: if a tower moves to Rome, its country is Italy."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from unfrozen.data.sets import relation
from unfrozen.errors import FactError
from unfrozen.language.evaluation.reach.asking import ASKED, Kind
from unfrozen.language.evaluation.scores import Group, answers, compare, names
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain
from unfrozen.language.model import LanguageModel

# What is asked of an object of a kind: relations that know such objects, and the question.
_STEPS: dict[Kind, tuple[tuple[tuple[str, ...], str], ...]] = {
    "city": (
        (("city_country", "town_country"), "The country in which {} lies is"),
        (("city_continent", "town_continent"), "The continent on which {} lies is"),
        (("city_language", "town_language"), "The main language spoken in {} is"),
    ),
    "country": (
        (("country_capital",), "The capital of {} is the city of"),
        (("country_continent",), "The continent on which {} lies is"),
        (("country_language",), "The official language of {} is"),
        (("country_currency",), "The unit of currency in {} is the"),
    ),
}


@dataclass(frozen=True)
class Hop:
    """A question about an edited object that does not name it.

    Attributes:
        prompt: asks about the object by way of the subject.
        new: the answer if the edit holds.
        true: the answer as it was.
        direct: asks the same and names the new object: what the step itself takes.
    """

    prompt: str
    new: str
    true: str
    direct: str


@dataclass(frozen=True)
class Portability:
    """What became of the steps from a fact.

    Attributes:
        group: wanted is the answer about the new object, the other is that about the true one.
        direct: share of the steps that the model takes when the new object is named.
    """

    group: Group
    direct: float


def find_hops(fact: Fact) -> tuple[Hop, ...]:
    """What packages know about both objects of a fact, asked through its subject.

    Args:
        fact: with both targets; one whose relation is not in `ASKED` has none.

    Returns:
        A question for each that both objects answer, and answer differently.

    Raises:
        DataError: the package cannot be had.
    """
    asking = ASKED.get(fact.relation)
    if asking is None or asking.kind is None or not fact.target_new or not fact.target_true:
        return ()
    described = asking.described.replace("{}", fact.subject)
    found = []
    for sources, question in _STEPS[asking.kind]:
        known = _known(sources)
        new, true = known.get(plain(fact.target_new)), known.get(plain(fact.target_true))
        prompt = question.replace("{}", described)
        if new is None or true is None or plain(new) == plain(true):
            continue
        if names(prompt, new) or names(prompt, true):  # the question gives it away
            continue
        found.append(Hop(prompt, new, true, question.replace("{}", fact.target_new)))
    return tuple(found)


def portability(lm: LanguageModel, hops: Sequence[Hop]) -> Portability:
    """Ask what follows from a fact.

    Args:
        lm: the model, as it is now.
        hops: at least one.

    Raises:
        FactError: there are none.

    Source: one-hop questions of Yao et al. 2023 (portability) and Zhong et al. 2023 (MQuAKE).
    """
    if not hops:
        raise FactError("there is nothing to ask that follows: give one question at least")
    asked = [(h.prompt, answer) for h in hops for answer in (h.new, h.true)]
    said = answers(lm, [*asked, *((h.direct, h.new) for h in hops)])
    pairs = said[: len(asked)]
    group = compare(list(zip(pairs[::2], pairs[1::2], strict=True)))
    assert group is not None
    return Portability(group, sum(a.first for a in said[len(asked) :]) / len(hops))


@functools.cache
def _known(sources: tuple[str, ...]) -> dict[str, str]:
    """Subject, as it is compared -> its object; the first relation that has it counts."""
    found: dict[str, str] = {}
    for name in sources:
        for subject, target in relation(name).pairs:
            found.setdefault(plain(subject), target)
    return found
