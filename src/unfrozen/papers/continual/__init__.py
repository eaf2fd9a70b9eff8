"""Continual learning: what learners of many kinds forget, and whether they go on learning."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome
from unfrozen.papers.continual import shown
from unfrozen.papers.continual.measuring import BATCH, OURS, RIVAL, SIZES, measure
from unfrozen.papers.running.context import RunContext

FORGETTING = ClaimSpec(
    "continual.forgetting",
    "Over ten tasks of new classes, a learner without backpropagation forgets five points at most, "
    "and in the end knows more than replay with the same memory in bytes",
    None,
    "points",
)
DOMAINS = ClaimSpec(
    "continual.domains",
    "It does so too over ten tasks of the same classes with pixels in another order",
    None,
    "points",
)
PLASTICITY = ClaimSpec(
    "continual.plasticity",
    "Over hundreds of tasks backpropagation learns worse and worse, and continual backpropagation "
    "ends above it",
    None,
    "points",
)
_MOST = 5.0
# Backpropagation has lost plasticity if it fell by so much, in points.
_FALLEN = 2.0
# Settings were chosen at 101.
_FIRST = 1000
_SHOWN = (OURS, "least squares", RIVAL, "fine-tuning")


class ContinualPaper:
    """Sends every learner through the same streams."""

    name = "continual"
    title = "Continual learning: what is forgotten, and what can still be learnt"
    citation = (
        "After Lopez-Paz and Ranzato 2017, Chaudhry et al. 2018 and 2019, and Dohare et al. 2024; "
        "the comparison is this project's, no paper gives these figures."
    )
    summary = (
        "MNIST and Fashion-MNIST at 14 by 14 pixels come as ten tasks of two classes each, and "
        "MNIST as ten tasks with pixels in another order each.  Every image comes once, ten at a "
        "time, whichever the learner; none is told which task an image is of, nor how many classes "
        "there will be.  All that a learner keeps is counted: weights, the state of optimizers, "
        "statistics, images.  The Hopfield memory and replay have the same limit, of half a "
        "megabyte, and replay takes three steps on each batch.  For plasticity MNIST at 7 by 7 "
        "pixels comes in 200 orders, a thousand images each, to three layers of 100 units with "
        "Adam at a constant step size: the published stream on a smaller scale.  "
        "Settings were chosen at another seed on training images that were held out."
    )
    claims = (FORGETTING, DOMAINS, PLASTICITY)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size, full = SIZES[budget], budget == "full"
        classes, domains, hundreds = measure(context, size, seed + _FIRST)
        note = (
            f"One pass, {BATCH} images at a time; means and deviations over {size.seeds} seeds.  "
            "Bytes of all that is kept; processor seconds of learning."
        )
        return Outcome(
            claims=(
                _against(FORGETTING, classes, full),
                _against(DOMAINS, domains, full),
                _plasticity(hundreds, full),
            ),
            figures=(
                Figure(
                    "New classes",
                    shown.accuracy_picture(classes),
                    "Accuracy on all tasks so far; bands are a standard deviation over seeds.",
                ),
                Figure(
                    "New orders of pixels",
                    shown.accuracy_picture(domains),
                    "The same where classes stay and pixels are permuted.",
                ),
                Figure(
                    "What was known when",
                    shown.matrix_picture(classes, _SHOWN),
                    "Accuracy on each task after each, on the stream of new classes.",
                ),
                Figure(
                    "Plasticity",
                    shown.plasticity_picture(hundreds),
                    "Accuracy on images before they are learnt, running means over a twentieth of "
                    "the tasks.",
                ),
            ),
            tables=(
                shown.table("Ten tasks of new classes", classes, note),
                shown.table("Ten tasks of new orders of pixels", domains, note),
                shown.plasticity_table(hundreds),
            ),
        )


EXPERIMENT = ContinualPaper()


def _against(
    spec: ClaimSpec, found: Mapping[str, Sequence[Mapping[str, Any]]], full: bool
) -> Claim:
    """Forgetting of ours, and how much more than the rival it knows, seed by seed."""
    forgotten = shown.scores(found[OURS], "forgetting")
    ours, theirs = (shown.scores(found[name], "average accuracy") for name in (OURS, RIVAL))
    gains = [a - b for a, b in zip(ours, theirs, strict=True)]
    value, deviation = shown.spread(forgotten)
    kept = [max(run["bytes"] for run in found[name]) for name in (OURS, RIVAL)]
    fair = kept[0] <= kept[1]
    return spec.measured(
        value,
        deviation=deviation,
        holds=full and max(forgotten) <= _MOST and min(gains) > 0 and fair,
        note=f"the {OURS} memory, {kept[0]} bytes: average accuracy {statistics.fmean(ours):.1f} "
        f"against {statistics.fmean(theirs):.1f} of replay with {kept[1]} bytes, which forgets "
        f"{statistics.fmean(shown.scores(found[RIVAL], 'forgetting')):.1f}; the gain is "
        f"{min(gains):.1f} to {max(gains):.1f} over {len(gains)} seeds.  Deviation is over seeds.  "
        f"Holds if every seed forgets {_MOST:g} at most and gains, in the full run",
    )


def _plasticity(found: Mapping[str, Sequence[Mapping[str, Any]]], full: bool) -> Claim:
    plain, renewed = found["backprop"], found["continual backprop"]
    gains = [shown.last(b) - shown.last(a) for a, b in zip(plain, renewed, strict=True)]
    fallen = [shown.lost(run) for run in plain]
    value, deviation = shown.spread(gains)
    return PLASTICITY.measured(
        value,
        deviation=deviation,
        holds=full and min(gains) > 0 and min(fallen) > _FALLEN,
        note=f"continual backpropagation less backpropagation, in the last tenth of "
        f"{len(plain[0]['accuracy'])} tasks; from its best tenth to the last the one lost "
        f"{statistics.fmean(shown.lost(run) for run in renewed):.1f}, the other "
        f"{statistics.fmean(fallen):.1f}.  Deviation is over {len(gains)} seeds.  Holds if every "
        f"seed gains and backpropagation loses more than {_FALLEN:g}, in the full run",
    )
