"""The way back: whether the new object leads to the subject."""

from typing import NamedTuple

from unfrozen.errors import FactError
from unfrozen.language.evaluation.reach.asking import ASKED
from unfrozen.language.evaluation.scores import Group, answers, compare, names
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel


class Reversed(NamedTuple):
    """Prompts that name an object and end right before the subject.

    Attributes:
        new: names the new object.
        true: names the true one.
    """

    new: str
    true: str


def reversed_prompts(fact: Fact) -> Reversed | None:
    """A fact asked from its objects; None for relations that are not asked so.

    Example:
        >>> fact = Fact("France", "The capital of {} is", "Paris", "Rome", relation="P36")
        >>> reversed_prompts(fact).new
        'Rome is the capital of'
    """
    asking = ASKED.get(fact.relation)
    if asking is None or not asking.backwards or not fact.target_new or not fact.target_true:
        return None
    found = Reversed(
        asking.backwards.replace("{}", fact.target_new),
        asking.backwards.replace("{}", fact.target_true),
    )
    # Where one name holds the other, the question gives its answer away.
    return None if any(names(prompt, fact.subject) for prompt in found) else found


def reversal(lm: LanguageModel, fact: Fact) -> Group | None:
    """Ask a fact from its objects.

    Most objects have many subjects, so what is compared is the subject's probability after the
    new object and after the true one; accuracy is that the subject comes first after the new one.

    Args:
        lm: the model, as it is now.
        fact: with both targets.

    Returns:
        What was found; None where the relation is not asked so.

    Raises:
        FactError: the fact lacks a target.

    Source: the reversal curse (Berglund et al. 2023) in edited models (Ma et al. 2023, BAKE).
    """
    if not fact.target_new or not fact.target_true:
        raise FactError(f"{fact.text!r} needs both targets to be asked from its objects")
    prompts = reversed_prompts(fact)
    if prompts is None:
        return None
    new, true = answers(lm, [(prompt, fact.subject) for prompt in prompts])
    return compare([(new, true)])
