"""Neighbours asked right after the edited sentence: what an edit breaks only in its own company."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.evaluation.scores import Group, answers, compare
from unfrozen.language.evaluation.side.drift import divergences, next_logs
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel


@dataclass(frozen=True)
class NearEdit:
    """What became of the neighbours that are asked right after the edited sentence.

    Attributes:
        group: NS+ and NM+: wanted is the true object, as for plain neighbours.
        divergence: mean KL(base || now) of what is said next, in nats; None without base values.
    """

    group: Group
    divergence: float | None


def prompts_after_edit(fact: Fact) -> tuple[str, ...]:
    """The neighbours' prompts with the edited sentence in front.

    Example:
        >>> louvre = Fact("Louvre", "{} is in", "Paris", "Rome", neighbours=("Notre-Dame is in",))
        >>> prompts_after_edit(louvre)
        ('Louvre is in Rome. Notre-Dame is in',)
    """
    told = f"{fact.text} {fact.target_new}".rstrip(".")
    return tuple(f"{told}. {prompt}" for prompt in fact.neighbours)


def near_edit(
    lm: LanguageModel,
    fact: Fact,
    base: Float[Tensor, "neighbour vocabulary"] | None = None,
) -> NearEdit | None:
    """Ask neighbours right after the edited sentence.

    Args:
        lm: the model, as it is now.
        fact: with both targets.
        base: the base model's `next_logs` of `prompts_after_edit`, computed once.

    Returns:
        What was found; None for a fact without neighbours.

    Raises:
        FactError: the fact lacks a target.

    Source: Hoelscher-Obermaier et al. 2023, Detecting edit failures, sections 3 and 4
    (CounterFact+; NS+, NM+, and NKL).
    """
    if not fact.target_new or not fact.target_true:
        raise FactError(f"{fact.text!r} needs both targets to ask neighbours after its edit")
    prompts = prompts_after_edit(fact)
    if not prompts:
        return None
    said = answers(lm, [(p, t) for p in prompts for t in (fact.target_true, fact.target_new)])
    group = compare(list(zip(said[::2], said[1::2], strict=True)))
    assert group is not None
    moved = None if base is None else float(divergences(base, next_logs(lm, prompts)).mean())
    return NearEdit(group, moved)
