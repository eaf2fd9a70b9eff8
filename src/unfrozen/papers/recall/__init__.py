"""Memory without touching a weight: thousands of facts, and documents, beside a model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unfrozen.data.sets import relation, relations
from unfrozen.language.facts import Fact, distinct_counterfactuals, read_facts, relation_facts
from unfrozen.language.model import LanguageModel
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.many_facts import own_facts
from unfrozen.papers.recall.comparison import compare_methods
from unfrozen.papers.recall.documents import measure_documents
from unfrozen.papers.recall.items import measure_sizes, value_of
from unfrozen.papers.running.context import RunContext

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# None of these is a figure of the papers, which remember by other states and in other models.
EFFICACY = ClaimSpec(
    "recall.efficacy", "Of 10,000 facts remembered, those that the model then says", None, "share"
)
LOCALITY = ClaimSpec(
    "recall.locality",
    "Beside 10,000 facts, prompts about other subjects whose logits stay the same to the bit",
    None,
    "share",
)
TIME = ClaimSpec("recall.time", "Time a token beside 10,000 facts", None, "times")
DOCUMENTS = ClaimSpec(
    "recall.documents",
    "Perplexity of how remembered documents go on, in units of the bare model's",
    None,
    "times",
)
_WHOLE = 10_000
_GOOD, _SLOWER = 0.98, 1.15


@dataclass(frozen=True)
class _Budget:
    sizes: tuple[int, ...]
    asked: int
    compared: int
    documents: int
    read: int
    held_out: int
    tokens: int


_BUDGETS = {
    "full": _Budget((100, 1000, _WHOLE), 300, 40, 8, 1536, 512, 24_576),
    "quick": _Budget((20, 200), 20, 5, 2, 512, 128, 4096),
}


class RecallPaper:
    """Remembers counterfactual facts and documents, and asks for them and for all else."""

    name = "recall"
    title = "Memory beside a model: facts and documents recalled by a modern Hopfield network"
    citation = (
        "Ramsauer et al., Hopfield networks is all you need, ICLR 2021; Khandelwal et al., "
        "Generalization through memorization, ICLR 2020; Hartvigsen et al., Aging with GRACE, "
        "NeurIPS 2023."
    )
    summary = (
        "Counterfactual facts, one a subject, are kept beside the model in growing numbers; a "
        "quarter of all subjects is never told of, and asked as neighbours.  The same facts are "
        "edited into weights for comparison.  Beginnings of long documents are remembered, and "
        "the perplexity of how they go on is measured without them, beside them, and behind them "
        "in the context.  Thresholds were chosen on other facts and documents."
    )
    claims = (EFFICACY, LOCALITY, TIME, DOCUMENTS)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        lm = LanguageModel.from_pretrained(context.model)
        facts = _facts(context, size.sizes[-1], seed)
        asked = {"facts": [f.id for f in facts], "size": size, "seed": seed}
        with context.uncounted():
            some = facts[: size.compared]
            rows = context.once(
                "methods", asked, lambda: compare_methods(lm, some, size.tokens, seed)
            )
            read = context.once(
                "documents",
                size,
                lambda: measure_documents(lm, size.documents, size.read, size.held_out),
            )
            points = context.once(
                "sizes", asked, lambda: measure_sizes(lm, facts, size.sizes, size.asked, seed)
            )
        return Outcome(
            claims=(*_claims(points[-1]), _documents_claim(read)),
            figures=(
                Figure("More and more facts", _picture(points), "Asked: a sample at each size."),
            ),
            tables=(_sizes_table(points), _methods_table(rows), _documents_table(read)),
        )


EXPERIMENT = RecallPaper()


def _facts(context: RunContext, number: int, seed: int) -> list[Fact]:
    if context.facts is not None:
        return own_facts(read_facts(context.facts), 1, number, seed)[1]
    named = [*relations(towns=True), relation("small_town_country")]
    source = [fact for one in named for fact in relation_facts(one)]
    # Neighbours need not be known: it is asked whether the model says of them what it said.
    return distinct_counterfactuals(source, number, seed).facts


def _claims(last: Mapping[str, Any]) -> tuple[Claim, Claim, Claim]:
    whole = last["items"] == _WHOLE
    note = (
        f"{last['items']} facts, {last['efficacy']['n']} of them asked; in other words "
        f"{value_of(last, 'paraphrase'):.3f}; {last['bytes'] / 1000:.1f} kB and "
        f"{last['seconds']:.3f} processor seconds a fact"
    )
    prose = f"perplexity of prose {last['ratio']:.4f} times the bare model's"
    names = ("reading", "writing", "reading_told", "writing_told")
    slower = max(last[name] for name in names)
    return (
        EFFICACY.measured(
            value_of(last, "efficacy"),
            deviation=last["efficacy"]["half_width"],
            holds=whole and value_of(last, "efficacy") >= _GOOD,
            note=f"{note}.  Holds from {_GOOD:g}, of 10,000 facts",
        ),
        LOCALITY.measured(
            value_of(last, "locality"),
            deviation=last["locality"]["half_width"],
            holds=whole and value_of(last, "locality") >= _GOOD,
            note=f"{last['locality']['n']} prompts; {prose}.  Holds from {_GOOD:g}, of 10,000",
        ),
        TIME.measured(
            slower,
            holds=whole and slower <= _SLOWER,
            note=f"reading {last['reading']:.3f}, writing {last['writing']:.3f} times where "
            f"nothing is recalled, {last['reading_told']:.3f} and {last['writing_told']:.3f} where "
            f"something is; medians of passes in turns.  Holds up to {_SLOWER:g}, of 10,000 facts",
        ),
    )


def _documents_claim(read: Mapping[str, Any]) -> Claim:
    ratios = _ratios(read)
    values = [r["remembered"] for r in ratios]
    middle = math.exp(sum(math.log(v) for v in values) / len(values))
    together = math.exp(sum(math.log(r["together"]) for r in ratios) / len(ratios))
    behind = math.exp(sum(math.log(r["context"]) for r in ratios) / len(ratios))
    return DOCUMENTS.measured(
        middle,
        holds=max(values) < 1,
        note=f"geometric mean over {len(values)} documents, the worst {max(values):.3f}; all "
        f"together ({read['tokens']} tokens) {together:.3f}; in the context {behind:.3f}; prose "
        f"{read['prose']:.4f}.  Holds if it is below 1 for every document",
    )


def _ratios(read: Mapping[str, Any]) -> list[dict[str, float]]:
    """Perplexities in units of the bare model's."""
    return [
        {n: math.exp(one[n] - one["bare"]) for n in ("remembered", "together", "context")}
        for one in read["documents"]
    ]


