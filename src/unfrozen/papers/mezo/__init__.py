"""MeZO: memory and time of a step, accuracy beside backpropagation, and runs of a few kilobytes."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unfrozen.language.model import LanguageModel
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.mezo.timing import BATCH, TOKENS, WAYS, measure
from unfrozen.papers.mezo.tuning import (
    Sizes,
    Way,
    by_backprop,
    by_mezo,
    by_probe,
    reviews,
)
from unfrozen.papers.running.context import RunContext
from unfrozen.papers.running.measure import count_flops
from unfrozen.workspace.tuning.lora import Adapter
from unfrozen.workspace.tuning.measuring import measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_MEMORY, _RATIO, _ACCURACY, _NEAR, _BYTES = 0.03, 2.3, 0.8, 0.04, 32 * 1024

MEMORY = ClaimSpec(
    "mezo.memory-share",
    "A step takes no more memory than inference: what it takes above that, as a share of the model",
    0.0,
    "share",
)
RATIO = ClaimSpec(
    "mezo.step-ratio",
    f"A step, but for drawing noise, costs at most {_RATIO} times its two forward passes",
    None,
    "two forward passes",
)
ACCURACY = ClaimSpec(
    "mezo.accuracy",
    "Tuned by losses alone, the model tells fresh reviews of films from rotten ones about as well "
    "as tuned by backpropagation",
    None,
    "share",
)
BYTES = ClaimSpec(
    "mezo.replay-bytes",
    "A thousand steps are kept in less than 0.1 MB, and give the weights again to the bit",
    100_000,
    "bytes",
)
_FIRST = 100
# Chosen on films that are not asked here, see `reviews`.  Below this block the model stays as it
# is, so that a step reads the last one alone; of fewer directions, a slope tells more: in as many
# steps rank one in one block comes farther than rank four in two.
_ADAPTER = Adapter(("v_proj", "up_proj", "down_proj"), rank=1, alpha=2.0, first=29)
_BACKPROP = 1e-3
_OURS = "MeZO, preconditioned"
_WAYS: dict[str, Way] = {
    _OURS: Way(6e-3, {"eps": 1e-2, "scale": "rms"}, precondition=True),
    "MeZO, step lengths from earlier slopes": Way(6e-3, {"eps": 1e-2, "scale": "rms"}),
    "MeZO as published": Way(2e-3, {"eps": 1e-2, "clip": None}, falls=False),
    "FZOO": Way(
        1e-4, {"eps": 1e-2, "noise": "rademacher", "sides": 1, "samples": 7, "scale": "deviation",
               "clip": None},
        passes=8, falls=False,
    ),
    "by accuracy": Way(
        6e-3, {"eps": 5e-2, "scale": "rms"}, "accuracy", batch=64, precondition=True
    ),
}  # fmt: skip


@dataclass(frozen=True)
class _Budget:
    sizes: Sizes
    timed: int
    seeds: int
    others: int


_BUDGETS = {
    "full": _Budget(Sizes(2000, 1000, 20, 8000, 600), 5, 5, 2),
    "quick": _Budget(Sizes(200, 100, 12, 60, 40), 1, 1, 1),
}


class MezoPaper:
    """Times steps each in a process of its own; tunes adapters on film reviews in several ways."""

    name = "mezo"
    title = "Fine-Tuning Language Models with Just Forward Passes"
    citation = (
        "Malladi, Gao, Nichani, Damian, Lee, Chen and Arora 2023, NeurIPS 36, arXiv:2305.17333; "
        "FZOO: Dang et al. 2025, arXiv:2506.09034; HiZOO, after which adapters are preconditioned: "
        "Zhao et al. 2024, arXiv:2402.15173."
    )
    summary = (
        f"A step of MeZO on {BATCH} texts of {TOKENS} tokens is timed and its memory measured "
        "beside its published form and backpropagation.  Adapters are tuned on sentences of film "
        "reviews, and asked about other films: by MeZO in several ways that read as many "
        "sentences, by accuracy itself, by AdamW, and beside a linear probe.  Every run is "
        "replayed from its scalars."
    )
    claims = (MEMORY, RATIO, ACCURACY, BYTES)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        with context.uncounted():
            steps = context.checkpoint(
                "steps", {"timed": size.timed, "model": context.model},
                {way: way for way in WAYS},
                lambda way: measure(way, size.timed, context.model), sample=None,
            )  # fmt: skip
        first = seed + _FIRST
        tuned = context.checkpoint(
            "tuned", {"size": size, "ways": _WAYS, "adapter": _ADAPTER},
            {f"seed {s}": s for s in range(first, first + size.seeds)},
            lambda s: _tuned(context, s, size, s - first < size.others), sample=None,
            anywhere=True,
        )  # fmt: skip
        full = budget == "full"
        return Outcome(
            claims=(*_cost_claims(steps, full), *_tuning_claims(list(tuned.values()), full)),
            figures=(
                Figure(
                    "Losses while tuning",
                    _picture(list(tuned.values())),
                    "Of the first seed, on the examples of each step, smoothed.",
                ),
            ),
            tables=(_cost_table(steps), _tuning_table(list(tuned.values()))),
        )


EXPERIMENT = MezoPaper()


def _tuned(context: RunContext, seed: int, size: _Budget, others: bool) -> dict[str, Any]:
    lm = LanguageModel.from_pretrained(context.model)
    lm.model.requires_grad_(False)
    sizes = size.sizes
    adapter = replace(_ADAPTER, first=min(_ADAPTER.first, lm.n_layers - 1))
    found = reviews(lm, sizes, adapter.first, seed)
    # What lies below is read here, and is in no step's time.
    asked = count_flops(lambda: measured(found.asked))
    measured(found.learnt)
    context.add_flops(asked.flops * (len(found.asked) + len(found.learnt)) // len(found.asked))
    result: dict[str, Any] = {
        "zero-shot": asked.result,
        "probe": by_probe(found),
        "backpropagation": _last(
            context, f"backpropagation, seed {seed}", sizes.backprop,
            by_backprop(found, adapter, _BACKPROP, sizes.backprop, seed),
        ),
    }  # fmt: skip
    for name, way in _WAYS.items():
        if name == _OURS or others:
            # As many sentences are read by every way.
            steps = max(1, 2 * 16 * sizes.steps // (way.passes * way.batch))
            result[name] = _last(
                context, f"{name}, seed {seed}", steps, by_mezo(found, adapter, way, steps, seed)
            )
    return result


def _last(
    context: RunContext, told: str, steps: int, run: Iterator[dict[str, Any] | None]
) -> dict[str, Any]:
    # Before the first step, sizes are measured; the second is as all others.
    next(run)
    second = count_flops(lambda: next(run))
    context.add_flops(second.flops * steps)
    *_, last = [second.result, *context.track(run, told, steps - 1)]
    assert last is not None
    return last


def _cost_claims(steps: Mapping[str, Any], full: bool) -> tuple[Claim, Claim]:
    mezo, passes = steps["mezo"], 2 * _seconds(steps, "inference")
    share = _share(mezo)
    # Noise is drawn three times a step: for each side, and to come back.
    rest = _seconds(steps, "mezo") - 3 * mezo["noise"]
    sgd = _seconds(steps, "sgd")
    others = ", ".join(
        f"{way} {'unknown' if (other := _share(steps[way])) is None else f'{other:.2f}'}"
        for way in ("reference", "sgd", "adam")
    )
    return (
        MEMORY.measured(
            share,
            holds=full and share is not None and share <= _MEMORY,
            note=f"peak beyond that of inference; {others}.  Holds up to {_MEMORY} in the full run",
        ),
        RATIO.measured(
            rest / passes,
            holds=full and rest / passes <= _RATIO and _seconds(steps, "mezo") < sgd,
            note=f"all weights of the model; {_seconds(steps, 'mezo'):.2f} s a step, of which "
            f"noise takes {3 * mezo['noise']:.2f} s; two passes {passes:.2f} s, a step of SGD by "
            f"backpropagation {sgd:.2f} s.  Holds up to {_RATIO} in the full run, if a step with "
            "its noise is faster than that of SGD",
        ),
    )


def _tuning_claims(found: Sequence[Mapping[str, Any]], full: bool) -> tuple[Claim, Claim]:
    def accuracies(name: str) -> list[float]:
        return [one[name]["accuracy"] for one in found if name in one]

    ours = accuracies(_OURS)
    mean, backprop = statistics.fmean(ours), statistics.fmean(accuracies("backpropagation"))
    runs = [run for one in found for name, run in one.items() if name in _WAYS]
    replayed = all(run["replayed"] for run in runs)
    longest = max(
        (run for one in found for name, run in one.items() if name == _OURS),
        key=lambda run: run["bytes"],
    )
    thousand = longest["bytes"] * 1000 / len(longest["losses"])
    return (
        ACCURACY.measured(
            mean,
            deviation=statistics.stdev(ours) if len(ours) > 1 else None,
            holds=full and mean >= _ACCURACY and backprop - mean <= _NEAR,
            note=f"least {min(ours):.3f} of {len(ours)} seeds; backpropagation {backprop:.3f}, "
            f"linear probe {statistics.fmean(accuracies('probe')):.3f}, untuned "
            f"{statistics.fmean(accuracies('zero-shot')):.3f}; by accuracy itself "
            f"{statistics.fmean(accuracies('by accuracy')):.3f}.  Holds from {_ACCURACY}, and "
            f"within {_NEAR} of backpropagation, in the full run",
        ),
        BYTES.measured(
            round(thousand),
            holds=replayed and thousand < _BYTES,
            note=f"{longest['bytes']} for {len(longest['losses'])} steps with all that tells of "
            f"the run; {len(runs)} runs were replayed, "
            + ("all to the bit" if replayed else "not all to the bit")
            + f".  Holds below {_BYTES}",
        ),
    )


def _share(step: Mapping[str, Any]) -> float | None:
    """Of the model's bytes; None where memory could not be measured."""
    return None if step["above"] is None else step["above"] / step["weights"]


