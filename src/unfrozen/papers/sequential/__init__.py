"""Edits that do not erode: a thousand facts in one batch after another, by every method."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from unfrozen.data.cache import write_json
from unfrozen.errors import ModelError
from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.batch import (
    Memit,
    MemitSettings,
    NullSpaceSolver,
    PreservingSolver,
    RegularisedSolver,
)
from unfrozen.language.editing.fine_tune import FineTuneSettings
from unfrozen.language.editing.rome import RomeSettings
from unfrozen.language.evaluation.side import unrelated
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.memory import SecondMoment
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome
from unfrozen.papers.facts import spread
from unfrozen.papers.many_facts import facts_in_number, measured_facts, summary_of
from unfrozen.papers.running.context import RunContext
from unfrozen.papers.running.measure import Meter
from unfrozen.papers.sequential.shown import curves, points_table, trials_table
from unfrozen.workspace.editing.methods import Settings
from unfrozen.workspace.editing.rewrite import previous_keys
from unfrozen.workspace.evaluation.plan import Plan
from unfrozen.workspace.evaluation.writing import Total, add_edit, write_along

SCORE = ClaimSpec(
    "editing.sequential-score",
    "After 1,000 facts in batches of 100, S of what was written, by the best sequential method",
    None,
    "share",
)
RATIO = ClaimSpec(
    "editing.perplexity-ratio",
    "By the same method, perplexity of prose in units of the base's",
    None,
    "times",
)
# Of prose and questions: what settings are chosen on, and what is measured on.
_CHOSEN, _MEASURED = slice(0, None, 4), slice(1, None, 2)
_LIMIT = 1.1
_BROKEN, _BROKEN_FILE = 10.0, "broken.json"
_UNBOUNDED = 1e9


@dataclass(frozen=True)
class _Budget:
    counts: tuple[int, ...]
    apart: int
    asked: int
    tokens: int


# Facts written after each batch; at those of the curve everything is measured.
_BUDGETS = {
    "full": _Budget((1, 10, 100, *range(200, 1001, 100)), 150, 200, 24_576),
    "quick": _Budget((1, 5, 10, 20), 20, 10, 8192),
}
_CURVE = {1, 10, 100, 1000, 5, 20}


class SequentialEditing:
    """The same stream of facts by every method; each batch is solved over what is there."""

    name = "sequential"
    title = "Edits that do not erode"
    citation = (
        "Fang et al., AlphaEdit, ICLR 2025; Gupta et al., ENCORE, 2025; Liu et al., norm-anchor "
        "scaling, 2026; collapse of ROME in sequence: Gupta et al. 2024, Yang et al. 2024."
    )
    summary = (
        "Counterfactual facts, no subject twice, are written one batch after another: 1, then up "
        "to 10, to 100, and by hundreds to 1,000.  Fine-tuning and ROME write fact by fact.  What "
        "was written so far is asked again, and so are prose and questions on another subject.  "
        "On a shorter stream of facts kept apart strengths are chosen, and which method is best.  "
        "It is written as `unfrozen evaluate` writes: keys of earlier facts, which are "
        "published as they were written at, are read anew from the model as it is by then."
    )
    claims = (SCORE, RATIO)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure both claims."""
        size = _BUDGETS[budget]
        lm = LanguageModel.from_pretrained(context.model)
        apart, facts = facts_in_number(context, lm, size.apart, size.counts[-1], seed)
        base = MemitSettings(seed=seed)
        layers = base.layers_for(lm)
        moments = second_moments(lm, layers, size.tokens)
        trials = _trials(context, lm, apart, moments, base, len(facts) / len(apart))
        best = {name: max((t for t in trials if t["method"] == name), key=_rank) for name in _KINDS}
        chosen = max(best.values(), key=_rank)
        # ENCORE with and without anchored norms are one method: the better one is measured.
        worse = min(("encore", "nas"), key=lambda name: _rank(best[name]))
        measured = sorted(set(best) - {worse}, key=lambda name: (name != chosen["method"], name))
        streams: dict[str, MemitSettings | Settings] = {
            **{
                name: _settings(base, name, best[name]["strength"], best[name]["second"])
                for name in measured
            },
            "ft": FineTuneSettings(RomeSettings().layer_for(lm)),
            "rome": RomeSettings(seed=seed),
        }
        floor = context.once("base", {}, lambda: unrelated(lm, _MEASURED))
        found = {
            name: _run(context, lm, facts, name, settings, size, floor["perplexity"])
            for name, settings in streams.items()
        }
        points = found[chosen["method"]]
        return Outcome(
            claims=_claims(points[-1], chosen, found),
            figures=(
                Figure(
                    "Batch after batch",
                    curves(found, _LIMIT),
                    "S of what was written so far, and perplexity of prose in units of the base's.",
                ),
            ),
            tables=(points_table(found, floor), trials_table(trials)),
        )


