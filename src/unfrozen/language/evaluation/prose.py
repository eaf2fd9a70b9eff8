"""What editing may break: the perplexity of prose, and questions with several answers."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from unfrozen.errors import FactError
from unfrozen.language.editing.prompts import pad
from unfrozen.language.evaluation.scores import answers
from unfrozen.language.model import LanguageModel

# Logits of a row of 128 tokens take 25 MB for a vocabulary of fifty thousand.
_ROWS = 8


@dataclass(frozen=True)
class Choice:
    """A question with several answers.

    Attributes:
        prompt: ends where the answer begins.
        options: the answers to choose from.
        right: which of them is right.
    """

    prompt: str
    options: tuple[str, ...]
    right: int


def choice_accuracy(lm: LanguageModel, questions: Sequence[Choice]) -> list[bool]:
    """Whether the right answer is the one with the likeliest tokens, for each question.

    Args:
        lm: the model.
        questions: with at least two answers each.

    Source: the usual scoring of multiple choice, with the mean log-probability of a token, so that
    long answers are not at a loss (Gao et al., language model evaluation harness, acc_norm).
    """
    said = iter(answers(lm, [(q.prompt, option) for q in questions for option in q.options]))
    right = []
    for question in questions:
        scores = [next(said).log_probability for _ in question.options]
        right.append(scores.index(max(scores)) == question.right)
    return right


class Loss(NamedTuple):
    """How hard a text was to predict.

    Attributes:
        total: sum of the log-probabilities of its tokens, in nats.
        tokens: how many were predicted.
    """

    total: float
    tokens: int


def losses(lm: LanguageModel, texts: Sequence[str], length: int = 128) -> list[Loss]:
    """What `perplexity` adds up, of each text on its own.

    Args:
        lm: the model.
        texts: each its own; one without a token to predict has a loss of no tokens.
        length: of a row.
    """
    found = [Loss(0.0, 0) for _ in texts]
    for number, total, tokens in _predicted(lm, texts, length):
        found[number] = Loss(found[number].total + total, found[number].tokens + tokens)
    return found


def perplexity(lm: LanguageModel, texts: Sequence[str], length: int = 128) -> float:
    """Of texts, cut into rows of at most ``length`` tokens, over all tokens but each row's first.

    Args:
        lm: the model.
        texts: each its own.
        length: of a row.

    Raises:
        FactError: the texts have nothing to predict.
    """
    total, count = 0.0, 0
    for _, found, tokens in _predicted(lm, texts, length):
        total += found
        count += tokens
    return perplexity_of([Loss(total, count)])


def perplexity_of(found: Sequence[Loss]) -> float:
    """The perplexity of texts whose losses are known; infinite where it has no bound.

    Args:
        found: of each text.

    Raises:
        FactError: the texts have nothing to predict.

    Example:
        >>> round(perplexity_of([Loss(-2 * math.log(8), 2), Loss(-math.log(8), 1)]), 6)
        8.0
    """
    count = sum(one.tokens for one in found)
    if not count:
        raise FactError("the prose has no words to predict: give a longer text")
    mean = -sum(one.total for one in found) / count
    return math.exp(mean) if math.isfinite(mean) and mean < 700 else math.inf


@torch.no_grad()
def _predicted(
    lm: LanguageModel, texts: Sequence[str], length: int
) -> Iterator[tuple[int, float, int]]:
    """Of each row: the number of its text, its log-probability, and how many tokens it predicts."""
    rows: list[tuple[int, list[int]]] = []
    for number, text in enumerate(texts):
        ids = lm.encode(text)[0].tolist() if text else []
        rows += [(number, ids[at : at + length]) for at in range(0, len(ids), length)]
    rows = sorted((r for r in rows if len(r[1]) > 1), key=lambda row: len(row[1]))
    for at in range(0, len(rows), _ROWS):
        part = rows[at : at + _ROWS]
        ids = pad([row for _, row in part], lm.device)
        logits = lm.run(ids).logits
        assert logits is not None
        said = logits[:, :-1].float()
        logs = said.gather(2, ids[:, 1:, None])[..., 0] - said.logsumexp(-1)
        for (number, row), found in zip(part, logs, strict=True):
            yield number, float(found[: len(row) - 1].double().sum()), len(row) - 1
