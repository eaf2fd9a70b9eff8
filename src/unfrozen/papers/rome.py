"""ROME (Meng et al. 2022, section 3): one fact rewritten by one rank-one write."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.calibration import Calibration, Trial, calibrate, default_layers
from unfrozen.language.editing.edit import Edit
from unfrozen.language.editing.fine_tune import FineTuneSettings, fine_tune
from unfrozen.language.editing.rome import Rome, RomeSettings, write_value
from unfrozen.language.evaluation import Evaluation, Summary, evaluate, summarize
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.statistics import Mean, mean
from unfrozen.memory import SecondMoment
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.facts import facts_to_edit
from unfrozen.papers.running.context import RunContext

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# The paper's figures are those of GPT-2 XL on CounterFact, its table 4.
EFFICACY = ClaimSpec(
    "rome.efficacy", "After an edit the new object is likelier than the true one", 1.0, "share"
)
PARAPHRASE = ClaimSpec("rome.paraphrase", "So it is in paraphrases of the prompt", 0.964, "share")
NEIGHBOURHOOD = ClaimSpec(
    "rome.neighbourhood",
    "Prompts about other subjects with the same object keep the true one likelier",
    0.754,
    "share",
)
SCORE = ClaimSpec(
    "rome.score", "Harmonic mean S of the three, above that of fine-tuning", 0.892, "share"
)
SECONDS = ClaimSpec("rome.seconds", "One edit (key, value, write) takes seconds", None, "seconds")
SECOND_MOMENT = ClaimSpec(
    "rome.second-moment",
    "Weighing the write by the second moment of all keys spares the neighbours "
    "(gain in neighbourhood score over the identity)",
    None,
    "share",
)
_METHODS = ("base", "rome", "rome, identity", "ft", "ft-l")
# A target's probability of 0.99, 0.95 and 0.8, as the strengths that ROME is tried with.
_LOSSES = (0.01, 0.05, 0.22)
_BOUNDS = (5e-4, 2e-3, 8e-3)


@dataclass(frozen=True)
class _Budget:
    facts: int
    calibration: int
    layers: tuple[float, ...] | None
    tokens: int


_BUDGETS = {"full": _Budget(112, 12, None, 24_576), "quick": _Budget(6, 2, (0.1, 0.15), 8192)}


class RomePaper:
    """Edits known facts one at a time, each from the base, and measures what became of them."""

    name = "rome"
    title = "Locating and Editing Factual Associations in GPT: ROME"
    citation = "Meng, Bau, Andonian, Belinkov. NeurIPS 2022, section 3 and table 4."
    summary = (
        "Facts that the model answers right, with up to ten neighbours that it answers right too, "
        "are rewritten one at a time from the base.  Layer and strength are chosen by a sweep on "
        "facts kept apart, because causal tracing does not predict the best layer (Hase et al. "
        "2023); so are the loss at which fine-tuning stops and the bound of FT-L.  Beside ROME: "
        "the same keys and values written with the identity as second moment, and fine-tuning of "
        "the same layer, free (FT) and bounded (FT-L)."
    )
    claims = (EFFICACY, PARAPHRASE, NEIGHBOURHOOD, SCORE, SECONDS, SECOND_MOMENT)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        lm = LanguageModel.from_pretrained(context.model)
        apart, facts = facts_to_edit(context, lm, size.calibration, size.facts, seed)
        layers = default_layers(lm.n_layers)
        if size.layers is not None:
            layers = sorted({round(lm.n_layers * depth) for depth in size.layers})
        moments = second_moments(lm, layers, size.tokens, progress=_bar(context, "second moment"))
        base = RomeSettings(seed=seed)
        found = _calibrate(context, lm, apart, moments, layers, base, size.tokens)
        settings = found.settings(base)
        rivals = _rivals(context, lm, apart, found.layer)
        edits = _edit_all(context, lm, facts, settings, moments[found.layer], rivals, size.tokens)
        summaries = {
            method: summarize([Evaluation.from_json(e["measured"][method]) for e in edits])
            for method in _METHODS
        }
        seconds = [e["seconds"] for e in edits]
        return Outcome(
            claims=(*_scores(summaries, found, rivals), _seconds(seconds), _moment(edits, size)),
            figures=(
                Figure(
                    "Methods side by side",
                    _bars(summaries),
                    "Scores on the same facts, with 95 % confidence intervals.",
                ),
                Figure(
                    "Layer and strength",
                    _sweep(found),
                    f"On {found.facts} facts kept apart; the marked setting is used.",
                ),
            ),
            tables=(_table(summaries), _trials(found), _examples(facts, edits)),
        )


EXPERIMENT = RomePaper()


def _calibrate(
    context: RunContext,
    lm: LanguageModel,
    facts: Sequence[Fact],
    moments: Mapping[int, SecondMoment],
    layers: Sequence[int],
    settings: RomeSettings,
    tokens: int,
) -> Calibration:
    kept = context.once(
        "calibration",
        {
            "settings": settings,
            "layers": list(layers),
            "tokens": tokens,
            "facts": [f.id for f in facts],
        },
        lambda: asdict(
            calibrate(lm, facts, moments, layers, settings, progress=_bar(context, "calibration"))
        ),
    )
    return Calibration(**{**kept, "trials": tuple(Trial(**t) for t in kept["trials"])})


def _rivals(
    context: RunContext, lm: LanguageModel, facts: Sequence[Fact], layer: int
) -> dict[str, FineTuneSettings]:
    """FT and FT-L with the stopping loss and the bound of the largest S on the facts kept apart."""

    def best(tried: Sequence[FineTuneSettings]) -> FineTuneSettings:
        scores = [
            summarize([_measure(lm, f, fine_tune(lm, f, one), 0) for f in facts]).score
            for one in tried
        ]
        return tried[scores.index(max(scores))]

    def compute() -> dict[str, Any]:
        free = best([FineTuneSettings(layer, loss=loss) for loss in _LOSSES])
        bounded = best([replace(free, largest_change=bound) for bound in _BOUNDS])
        return {"ft": asdict(free), "ft-l": asdict(bounded)}

    tried = {"layer": layer, "losses": _LOSSES, "bounds": _BOUNDS, "facts": [f.id for f in facts]}
    found = context.once("fine-tuning", tried, compute)
    return {name: FineTuneSettings(**settings) for name, settings in found.items()}


def _measure(lm: LanguageModel, fact: Fact, edit: Edit, written_tokens: int = 40) -> Evaluation:
    with edit.applied(lm):
        return evaluate(lm, fact, written_tokens=written_tokens)


def _edit_all(
    context: RunContext,
    lm: LanguageModel,
    facts: Sequence[Fact],
    settings: RomeSettings,
    moment: SecondMoment,
    rivals: Mapping[str, FineTuneSettings],
    tokens: int,
) -> list[dict[str, Any]]:
    layer = settings.layer_for(lm)
    rome = Rome(lm, settings, moment)

    def compute(fact: Fact) -> dict[str, Any]:
        start = time.perf_counter()
        value = rome.value(fact)
        edit = write_value(lm, layer, value, moment)
        seconds = time.perf_counter() - start
        edits = {
            "rome": edit,
            "rome, identity": write_value(lm, layer, value, None),
            **{name: fine_tune(lm, fact, one) for name, one in rivals.items()},
        }
        measured = {name: _measure(lm, fact, edit).to_json() for name, edit in edits.items()}
        return {
            "measured": {"base": evaluate(lm, fact).to_json(), **measured},
            "seconds": seconds,
            "steps": value.steps,
        }

    kept = context.checkpoint(
        "edits",
        {"settings": settings, "rivals": dict(rivals), "tokens": tokens},
        {fact.id: fact for fact in facts},
        compute,
    )
    return list(kept.values())


def _scores(
    summaries: Mapping[str, Summary], found: Calibration, rivals: Mapping[str, FineTuneSettings]
) -> tuple[Claim, ...]:
    rome = summaries["rome"]
    setting = (
        f"{rome.n} facts, layer {found.layer}, strength {found.confidence}; "
        "deviation is half the 95 % confidence interval"
    )
    bars = ((EFFICACY, "efficacy", 0.99), (PARAPHRASE, "paraphrase", 0.93))
    bars += ((NEIGHBOURHOOD, "neighbourhood", 0.75),)
    claims = []
    for spec, name, bar in bars:
        value: Mean = getattr(rome, f"{name}_score")
        strict: Mean = getattr(rome, f"{name}_accuracy")
        claims.append(
            spec.measured(
                value.value,
                holds=value.value >= bar,
                deviation=value.half_width if value.n > 1 else None,
                note=f"{setting}; strict accuracy {strict.value:.3f}.  Holds from {bar}",
            )
        )
    others = ", ".join(f"{m} {summaries[m].score:.3f}" for m in _METHODS[2:])
    claims.append(
        SCORE.measured(
            rome.score,
            holds=rome.score >= 0.90 and rome.score > max(summaries[m].score for m in _METHODS[3:]),
            note=f"{others}.  Fine-tuning stops at a loss of {rivals['ft'].loss:g} (of "
            f"{list(_LOSSES)}) and FT-L is bounded by {rivals['ft-l'].largest_change:g} an entry "
            f"(of {list(_BOUNDS)}), the best on the facts kept apart; the layer is ROME's.  Holds "
            "from 0.90, and above FT and FT-L",
        )
    )
    return tuple(claims)


def _seconds(seconds: Sequence[float]) -> Claim:
    value = mean(seconds)
    return SECONDS.measured(
        value.value,
        holds=value.value < 5,
        deviation=value.half_width if value.n > 1 else None,
        note=f"mean; the slowest took {max(seconds):.1f} s.  Second moment and prefixes, made once "
        "for a model, are not in it.  Holds below 5 s",
    )


def _moment(edits: Sequence[Mapping[str, Any]], size: _Budget) -> Claim:
    gaps = []
    for edit in edits:
        ours, identity = (edit["measured"][m]["neighbourhood"] for m in ("rome", "rome, identity"))
        if ours is not None and identity is not None:
            gaps.append(ours["score"] - identity["score"])
    if not gaps:
        return SECOND_MOMENT.failed("no fact has neighbours")
    gap = mean(gaps)
    return SECOND_MOMENT.measured(
        gap.value,
        holds=gap.low > 0,
        deviation=gap.half_width if gap.n > 1 else None,
        note=f"second moment from {size.tokens} tokens that the model wrote itself; same keys and "
        "values.  Holds if the gain is positive with 95 % confidence",
    )


def _table(summaries: Mapping[str, Summary]) -> Table:
    columns = ("efficacy", "paraphrase", "neighbourhood")
    heads = [f"{c} {part}" for part in ("score", "magnitude", "accuracy") for c in columns]
    rows = []
    for method, found in summaries.items():
        cells = [getattr(found, head.replace(" ", "_")) for head in heads]
        more = (found.names_new, found.fluency)
        rows.append(
            (method, found.score, *(None if c is None else c.value for c in [*cells, *more]))
        )
    return Table(
        "Methods",
        ("method", "S", *heads, "texts naming the new object", "fluency (bits)"),
        tuple(rows),
        f"{next(iter(summaries.values())).n} facts.",
    )


def _trials(found: Calibration) -> Table:
    names = ("layer", "confidence", "efficacy", "paraphrase", "neighbourhood", "score", "margin")
    return Table(
        "Sweep of layer and strength on facts kept apart",
        names,
        tuple(tuple(getattr(t, n) for n in names) for t in found.trials),
        f"{found.facts} facts; layer {found.layer} and strength {found.confidence} were chosen.",
    )


def _examples(facts: Sequence[Fact], edits: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (fact.text, fact.target_true, fact.target_new, edit["measured"]["rome"]["written"])
        for fact, edit in zip(facts[:8], edits, strict=False)
    ]
    return Table(
        "What the edited model writes", ("prompt", "before", "rewritten to", "text"), tuple(rows)
    )


def _bars(summaries: Mapping[str, Summary]) -> "Picture":
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(8.5, 3.4), layout="constrained")
    axes = figure.subplots()
    groups = ("efficacy", "paraphrase", "neighbourhood")
    colours = ("#999999", "#0072b2", "#56b4e9", "#d55e00", "#e69f00")
    width = 0.8 / len(summaries)
    for i, (method, found) in enumerate(summaries.items()):
        scores = [getattr(found, f"{g}_score") for g in groups]
        places = [j + (i - (len(summaries) - 1) / 2) * width for j in range(len(groups) + 1)]
        axes.bar(
            places,
            [*(s.value if s else 0 for s in scores), found.score],
            width,
            yerr=[*(s.half_width if s and s.n > 1 else 0 for s in scores), 0],
            color=colours[i % len(colours)],
            label=method,
            capsize=2,
        )
    axes.set_xticks(range(len(groups) + 1), [*groups, "S"])
    axes.set_ylabel("score (share of prompts)")
    axes.set_ylim(0, 1.05)
    figure.legend(loc="outside right center", frameon=False)
    return figure


def _sweep(found: Calibration) -> "Picture":
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(6.5, 3.2), layout="constrained")
    axes = figure.subplots()
    strength = found.trials[0].confidence
    swept = sorted((t for t in found.trials if t.confidence == strength), key=lambda t: t.layer)
    for name, colour, style in (
        ("efficacy", "#999999", ":"),
        ("paraphrase", "#e69f00", "--"),
        ("neighbourhood", "#009e73", "-."),
        ("score", "#0072b2", "-"),
    ):
        label = "S" if name == "score" else name
        axes.plot(
            [t.layer for t in swept], [getattr(t, name) for t in swept], style,
            color=colour, marker="o", ms=3, label=label,
        )  # fmt: skip
    axes.axvline(found.layer, color="black", lw=0.7)
    axes.set_xticks(sorted({t.layer for t in swept}))
    axes.set_xlabel("layer written to")
    axes.set_ylabel("score (share of prompts)")
    figure.legend(loc="outside right center", frameon=False)
    return figure


def _bar(context: RunContext, description: str) -> Callable[[int, int], None]:
    """A callback (done, of how many) that moves a progress bar."""
    progress, state = context.progress, {"task": None, "done": 0}

    def move(done: int, total: int) -> None:
        if progress is None:
            return
        if state["task"] is None:
            state["task"] = progress.add_task(description, total=total)
        progress.advance(state["task"], done - (state["done"] or 0))
        state["done"] = done

    return move
