"""Prose, questions and prompts that no edit is about: of the chemical elements."""

from unfrozen.data.elements import element_prose, element_questions
from unfrozen.language.evaluation.prose import Choice, choice_accuracy, perplexity
from unfrozen.language.model import LanguageModel

EVERY = slice(None)
_WORDS = 12


def unrelated_texts(part: slice = EVERY) -> tuple[str, ...]:
    """What each element is like.

    Args:
        part: which of them.

    Raises:
        DataError: the package cannot be had.
    """
    return element_prose()[part]


def unrelated_questions(part: slice = EVERY) -> tuple[Choice, ...]:
    """Which element a description is of.

    Args:
        part: which of them.

    Raises:
        DataError: the package cannot be had.
    """
    return tuple(
        Choice(f"{q.text}\nThe chemical element described here is", q.options, q.right)
        for q in element_questions()[part]
    )


def unrelated_prompts(part: slice = EVERY) -> tuple[str, ...]:
    """The beginnings of the texts, cut within a sentence where they are long enough.

    Args:
        part: of which texts.

    Raises:
        DataError: the package cannot be had.
    """
    return tuple(" ".join(text.split()[:_WORDS]) for text in unrelated_texts(part))


def unrelated(lm: LanguageModel, part: slice, *, choices: bool = True) -> dict[str, float]:
    """What editing may break: perplexity of prose, accuracy of multiple choice.

    Args:
        lm: the model as it is.
        part: which of the texts and of the questions; what settings are chosen on is another.
        choices: whether to ask the questions too.
    """
    found = {"perplexity": perplexity(lm, unrelated_texts(part))}
    if choices:
        right = choice_accuracy(lm, unrelated_questions(part))
        found["choice"] = sum(right) / len(right)
    return found
