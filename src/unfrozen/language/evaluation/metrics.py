"""Every metric by its name, and what one fact, or one state of a model, is measured by.

Rankings of methods change with the metric, so all are taken unless some are chosen.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.evaluation.cases import Case
from unfrozen.language.evaluation.prose import choice_accuracy, losses
from unfrozen.language.evaluation.reach import portability, reversal, token_accuracy
from unfrozen.language.evaluation.references import References
from unfrozen.language.evaluation.scores import Group, evaluate, fluency, names
from unfrozen.language.evaluation.side import (
    divergences,
    drift,
    near_edit,
    next_logs,
    prompts_after_edit,
    unrelated_prompts,
    unrelated_questions,
    unrelated_texts,
)
from unfrozen.language.facts.fact import seeded
from unfrozen.language.model import LanguageModel
from unfrozen.language.statistics import mean

METRICS: dict[str, str] = {
    "scores": "efficacy, paraphrases, neighbours: score, magnitude and strict accuracy; S of them",
    "zsre": "share of the answers' tokens that come first, the ones before them given",
    "near": "neighbours asked right after the edited sentence, and how far they have moved",
    "portability": "one step further: questions about the new object, asked by way of the subject",
    "reversal": "the way back: from the new object to the subject",
    "text": "what is written freely: whether it names the object, and its entropy",
    "references": "how like texts about the new object the written text is",
    "drift": "how far the next token of unrelated prompts has moved",
    "prose": "perplexity of unrelated prose",
    "choice": "multiple choice about other things",
}
"""Name of a metric -> what it measures; the last three are of a state, the others of each fact."""

_PARTS = ("score", "magnitude", "accuracy")


def _parts(*groups: str) -> tuple[str, ...]:
    return tuple(f"{group}_{part}" for group in groups for part in _PARTS)


NAMES: dict[str, tuple[str, ...]] = {
    "scores": ("S", *_parts("efficacy", "paraphrase", "neighbourhood")),
    "zsre": ("token_efficacy", "token_paraphrase", "token_specificity"),
    "near": (*_parts("near"), "neighbourhood_divergence", "near_divergence"),
    "portability": (*_parts("portability"), "portability_known"),
    "reversal": _parts("reversal"),
    "text": ("names_new", "names_true", "generation_entropy"),
    "references": ("reference_score",),
    "drift": ("drift_mean", "drift_largest", "drift_agreement"),
    "prose": ("perplexity", "perplexity_ratio"),
    "choice": ("choice",),
}
"""Name of a metric -> the figures that it gives."""

STATE_METRICS = ("drift", "prose", "choice")
"""Metrics that are taken once a state of the model."""

WRITTEN = 100
"""Tokens of each text written, unless told otherwise: as many as published."""

# Half of the texts and questions about elements: settings are chosen on others.
_MEASURED = slice(1, None, 2)


def check_metrics(chosen: Collection[str]) -> tuple[str, ...]:
    """The chosen metrics in their own order.

    Raises:
        FactError: one is not known, or none is chosen.
    """
    unknown = sorted(set(chosen) - set(METRICS))
    if unknown or not chosen:
        named = f"no metric {', '.join(map(repr, unknown))}" if unknown else "no metric is chosen"
        raise FactError(f"{named}: there are {', '.join(METRICS)}")
    return tuple(name for name in METRICS if name in chosen)


@dataclass(frozen=True)
class Before:
    """What the base model gave, computed once a fact, to compare its edited states with.

    Attributes:
        near: its `next_logs` of the neighbours after the edited sentence.
        neighbours: its `next_logs` of the neighbours.
    """

    near: Float[Tensor, "neighbour vocabulary"] | None = None
    neighbours: Float[Tensor, "neighbour vocabulary"] | None = None


@dataclass(frozen=True)
class Measured:
    """What was measured of a fact in one state of the model.

    Attributes:
        values: name -> value; what the fact has no prompts for is left out.
        written: what was written after the fact's own prompt.
    """

    values: dict[str, float]
    written: str | None = None


def before(lm: LanguageModel, case: Case, metrics: Collection[str]) -> Before:
    """What has to be known of the base model.

    Args:
        lm: the base model.
        case: to be measured later.
        metrics: by these.
    """
    if "near" not in metrics or not case.fact.neighbours:
        return Before()
    return Before(next_logs(lm, prompts_after_edit(case.fact)), next_logs(lm, case.fact.neighbours))


def measure_case(
    lm: LanguageModel,
    case: Case,
    metrics: Collection[str] = tuple(METRICS),
    *,
    base: Before | None = None,
    references: References | None = None,
    written_tokens: int = WRITTEN,
    seed: int = 0,
) -> Measured:
    """Measure a model on a fact, by all metrics of facts.

    Args:
        lm: the model, as it is now.
        case: the fact, with what it is measured by.
        metrics: names of `METRICS`; those of states are left to `measure_state`.
        base: what the base gave; without it no divergence is told.
        references: the scorer of texts, for the reference score.
        written_tokens: of each text that is written.
        seed: of the sampling of text.

    Raises:
        FactError: the fact has no new target.
    """
    fact = case.fact
    if not fact.target_new:
        raise FactError(f"{fact.text!r} has no new target to measure")
    found: dict[str, float | None] = {}
    written = None
    if fact.target_true is not None:
        if "scores" in metrics:
            scores = evaluate(lm, fact, written_tokens=0)
            for name in ("efficacy", "paraphrase", "neighbourhood"):
                found |= _grouped(name, getattr(scores, name))
        if "near" in metrics:
            found |= _near(lm, case, base)
        if "portability" in metrics and case.hops:
            ported = portability(lm, case.hops)
            found |= {**_grouped("portability", ported.group), "portability_known": ported.direct}
        if "reversal" in metrics:
            found |= _grouped("reversal", reversal(lm, fact))
    if "zsre" in metrics:
        tokens = token_accuracy(lm, fact, case.elsewhere)
        found["token_efficacy"] = tokens.efficacy
        found["token_paraphrase"] = tokens.paraphrase
        found["token_specificity"] = tokens.specificity
    if written_tokens and {"text", "references"} & set(metrics):
        texts = _write(lm, case, written_tokens, seed)
        written = texts.about[0]
        if "text" in metrics:
            found |= _of_text(case, texts)
        if "references" in metrics and references is not None and case.references:
            found["reference_score"] = references.score(texts.whole, case.references)
    values = {k: v for k, v in found.items() if v is not None and math.isfinite(v)}
    return Measured(values, written)


def measure_state(
    lm: LanguageModel,
    metrics: Collection[str] = tuple(METRICS),
    base: Float[Tensor, "prompt vocabulary"] | None = None,
) -> dict[str, Any]:
    """What a state of a model is measured by, whatever the facts: as JSON, an entry a text.

    Args:
        lm: the model, as it is now.
        metrics: names of `METRICS`; those of facts are left to `measure_case`.
        base: the base model's `next_logs` of `drift_prompts`, computed once; without it no drift
            is told.

    Raises:
        DataError: the package of prose and questions cannot be had.
    """
    found: dict[str, Any] = {}
    if "drift" in metrics and base is not None:
        moved = drift(base, next_logs(lm, drift_prompts()))
        found["drift"] = moved.divergence.tolist()
        found["same_first"] = moved.same_first.tolist()
    if "prose" in metrics:
        found["prose"] = [
            # A broken model's text has no probability; JSON has no infinity.
            (one.total if math.isfinite(one.total) else -1e9, one.tokens)
            for one in losses(lm, unrelated_texts(_MEASURED))
        ]
    if "choice" in metrics:
        found["choice"] = choice_accuracy(lm, unrelated_questions(_MEASURED))
    return found


def drift_prompts() -> tuple[str, ...]:
    """The unrelated prompts whose next token is compared.

    Raises:
        DataError: the package cannot be had.
    """
    return unrelated_prompts(_MEASURED)


@dataclass(frozen=True)
class _Texts:
    about: list[str]  # after the fact's own prompt and its paraphrases
    whole: list[str]  # of the open prompts, with them


def _write(lm: LanguageModel, case: Case, tokens: int, seed: int) -> _Texts:
    asked = [case.fact.text, *case.fact.paraphrases]
    prompts = [*asked, *case.open_prompts]
    drawn = seeded(seed, case.fact.text).getrandbits(63)
    written = lm.generate(
        prompts, tokens, generator=torch.Generator(lm.device).manual_seed(drawn), top_k=5
    )
    # The published scores are of whole texts, prompts included.
    whole = [f"{p}{w}" for p, w in zip(prompts, written, strict=True)]
    return _Texts(written[: len(asked)], whole[len(asked) :] or whole)


def _of_text(case: Case, texts: _Texts) -> dict[str, float | None]:
    """Free generation: share of texts that name the objects, and GE."""
    fact = case.fact

    def share(name: str | None) -> float | None:
        return None if name is None else mean([names(t, name) for t in texts.about]).value

    return {
        "names_new": share(fact.target_new),
        "names_true": share(fact.target_true),
        "generation_entropy": mean([fluency(t) for t in texts.whole]).value,
    }


def _near(lm: LanguageModel, case: Case, base: Before | None) -> dict[str, float | None]:
    found = near_edit(lm, case.fact, None if base is None else base.near)
    if found is None:
        return {}
    values = _grouped("near", found.group)
    if base is not None and base.neighbours is not None:
        now = next_logs(lm, case.fact.neighbours)
        values["neighbourhood_divergence"] = float(divergences(base.neighbours, now).mean())
        values["near_divergence"] = found.divergence
    return values


def _grouped(name: str, group: Group | None) -> dict[str, float | None]:
    if group is None:
        return {}
    return {f"{name}_{part}": float(getattr(group, part)) for part in _PARTS}
