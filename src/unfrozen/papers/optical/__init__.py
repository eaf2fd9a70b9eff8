"""Forward-Forward with light: networks that learn from camera images behind a multimode fibre."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from unfrozen.data.images import images
from unfrozen.errors import DataError
from unfrozen.learning.forward_forward import FitSettings
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome
from unfrozen.papers.optical import telling
from unfrozen.papers.optical.learning import (
    BETWEENS,
    DIGITAL,
    KERR,
    LINEAR,
    NONE,
    RIDGE,
    TRANSFORMS,
    Size,
    chosen_on,
    measure,
)
from unfrozen.papers.optical.numerics import numerics
from unfrozen.papers.optical.telling import differences, spread, strongest, values
from unfrozen.papers.running.context import RunContext

CONVERGENCE = ClaimSpec(
    "optical.convergence",
    "A nonlinear fibre before a Forward-Forward network beats the same network without it on "
    "MNIST, by so much accuracy",
    None,
    "percentage points",
)
NONLINEAR = ClaimSpec(
    "optical.nonlinear",
    "The nonlinear fibre beats a linear one, by so much accuracy",
    None,
    "percentage points",
)
BETWEEN = ClaimSpec(
    "optical.between",
    "A nonlinear fibre between the layers beats none between them, by so much accuracy",
    None,
    "percentage points",
)
_SETS = ("mnist", "fashion-mnist")
_FIRST = 100
_BUDGETS = {
    "full": Size(3_000, 10_000, 2_000, 1_000, (100, 20), FitSettings(epochs=30), 5, 3),
    "quick": Size(500, 1_000, 500, 200, (100, 20), FitSettings(epochs=20), 1, 1),
}


class OpticalPaper:
    """Networks of one layer behind light and beside it, and a fibre between two layers."""

    name = "optical"
    title = "Forward-forward training of an optical neural network"
    citation = "Oguz et al. 2023, Opt. Lett. 48, 5249, arXiv:2305.19170."
    summary = (
        "Images become phases of a beam, which goes through a multimode fibre onto a camera.  A "
        "small Forward-Forward network learns from what the camera sees, standardised pixel by "
        "pixel, with the label written beside it.  The same network learns from pixels, from "
        "pixels pooled in fours, as they are and centred, and from light through a random medium "
        "and through the fibre without its Kerr effect; so does a linear readout.  Each is "
        "tuned on training images kept apart.  The fibre is simulated: 0.43 mm with more "
        "power stand for the paper's five metres.  Last, light goes from layer to layer."
    )
    claims = (CONVERGENCE, NONLINEAR, BETWEEN)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        sets, missing = _found(_SETS)
        tried = {
            name: context.checkpoint(
                f"choices-{name}", {"size": size}, {t: (name, t) for t in TRANSFORMS},
                lambda one: chosen_on(*one, size, context), sample=None,
            )
            for name in sets
        }  # fmt: skip
        best = {
            name: {t: max(each, key=lambda c, each=each: each[c]) for t, each in found.items()}
            for name, found in tried.items()
        }

        def one(of: tuple[str, int]) -> dict[str, Any]:
            name, s = of
            first = name == sets[0]
            # One width of other sets, and a second layer for some seeds, are enough.
            return measure(
                name, s, best[name], size, context,
                widths=size.widths if first else size.widths[:1],
                deep=first and s < seed + _FIRST + size.between_seeds,
            )  # fmt: skip

        work = {
            f"{name}, seed {s}": (name, s)
            for name in sets
            for s in range(seed + _FIRST, seed + _FIRST + size.seeds)
        }
        found = context.checkpoint("seeds", {"size": size, "chosen": best}, work, one, sample=None)
        numbers = context.once("numerics", {"sets": sets}, lambda: numerics(sets, context))
        rows = list(found.values())
        return Outcome(
            claims=_claims(rows, sets[0], budget == "full", size, numbers, missing),
            figures=(
                Figure(
                    "Accuracy by what a network of one layer learns from",
                    telling.points(rows, sets, size.widths[0]),
                    f"{size.widths[0]} units, {size.samples:,} training images; deviations over "
                    "seeds.  The dotted line is the best without optics.",
                ),
                Figure(
                    "What the camera sees",
                    telling.cameras(sets[0]),
                    "Digits, and intensities behind the media, each image on a scale of its own.  "
                    "The last row is what the Kerr effect changes: blue is less, red is more.",
                ),
            ),
            tables=(
                *(telling.accuracies(rows, name, size, best[name]) for name in sets),
                telling.between_table(rows, sets[0], size),
                telling.numbers(numbers),
            ),
            details=tuple(telling.tried(name, found) for name, found in tried.items()),
        )


EXPERIMENT = OpticalPaper()


def _found(names: Sequence[str]) -> tuple[list[str], str]:
    """The sets that can be had, and a sentence on those that cannot."""
    sets, missing = [names[0]], ""
    for name in names[1:]:
        try:
            images(name)
            sets.append(name)
        except DataError:
            missing = f".  {name} could not be had"
    return sets, missing


def _claims(
    rows: Sequence[Mapping[str, Any]],
    name: str,
    full: bool,
    size: Size,
    numbers: Mapping[str, Mapping[str, float]],
    missing: str,
) -> tuple[Claim, Claim, Claim]:
    width = str(size.widths[0])
    accuracy = {t: values(rows, name, t, width) for t in TRANSFORMS}
    mean = {t: statistics.fmean(values) for t, values in accuracy.items()}
    control = strongest(rows, name, width)
    gained, _ = differences(accuracy[KERR], accuracy[control])
    other, error = differences(accuracy[KERR], accuracy[LINEAR])
    read, _ = differences(*(values(rows, name, t, RIDGE) for t in (KERR, LINEAR)))
    pairs = [one["between"] for one in rows if one["between"]]
    inner = {t: [one[t] for one in pairs] for t in BETWEENS}
    beside = max(NONE, key=lambda t: statistics.fmean(inner[t]))
    inside, doubt = differences(inner[KERR], inner[beside])
    one = numbers[name]
    return (
        CONVERGENCE.measured(
            statistics.fmean(gained),
            deviation=spread(gained)[1],
            holds=full and min(gained) > 0,
            note=f"{mean[KERR]:.2f} % beside {mean[control]:.2f} % from {control}, the best of "
            f"{len(DIGITAL)} digital controls, with {width} units and {size.samples:,} images; "
            f"{sum(g > 0 for g in gained)} of {len(gained)} seeds gain.  Deviation is over seeds.  "
            f"Halving the step changes camera images by {one['halving, mean (%)']:.2f} %.  Holds "
            f"if every seed gains, in the full run{missing}",
        ),
        NONLINEAR.measured(
            statistics.fmean(other),
            deviation=spread(other)[1],
            holds=full and statistics.fmean(other) > 2 * error,
            note=f"{mean[KERR]:.2f} % beside {mean[LINEAR]:.2f} %; a linear readout gains "
            f"{statistics.fmean(read):+.2f}.  Deviation is over seeds.  Holds from two standard "
            "errors of the mean, in the full run",
        ),
        BETWEEN.measured(
            statistics.fmean(inside),
            deviation=spread(inside)[1],
            holds=full and statistics.fmean(inside) > 2 * doubt,
            note="the second layer finds "
            + ", ".join(f"{statistics.fmean(v):.2f} % ({t})" for t, v in inner.items())
            + f"; {len(inside)} seeds, the first {size.between:,} test images.  Deviation is over "
            "seeds.  Holds from two standard errors of the mean, in the full run",
        ),
    )