def _seconds(steps: Mapping[str, Any], way: str) -> float:
    return statistics.median(steps[way]["seconds"])


def _cost_table(steps: Mapping[str, Any]) -> Table:
    return Table(
        "A step on all weights",
        ("way", "seconds", "of which noise", "MB above inference", "share of the model"),
        tuple(
            (way, _seconds(steps, way), 3 * one["noise"] or None,
             None if one["above"] is None else one["above"] / 1e6, _share(one))
            for way, one in steps.items()
        ),
        f"{BATCH} texts of {TOKENS} tokens, float32, each way in a process of its own.",
    )  # fmt: skip


def _tuning_table(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for name in found[0]:
        runs = [one[name] for one in found if name in one]
        right = [run["accuracy"] for run in runs]
        rows.append(
            (
                name,
                statistics.fmean(right),
                statistics.stdev(right) if len(right) > 1 else None,
                *(
                    statistics.fmean(run[key] for run in runs) if key in runs[0] else None
                    for key in ("f1", "loss", "passes", "seconds")
                ),
                len(runs),
            )
        )
    return Table(
        "Reviews of other films",
        ("way", "accuracy", "deviation", "F1", "loss", "forward passes", "seconds", "seeds"),
        tuple(rows),
        f"Adapters of rank {_ADAPTER.rank} on {' and '.join(_ADAPTER.targets)} from block "
        f"{_ADAPTER.first} on.  Processor seconds of steps.",
    )


def _picture(found: Sequence[Mapping[str, Any]]) -> "Picture":
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(6.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, run in found[0].items():
        if name not in _WAYS or _WAYS[name].objective != "loss":
            continue
        smooth, passes, value = [], _WAYS[name].passes, run["losses"][0]
        for loss in run["losses"]:
            value = 0.97 * value + 0.03 * loss
            smooth.append(value)
        axes.plot([passes * (i + 1) for i in range(len(smooth))], smooth, label=name)
    axes.set_xlabel("forward passes")
    axes.set_ylabel("loss (nats)")
    axes.legend()
    return figure