def _sizes_table(points: Sequence[Mapping[str, Any]]) -> Table:
    names = ("efficacy", "paraphrase", "locality")
    more = ("ratio", "reading", "writing", "reading_told", "writing_told", "seconds", "bytes")
    return Table(
        "Facts remembered",
        (
            "items",
            *names,
            "prose",
            "reading",
            "writing",
            "reading told",
            "writing told",
            "seconds",
            "bytes",
        ),
        tuple(
            (p["items"], *(value_of(p, n) for n in names), *(p[n] for n in more)) for p in points
        ),
        "Shares of prompts: the new object comes first, in other words, logits of neighbours the "
        "same to the bit; perplexity of prose and times a token, in units of the bare model's, "
        "with text about nothing remembered and about what is; "
        "processor seconds and bytes a fact.",
    )


def _methods_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    names = ("reliability", "generalisation", "locality")
    return Table(
        "Remembering beside editing",
        ("method", *names, "seconds", "bytes"),
        tuple(
            (r["method"], *(value_of(r, n) for n in names), r["seconds"], r["bytes"]) for r in rows
        ),
        f"{rows[0]['reliability']['n']} facts.  Shares of prompts: the new object comes first, in "
        "other words, neighbours' first token is what it was; processor seconds and bytes a fact.",
    )


def _documents_table(read: Mapping[str, Any]) -> Table:
    names = ("bare", "remembered", "together", "context")
    return Table(
        "How documents go on",
        ("document", "bare model", "remembered", "among all", "in the context"),
        tuple((d["name"], *(math.exp(d[n]) for n in names)) for d in read["documents"]),
        f"Perplexity of the continuation; among all: {read['tokens']} tokens are remembered.  "
        f"{read['bytes']:.0f} bytes a token.",
    )


def _picture(points: Sequence[Mapping[str, Any]]) -> "Picture":
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes = [p["items"] for p in points]
    for name, colour, style in (
        ("efficacy", "#0072b2", "-"),
        ("paraphrase", "#e69f00", "--"),
        ("locality", "#009e73", "-."),
    ):
        left.errorbar(
            sizes,
            [value_of(p, name) for p in points],
            yerr=[p[name]["half_width"] for p in points],
            fmt=style, color=colour, marker="o", ms=3, capsize=2, label=name,
        )  # fmt: skip
    left.axhline(_GOOD, color="black", lw=0.7)
    left.set_ylabel("share of prompts")
    left.legend(frameon=False)
    for name, colour, style in (
        ("reading", "#56b4e9", "-"),
        ("writing", "#d55e00", "--"),
        ("reading_told", "#0072b2", "-."),
        ("writing_told", "#e69f00", ":"),
    ):
        right.plot(
            sizes,
            [p[name] for p in points],
            style,
            color=colour,
            marker="o",
            ms=3,
            label=name.replace("_", " what was "),
        )
    right.axhline(_SLOWER, color="black", lw=0.7)
    right.set_ylabel("time a token (times the bare model's)")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("facts remembered")
    return figure
