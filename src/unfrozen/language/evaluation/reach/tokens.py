"""The scores of zsRE: how many tokens of an answer come first, the ones before them given.

Teacher forcing flatters: it tells the answer's length and its earlier tokens.  It is what the
field reports on zsRE, so it stands here beside the strict accuracies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from unfrozen.errors import FactError
from unfrozen.language.evaluation.scores import token_answers
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel


@dataclass(frozen=True)
class TokenAccuracy:
    """Shares of tokens that come first.

    Attributes:
        efficacy: of the new object after the prompt.
        paraphrase: of the new object after the paraphrases; None without any.
        specificity: of the right answers to questions about other things; None without any.
    """

    efficacy: float
    paraphrase: float | None
    specificity: float | None


def token_accuracy(
    lm: LanguageModel, fact: Fact, elsewhere: Sequence[tuple[str, str]] = ()
) -> TokenAccuracy:
    """Count the tokens that come first.

    Args:
        lm: the model, as it is now.
        fact: with a new target.
        elsewhere: questions about other things with their answers; the fact's neighbours with its
            true object, when there are none.

    Raises:
        FactError: there is no new target.

    Source: Mitchell et al. 2022 (MEND) and Meng et al. 2022, section 3.2: all tokens of a group
    of prompts count alike.
    """
    if not fact.target_new:
        raise FactError(f"{fact.text!r} has no new target to count the tokens of")
    if not elsewhere and fact.target_true:
        elsewhere = [(prompt, fact.target_true) for prompt in fact.neighbours]
    asked = [(p, fact.target_new) for p in (fact.text, *fact.paraphrases)]
    said = token_answers(lm, [*asked, *elsewhere])

    def share(start: int, stop: int) -> float | None:
        firsts = [token.first for tokens in said[start:stop] for token in tokens]
        return sum(firsts) / len(firsts) if firsts else None

    efficacy = share(0, 1)
    assert efficacy is not None
    return TokenAccuracy(efficacy, share(1, len(asked)), share(len(asked), len(said)))
