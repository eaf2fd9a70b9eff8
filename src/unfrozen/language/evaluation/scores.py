"""What an edit did: to its prompt, its paraphrases, its neighbours, and the text that is written.

The scores are those of CounterFact (Meng et al. 2022, ROME, section 3.3): efficacy and paraphrase
score count the prompts where the new object is likelier than the true one, neighbourhood score the
prompts about other subjects where the true one stays likelier; magnitudes are differences of
probability.  Scores flatter, so the strict accuracies (the whole answer is what the model says
first) and the text that the model writes by itself stand beside them.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch

from unfrozen.errors import FactError
from unfrozen.language.editing.prompts import pad
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain
from unfrozen.language.model import LanguageModel
from unfrozen.language.statistics import Mean, harmonic_mean, mean
from unfrozen.language.subject import encode_target

WRITTEN_TOKENS = 40
_ROWS = 128
_OPEN_PROMPTS = ("{}", "Here is what I know about {}:")


class Answer(NamedTuple):
    """How a model answers a prompt with a target.

    Attributes:
        log_probability: of the target's tokens, mean over them, in nats.
        first: whether each token of the target is the likeliest one.
    """

    log_probability: float
    first: bool

    @property
    def probability(self) -> float:
        """Geometric mean over the tokens of the target."""
        return math.exp(self.log_probability)


def answers(lm: LanguageModel, questions: Sequence[tuple[str, str]]) -> list[Answer]:
    """How likely each target is after its prompt.

    Args:
        lm: the model.
        questions: (prompt, target).

    Returns:
        An answer for each.

    Raises:
        FactError: a target is empty.
    """
    found = []
    for tokens in token_answers(lm, questions):
        scores, firsts = zip(*tokens, strict=True)
        found.append(Answer(sum(scores) / len(tokens), all(firsts)))
    return found


class TokenAnswer(NamedTuple):
    """How a model answers with one token of a target, the ones before it given.

    Attributes:
        log_probability: in nats.
        first: whether it is the likeliest one.
    """

    log_probability: float
    first: bool


@torch.no_grad()
def token_answers(
    lm: LanguageModel, questions: Sequence[tuple[str, str]]
) -> list[list[TokenAnswer]]:
    """How likely each token of each target is after its prompt and the target's earlier tokens.

    Prompts that lead to the same tokens share a row, whatever they are asked.

    Args:
        lm: the model.
        questions: (prompt, target).

    Returns:
        For each question, an answer a token of its target.

    Raises:
        FactError: a target is empty.
    """
    rows: dict[tuple[int, ...], list[int]] = {}
    asked: list[tuple[int, list[int]]] = []
    for number, (prompt, target) in enumerate(questions):
        ids = lm.encode(prompt)[0].tolist()
        end = encode_target(lm.tokenizer, ids, target)
        asked.append((len(ids) - 1, end))
        rows.setdefault((*ids, *end[:-1]), []).append(number)
    found: list[list[TokenAnswer]] = [[] for _ in questions]
    # Rows of like length share a pass.
    order = sorted(rows, key=len)
    for at in range(0, len(order), _ROWS):
        part = order[at : at + _ROWS]
        # Which row of the pass, at which of its positions, what token is asked for, by whom.
        places = [
            (i, asked[number][0] + j, token, number)
            for i, row in enumerate(part)
            for number in rows[row]
            for j, token in enumerate(asked[number][1])
        ]
        read = [sorted({p for i, p, _, _ in places if i == row}) for row in range(len(part))]
        run = lm.run(pad(part, lm.device), read=pad(read, lm.device))
        assert run.logits is not None
        said = torch.tensor([i for i, *_ in places], device=lm.device)
        where = torch.tensor([read[i].index(p) for i, p, *_ in places], device=lm.device)
        wanted = torch.tensor([token for _, _, token, _ in places], device=lm.device)
        logs = run.logits.float().log_softmax(-1)[said, where]
        scores = logs[torch.arange(len(places), device=lm.device), wanted].tolist()
        firsts = (logs.argmax(-1) == wanted).tolist()
        for (*_, number), score, first in zip(places, scores, firsts, strict=True):
            found[number].append(TokenAnswer(score, first))
    return found


def known(lm: LanguageModel, facts: Sequence[Fact]) -> list[Fact]:
    """The facts that a model knows: the whole true target is what it says first.

    Args:
        lm: the model.
        facts: those without a true target are not known.
    """
    asked = [f for f in facts if f.target_true is not None]
    right = answers(lm, [(f.text, f.target_true or "") for f in asked])
    return [f for f, answer in zip(asked, right, strict=True) if answer.first]


@dataclass(frozen=True)
class Group:
    """What became of a group of prompts.

    Attributes:
        score: share of prompts where the wanted object is likelier than the other.
        magnitude: how much likelier, difference of probabilities.
        accuracy: share of prompts where the whole wanted object is what the model says first.
        n: number of prompts.
    """

    score: float
    magnitude: float
    accuracy: float
    n: int


@dataclass(frozen=True)
class Evaluation:
    """What became of a fact.  Groups without prompts are None.

    Attributes:
        efficacy: the prompt itself; wanted is the new object.
        paraphrase: the paraphrases; wanted is the new object.
        neighbourhood: the neighbours; wanted is the true object.
        written: what the model writes by itself after the prompt.
        names_new: share of texts, over prompt and paraphrases, that name the new object.
        names_true: share that name the true object.
        fluency: entropy of the two- and three-word sequences of all texts written, in bits.
    """

    efficacy: Group
    paraphrase: Group | None
    neighbourhood: Group | None
    written: str | None = None
    names_new: float | None = None
    names_true: float | None = None
    fluency: float | None = None

    @property
    def score(self) -> float:
        """S: harmonic mean of the scores that there are."""
        groups = (self.efficacy, self.paraphrase, self.neighbourhood)
        return harmonic_mean([g.score for g in groups if g is not None])

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return {**asdict(self), "score": self.score}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Evaluation":
        """Read what `to_json` gave."""
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        for name in ("efficacy", "paraphrase", "neighbourhood"):
            fields[name] = None if fields[name] is None else Group(**fields[name])
        return cls(**fields)


def evaluate(
    lm: LanguageModel, fact: Fact, *, written_tokens: int = WRITTEN_TOKENS, seed: int = 0
) -> Evaluation:
    """Measure a model on a fact: the base model before an edit, or the edited one after.

    Args:
        lm: the model, as it is now.
        fact: with both targets.
        written_tokens: how much text to let it write; 0 for none.
        seed: of the sampling of text.

    Returns:
        The scores.

    Raises:
        FactError: the fact lacks a target.
    """
    if not fact.target_new or not fact.target_true:
        missing = "new" if not fact.target_new else "true"
        raise FactError(f"{fact.text!r} has no {missing} target to compare with")
    groups = ((fact.text,), fact.paraphrases, fact.neighbours)
    prompts = [p for group in groups for p in group]
    said = answers(lm, [(p, t) for p in prompts for t in (fact.target_new, fact.target_true)])
    pairs = list(zip(said[::2], said[1::2], strict=True))
    n = 1 + len(fact.paraphrases)
    edited = [compare(pairs[:1]), compare(pairs[1:n])]
    kept = compare([(true, new) for new, true in pairs[n:]])
    assert edited[0] is not None
    if written_tokens == 0:
        return Evaluation(edited[0], edited[1], kept)
    asked = [fact.text, *fact.paraphrases]
    texts = lm.generate(
        [*asked, *(p.replace("{}", fact.subject) for p in _OPEN_PROMPTS)],
        written_tokens,
        generator=torch.Generator(lm.device).manual_seed(seed),
        top_k=5,
    )
    about = texts[: len(asked)]
    return Evaluation(
        efficacy=edited[0],
        paraphrase=edited[1],
        neighbourhood=kept,
        written=texts[0],
        names_new=sum(names(t, fact.target_new) for t in about) / len(about),
        names_true=sum(names(t, fact.target_true) for t in about) / len(about),
        fluency=mean([fluency(t) for t in texts]).value,
    )


def names(text: str, name: str) -> bool:
    """Whether a text has a name in it, as words of its own.

    Example:
        >>> names("It is in Rome.", "rome"), names("A romance", "Rome")
        (True, False)
    """
    return re.search(rf"(?<!\w){re.escape(plain(name))}(?!\w)", plain(text)) is not None


def fluency(text: str) -> float:
    """Weighted entropy of the two- and three-word sequences of a text, in bits.

    Text that repeats itself has little.  Weights of the published code: 2/3 and 4/3, averaged;
    the paper reports a hundred times as much.  Words are runs of letters and digits, and single
    marks; the published code differs in contractions alone, which it takes apart as nltk does.

    Source: Zhang et al. 2018, as GE in Meng et al. 2022, section 3.3.

    Example:
        >>> fluency("so so so so so so")
        0.0
    """
    words = re.findall(r"\w+|[^\w\s]", text)
    return (_entropy(words, 2) * 2 / 3 + _entropy(words, 3) * 4 / 3) / 2


def _entropy(words: Sequence[str], n: int) -> float:
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    total = sum(counts.values())
    return sum(-c / total * math.log2(c / total) for c in counts.values()) + 0.0


def compare(pairs: Sequence[tuple[Answer, Answer]]) -> Group | None:
    """What became of prompts, of whose wanted and other object the answers are given."""
    if not pairs:
        return None
    n = len(pairs)
    return Group(
        score=sum(a.log_probability > b.log_probability for a, b in pairs) / n,
        magnitude=sum(a.probability - b.probability for a, b in pairs) / n,
        accuracy=sum(a.first for a, _ in pairs) / n,
        n=n,
    )


@dataclass(frozen=True)
class Summary:
    """Means over facts, with 95 % confidence intervals; None where no fact has such prompts.

    Attributes:
        efficacy_score, paraphrase_score, neighbourhood_score: mean scores.
        efficacy_magnitude, paraphrase_magnitude, neighbourhood_magnitude: mean magnitudes.
        efficacy_accuracy, paraphrase_accuracy, neighbourhood_accuracy: mean strict accuracies.
        names_new: share of texts that name the new object.
        fluency: in bits.
        score: S, harmonic mean of the three mean scores.
        n: number of facts.
    """

    efficacy_score: Mean
    paraphrase_score: Mean | None
    neighbourhood_score: Mean | None
    efficacy_magnitude: Mean
    paraphrase_magnitude: Mean | None
    neighbourhood_magnitude: Mean | None
    efficacy_accuracy: Mean
    paraphrase_accuracy: Mean | None
    neighbourhood_accuracy: Mean | None
    names_new: Mean | None
    fluency: Mean | None
    score: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """As plain numbers; an interval of one fact is None."""
        found: dict[str, Any] = {"score": self.score, "n": self.n}
        for name in self.__dataclass_fields__:
            one = getattr(self, name)
            if isinstance(one, Mean):
                half = one.half_width if math.isfinite(one.half_width) else None
                found[name] = {"value": one.value, "half_width": half, "n": one.n}
        return found


def summarize(evaluations: Sequence[Evaluation]) -> Summary:
    """Means over facts.

    Args:
        evaluations: one a fact.

    Raises:
        FactError: there are none.
    """
    if not evaluations:
        raise FactError("there is no fact to summarize")
    means: dict[str, Any] = {}
    for name in ("efficacy", "paraphrase", "neighbourhood"):
        groups = [g for e in evaluations if (g := getattr(e, name)) is not None]
        for part in ("score", "magnitude", "accuracy"):
            values = [getattr(g, part) for g in groups]
            means[f"{name}_{part}"] = mean(values) if values else None
    for name in ("names_new", "fluency"):
        values = [v for e in evaluations if (v := getattr(e, name)) is not None]
        means[name] = mean(values) if values else None
    scores = [means[f"{n}_score"] for n in ("efficacy", "paraphrase", "neighbourhood")]
    return Summary(
        **means,
        score=harmonic_mean([s.value for s in scores if s is not None]),
        n=len(evaluations),
    )