EXPERIMENT = SequentialEditing()


# (strength or energy, norm or ridge) to choose from, for each method.
_KINDS: dict[str, tuple[tuple[float, float], ...]] = {
    "memit": ((5000.0, 0.0), (15_000.0, 0.0)),
    "alphaedit": ((0.5, 1000.0), (0.7, 1000.0)),
    "encore": ((5000.0, 10.0), (15_000.0, 10.0)),
    "nas": ((5000.0, 0.0), (15_000.0, 0.0)),
}


def _settings(base: MemitSettings, method: str, strength: float, second: float) -> MemitSettings:
    if method == "memit":
        return replace(base, solver=RegularisedSolver(strength))
    if method == "alphaedit":
        return replace(base, solver=NullSpaceSolver(strength, second))
    solver = PreservingSolver(strength, second)
    return replace(base, solver=solver, anchor=method == "nas")


def _trials(
    context: RunContext,
    lm: LanguageModel,
    facts: Sequence[Fact],
    moments: Mapping[int, SecondMoment],
    base: MemitSettings,
    longer: float,
) -> list[dict[str, Any]]:
    """Every method with every strength on facts kept apart, in three batches.

    The stream that is measured is so many times ``longer``.
    """
    third = -(-len(facts) // 3)
    batches = [facts[i : i + third] for i in range(0, len(facts), third)]

    def search() -> dict[str, list[list[float]]]:
        """States of the first batch, whose model nobody has edited: those of every method."""
        found = {}
        for anchor in (False, True):
            editor = Memit(lm, replace(base, anchor=anchor), moments)
            editor.reference = editor.reference_norm(facts)
            found[str(anchor)] = editor.values(batches[0]).target.tolist()
        return found

    asked = {"settings": base, "facts": [f.id for f in facts]}
    first = context.once("first-states", asked, search)
    before = context.once("prose-apart", {}, lambda: unrelated(lm, _CHOSEN, choices=False))

    def compute(tried: tuple[str, float, float]) -> dict[str, Any]:
        method, strength, second = tried
        editor = Memit(lm, _settings(base, method, strength, second), moments)
        editor.reference = editor.reference_norm(facts)
        total: Total = {}
        done: list[Fact] = []
        found = {"method": method, "strength": strength, "second": second, "longer": longer}
        try:
            for batch in batches:
                with lm.edited(total):
                    if batch is batches[0]:
                        states = torch.tensor(first[str(editor.settings.anchor)], device=lm.device)
                        edit = editor.write(batch, states)
                    else:
                        edit = editor.edit(batch, previous_keys(lm, editor, done))
                add_edit(total, edit)
                done += batch
        except ModelError:
            # It diverged, so nothing was learned.
            return {**found, "score": 0.0, "ratio": _UNBOUNDED}
        with lm.edited(total):
            score = summary_of(measured_facts(lm, facts[::2])).score
            after = unrelated(lm, _CHOSEN, choices=False)
        ratio = min(after["perplexity"] / before["perplexity"], _UNBOUNDED)
        return {**found, "score": score, "ratio": ratio}

    items = {
        f"{method} {strength:g} {second:g}": (method, strength, second)
        for method, pairs in _KINDS.items()
        for strength, second in pairs
    }
    kept = context.checkpoint("trials", asked, items, compute)
    return list(kept.values())


def _rank(trial: Mapping[str, Any]) -> tuple[bool, float]:
    """The larger S, among those that spare prose; where none does, the smaller loss.

    What a batch costs prose adds up: the logarithm of the perplexity grows by as much with each
    fact.  So what a short stream may cost is what is allowed for the whole, drawn out.
    """
    whole = math.log(trial["ratio"]) * trial["longer"]
    spared = whole <= math.log(_LIMIT)
    return spared, round(trial["score"], 4) if spared else -whole


def _run(
    context: RunContext,
    lm: LanguageModel,
    facts: Sequence[Fact],
    name: str,
    settings: MemitSettings | Settings,
    size: _Budget,
    floor: float,
) -> list[dict[str, Any]]:
    """The points of one method's curve; it ends early where the model is broken."""
    counts = tuple(n for n in size.counts if n <= len(facts))
    known = {"settings": settings, "counts": counts, "asked": size.asked}
    folder = context.place(f"states-{name}", known)
    cost = _operations(context, lm, facts, name, settings, size)

    def compute(count: int) -> dict[str, Any] | None:
        if (folder / _BROKEN_FILE).exists():
            return None
        before = max((n for n in counts if n < count), default=0)
        plan = Plan(
            method=name,
            counts=tuple(n for n in counts if n <= count),
            tokens=size.tokens,
            seed=context.seed,
        )
        written = write_along(lm, facts[:count], plan, settings, folder)
        done = max(written.totals)
        context.add_flops(cost * (done - before))
        point: dict[str, Any] = {"facts": done, "choice": None, "ended": written.ended}
        with lm.edited(written.totals[done]):
            whole = count in (*_CURVE, counts[-1]) or written.ended is not None
            now = unrelated(lm, _MEASURED, choices=whole)
            ratio = now["perplexity"] / floor
            if not ratio <= _BROKEN:
                point["ended"] = point["ended"] or f"perplexity {ratio:.3g} times the base's"
                now = unrelated(lm, _MEASURED)
            # A broken model's perplexity has no bound; JSON has no infinity.
            point |= {"ratio": min(ratio, _UNBOUNDED), "choice": now.get("choice")}
            if whole or point["ended"]:
                point["each"] = measured_facts(lm, spread(facts[:done], size.asked, context.seed))
        if point["ended"]:
            write_json(folder / _BROKEN_FILE, {"facts": done, "why": point["ended"]})
        return point

    items = {str(count): count for count in counts}
    kept = context.checkpoint(f"stream-{name}", known, items, compute, sample=None)
    return [
        {**p, "summary": summary_of(p["each"]) if "each" in p else None}
        for p in kept.values()
        if p is not None
    ]


def _operations(
    context: RunContext,
    lm: LanguageModel,
    facts: Sequence[Fact],
    name: str,
    settings: MemitSettings | Settings,
    size: _Budget,
) -> int:
    """Floating-point operations of a fact, counted on a few that are written and taken back."""
    some = list(facts[: 10 if isinstance(settings, MemitSettings) else 2])

    def compute() -> int:
        plan = Plan(method=name, counts=(len(some),), tokens=size.tokens, seed=context.seed)
        with TemporaryDirectory() as folder, Meter() as meter:
            write_along(lm, some, plan, settings, Path(folder))
        return round(meter.flops / len(some))

    return context.once(f"operations-{name}", {"settings": settings}, compute)


def _claims(
    last: Mapping[str, Any],
    chosen: Mapping[str, Any],
    found: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[Claim, Claim]:
    summary = last["summary"]
    ends = ", ".join(
        f"{name} S {points[-1]['summary'].score:.3f} at {points[-1]['facts']}"
        f"{' (broken)' if points[-1]['ended'] else ''}"
        for name, points in found.items()
    )
    note = (
        f"{chosen['method']}, strength {chosen['strength']:g}, best on facts kept apart; "
        f"{last['facts']} facts, {summary.n} of them asked; {ends}"
    )
    whole = last["facts"] == 1000
    return (
        SCORE.measured(
            summary.score,
            holds=whole and summary.score >= 0.80,
            note=f"{note}.  Holds from 0.80, of 1,000 facts",
        ),
        RATIO.measured(
            last["ratio"],
            holds=whole and last["ratio"] <= _LIMIT,
            note=f"{note}.  Holds up to {_LIMIT:g}, of 1,000 facts",
        ),
    )
