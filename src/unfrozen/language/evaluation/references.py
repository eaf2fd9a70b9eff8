"""The reference score: how like texts about the new object what a model writes is.

RS of CounterFact is the cosine between TF-IDF vectors of generated texts and of Wikipedia's texts
about subjects that have the new object.  Neither those texts nor the published document frequencies
are carried by a package, so both are of the references given: scores compare states of a model with
each other, and are not comparable with the paper's.
"""

from collections.abc import Sequence
from typing import Any

from unfrozen.errors import FactError
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain

NOT_COMPARABLE = "document frequencies are those of these references: not comparable with papers"
"""What is to be said beside every reference score."""


class References:
    """Texts whose words are weighed by how few of them have each.

    Args:
        corpus: all references of a set of facts, each text once.

    Raises:
        FactError: there is no word in the corpus.
    """

    def __init__(self, corpus: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer: Any = TfidfVectorizer()
        try:
            self._vectorizer.fit(list(dict.fromkeys(corpus)))
        except ValueError as error:  # what scikit-learn raises of an empty vocabulary
            raise FactError("the reference texts have no words: give longer ones") from error

    def score(self, written: Sequence[str], references: Sequence[str]) -> float:
        """Cosine between what was written and the references, each taken as one text.

        Args:
            written: texts of a model.
            references: texts about the new object.

        Source: Meng et al. 2022, section 3.3 and the published code (RS).
        """
        pair = self._vectorizer.transform([" ".join(written), " ".join(references)])
        # Rows have unit length, or none where no word is known.
        return float(pair[0].multiply(pair[1]).sum())


def references_from(facts: Sequence[Fact]) -> dict[str, tuple[str, ...]]:
    """What is true of other subjects with an object, as sentences, by object.

    Args:
        facts: with true targets; paraphrases count as sentences too.

    Returns:
        Object, as `unfrozen.language.facts.fact.plain` has it -> sentences.

    Example:
        >>> references_from([Fact("France", "The capital of {} is", "Paris")])
        {'paris': ('The capital of France is Paris.',)}
    """
    found: dict[str, dict[str, None]] = {}
    for fact in facts:
        if fact.target_true:
            sentences = found.setdefault(plain(fact.target_true), {})
            for prompt in (fact.text, *fact.paraphrases):
                sentences[f"{prompt} {fact.target_true}."] = None
    return {target: tuple(sentences) for target, sentences in found.items()}
