"""Causal tracing (Meng et al. 2022, section 2): where a model carries its facts."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.plots import average_effects, heat_map
from unfrozen.language.statistics import Mean, average_indirect_effects, effect_at, mean
from unfrozen.language.tracing import PLACES, Trace, TraceSettings, embedding_deviation, trace
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.facts import known_facts, spread
from unfrozen.papers.naive_tracing import naive_trace
from unfrozen.papers.running.context import RunContext

MLP_SITE = ClaimSpec(
    "tracing.mlp-site",
    "MLP outputs of early and middle layers at the last subject token carry the fact "
    "(average indirect effect at their peak)",
    0.066,
    "probability",
)
ATTENTION_SITE = ClaimSpec(
    "tracing.attention-site",
    "Attention outputs of late layers at the last token carry the fact "
    "(average indirect effect at their peak)",
    None,
    "probability",
)
SEVERED = ClaimSpec(
    "tracing.severed-mlp",
    "Early states at the last subject token work through later MLPs: cutting these off costs more "
    "of their effect than cutting off attention (difference of average indirect effects)",
    None,
    "probability",
)
SPEEDUP = ClaimSpec(
    "tracing.speedup",
    "Restorations that share passes, start at their own token and layer and read a kept run are "
    "faster than a pass for each restoration, with the same numbers",
    None,
    "times",
)
_SUBJECT, _LAST = "last subject token", "last token"


@dataclass(frozen=True)
class _Budget:
    facts: int
    samples: int
    timed: int


_BUDGETS = {"full": _Budget(108, 10, 5), "quick": _Budget(9, 2, 1)}


class CausalTracing:
    """Traces known facts, averages over them, and times the batched trace."""

    name = "causal-tracing"
    title = "Locating and Editing Factual Associations in GPT: causal tracing"
    citation = "Meng, Bau, Andonian, Belinkov. NeurIPS 2022, section 2."
    summary = (
        "Facts that the model answers right are traced: noise of three standard deviations on the "
        "subject's embeddings, then single states, or windows of MLP or attention outputs, put "
        "back to what they were.  Layers of the peaks are found on one half of the facts, effects "
        "measured on the other.  That a site carries a fact does not make it the best place to "
        "rewrite it (Hase et al. 2023)."
    )
    claims = (MLP_SITE, ATTENTION_SITE, SEVERED, SPEEDUP)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        lm = LanguageModel.from_pretrained(context.model)
        facts = spread(known_facts(context, lm), size.facts, seed)
        sigma = 3 * embedding_deviation(lm, [f.subject for f in facts])
        settings = TraceSettings(samples=size.samples, seed=seed)
        traces = _traces(context, lm, facts, sigma, settings)
        timed = _speedup(context, lm, facts[: size.timed], sigma, settings)
        effects = {
            kind: average_indirect_effects(traces, kind) for kind in ("state", "mlp", "attention")
        }
        severed = {
            kind: average_indirect_effects(traces, kind, [_SUBJECT])
            for kind in ("state", "severed-mlp", "severed-attention")
        }
        cut = {kind: found for kind, found in severed.items() if kind != "state"}
        total = mean([t.total_effect for t in traces])
        clearest = max(traces, key=lambda t: t.total_effect)
        return Outcome(
            claims=(
                _mlp_site(traces, lm.n_layers),
                _attention_site(traces, lm.n_layers),
                _severed(traces, lm.n_layers),
                timed,
            ),
            figures=(
                Figure(
                    "Average indirect effect",
                    average_effects(effects, PLACES, total),
                    "By role of the token; bands are 95 % confidence intervals over facts.",
                ),
                Figure(
                    "Cutting off later modules",
                    average_effects(severed, (_SUBJECT,), total),
                    "States at the last subject token restored while the MLP or attention outputs "
                    "of later layers at that token are held at their corrupted values.",
                ),
                Figure(
                    "One fact",
                    heat_map(clearest, ("state", "mlp", "attention")),
                    f"“{clearest.prompt}”, the largest total effect of all.",
                ),
            ),
            tables=(_peaks(effects, total, facts),),
            details=(_averages({**effects, **cut}), _each(traces)),
        )


EXPERIMENT = CausalTracing()


def _traces(
    context: RunContext,
    lm: LanguageModel,
    facts: Sequence[Fact],
    sigma: float,
    settings: TraceSettings,
) -> list[Trace]:
    severed = replace(settings, kinds=("severed-mlp", "severed-attention"), tokens="last subject")

    def compute(fact: Fact) -> dict[str, Any]:
        main = trace(lm, fact.prompt, fact.subject, settings, sigma=sigma)
        cut = trace(lm, fact.prompt, fact.subject, severed, sigma=sigma)
        return replace(
            main, effects={**main.effects, **cut.effects}, spread={**main.spread, **cut.spread}
        ).to_json()

    items = {fact.id: fact for fact in facts}
    kept = context.checkpoint("traces", {"settings": settings, "sigma": sigma}, items, compute)
    return [Trace.from_json(found) for found in kept.values()]


def _profile(traces: Sequence[Trace], kind: str, place: str) -> list[Mean]:
    return average_indirect_effects(traces, kind, [place])[place]


def _peak(traces: Sequence[Trace], kind: str, place: str) -> int:
    values = [m.value for m in _profile(traces, kind, place)]
    return max(range(len(values)), key=values.__getitem__)


def _halves(traces: Sequence[Trace]) -> tuple[Sequence[Trace], Sequence[Trace]]:
    """One half to find layers on, one to measure on; both if there is but one fact."""
    return traces[::2], traces[1::2] or traces


def _difference(
    traces: Sequence[Trace], one: tuple[str, str, int], other: tuple[str, str, int]
) -> Mean:
    gaps = []
    for t in traces:
        a, b = effect_at(t, one[0], one[1]), effect_at(t, other[0], other[1])
        if a is not None and b is not None:
            gaps.append(a[one[2]] - b[other[2]])
    return mean(gaps)


def _mlp_site(traces: Sequence[Trace], n_layers: int) -> Claim:
    found, measured = _halves(traces)
    layer = _peak(found, "mlp", _SUBJECT)
    rival = _peak(found, "attention", _SUBJECT)
    value = _profile(measured, "mlp", _SUBJECT)[layer]
    attention = _profile(measured, "attention", _SUBJECT)[rival]
    gap = _difference(measured, ("mlp", _SUBJECT, layer), ("attention", _SUBJECT, rival))
    return MLP_SITE.measured(
        value.value,
        holds=layer < n_layers / 2 and gap.low > 0,
        deviation=value.half_width if value.n > 1 else None,
        note=f"window centred on layer {layer} of {n_layers}, {value.n} facts; attention there at "
        f"most {attention.value:.3f} (layer {rival}; the paper: 0.016), difference "
        f"{gap.value:.3f} ± {gap.half_width:.3f}.  Holds if the peak is in the first half of the "
        "layers and above attention's with 95 % confidence",
    )


def _attention_site(traces: Sequence[Trace], n_layers: int) -> Claim:
    found, measured = _halves(traces)
    layer = _peak(found, "attention", _LAST)
    rival, late = _peak(found, "attention", _SUBJECT), _peak(found, "mlp", _LAST)
    value = _profile(measured, "attention", _LAST)[layer]
    gap = _difference(measured, ("attention", _LAST, layer), ("attention", _SUBJECT, rival))
    mlp = _profile(measured, "mlp", _LAST)[late]
    return ATTENTION_SITE.measured(
        value.value,
        holds=layer >= n_layers / 2 and gap.low > 0,
        deviation=value.half_width if value.n > 1 else None,
        note=f"window centred on layer {layer} of {n_layers}, {value.n} facts; more than attention "
        f"at the last subject token by {gap.value:.3f} ± {gap.half_width:.3f}; MLP outputs at the "
        f"last token reach {mlp.value:.3f} (layer {late}).  Holds if the peak is in the second "
        "half of the layers and above attention's at the last subject token with 95 % confidence",
    )


def _severed(traces: Sequence[Trace], n_layers: int) -> Claim:
    # Early: where the paper sees the effect vanish without MLPs, the first third of the layers.
    early = range(max(1, n_layers // 3))
    gaps = []
    for t in traces:
        mlp, attention = (effect_at(t, f"severed-{k}", _SUBJECT) for k in ("mlp", "attention"))
        if mlp is not None and attention is not None:
            gaps.append(sum(attention[j] - mlp[j] for j in early) / len(early))
    gap = mean(gaps)

    def average(kind: str) -> float:
        return sum(m.value for m in _profile(traces, kind, _SUBJECT)[: len(early)]) / len(early)

    return SEVERED.measured(
        gap.value,
        holds=gap.low > 0,
        deviation=gap.half_width if gap.n > 1 else None,
        note=f"layers 0 to {early[-1]}, {gap.n} facts: {average('state'):.3f} whole, "
        f"{average('severed-mlp'):.3f} without later MLPs, {average('severed-attention'):.3f} "
        "without later attention.  Holds if the difference is positive with 95 % confidence",
    )


def _speedup(
    context: RunContext,
    lm: LanguageModel,
    facts: Sequence[Fact],
    sigma: float,
    settings: TraceSettings,
) -> Claim:
    """Both ways on the same prompts, all three kinds, on all the threads the program has."""
    kinds: tuple[Literal["state", "mlp", "attention"], ...] = ("state", "mlp", "attention")

    def compute(fact: Fact) -> dict[str, float]:
        start = time.perf_counter()
        ours = trace(lm, fact.prompt, fact.subject, replace(settings, kinds=kinds), sigma=sigma)
        seconds = time.perf_counter() - start
        gap, start = 0.0, time.perf_counter()
        for kind in kinds:
            naive = naive_trace(
                lm, fact.prompt, fact.subject, kind, sigma, settings, samples_share=True
            )
            gap = max(gap, float((naive - ours.effects[kind]).abs().max()))
        slow = time.perf_counter() - start
        return {"ours": seconds, "naive": slow, "gap": gap, "tokens": len(ours.tokens)}

    with context.uncounted():
        trace(lm, facts[0].prompt, facts[0].subject, replace(settings, samples=1), sigma=sigma)
        threads = torch.get_num_threads()
        found = context.checkpoint(
            "speed",
            {"settings": settings, "sigma": sigma, "threads": threads},
            {fact.id: fact for fact in facts},
            compute,
            sample=None,
        ).values()
    ratios = sorted(f["naive"] / f["ours"] for f in found)
    gap = max(f["gap"] for f in found)
    each = ", ".join(
        f"{f['naive'] / f['ours']:.1f} ({f['tokens']} tokens, {f['ours']:.0f} s)" for f in found
    )
    value = statistics.median(ratios)
    return SPEEDUP.measured(
        value,
        holds=value >= 8 and gap <= 1e-4,
        note=f"median over prompts: {each}; on {threads} threads, {settings.samples} samples, all "
        "three kinds, against the published layout: a pass for every token and layer, which all "
        f"samples share.  Largest difference of an effect {gap:.1e}.  Holds from 8 times, with "
        "differences up to 1e-4",
    )


def _peaks(effects: dict[str, dict[str, list[Mean]]], total: Mean, facts: Sequence[Fact]) -> Table:
    rows = []
    for kind, by_place in effects.items():
        for place, means in by_place.items():
            if means:
                layer = max(range(len(means)), key=lambda i, m=means: m[i].value)
                at = means[layer]
                rows.append((kind, place, layer, at.value, at.half_width, at.n))
    return Table(
        "Peaks of the average indirect effect",
        ("restored", "place", "layer", "effect (probability)", "± 95 %", "facts"),
        tuple(rows),
        f"{len(facts)} facts; average total effect {total.value:.3f} ± {total.half_width:.3f}.  "
        "Layer and effect of a peak are from the same facts here, so the effects are a little "
        "flattered; those of the claims are not.",
    )


def _averages(effects: dict[str, dict[str, list[Mean]]]) -> Table:
    rows = [
        (kind, place, layer, at.value, at.half_width, at.n)
        for kind, by_place in effects.items()
        for place, means in by_place.items()
        for layer, at in enumerate(means)
    ]
    columns = ("restored", "place", "layer", "effect (probability)", "± 95 %", "facts")
    return Table("Average indirect effects", columns, tuple(rows))


def _each(traces: Sequence[Trace]) -> Table:
    rows = [(t.prompt, t.subject, t.answer, t.clean, t.corrupted, t.total_effect) for t in traces]
    columns = ("prompt", "subject", "answer", "p clean", "p corrupted", "total effect")
    return Table("Facts traced", columns, tuple(rows))
