"""Tables and figures of the optical network."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unfrozen.data.images import images
from unfrozen.papers.claim import Table
from unfrozen.papers.optical.learning import (
    BETWEENS,
    CHOICES,
    DIGITAL,
    FIBRE,
    KERR,
    LINEAR,
    RANDOM,
    RIDGE,
    TRANSFORMS,
    Size,
    medium,
    scaled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and deviation; no deviation of one value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def values(rows: Sequence[Mapping[str, Any]], name: str, transform: str, by: str) -> list[float]:
    """Accuracy of every seed."""
    return [one["accuracy"][transform][by] for one in rows if one["set"] == name]


def differences(a: Sequence[float], b: Sequence[float]) -> tuple[list[float], float]:
    """By seed, and the standard error of their mean; infinite for one seed."""
    apart = [x - y for x, y in zip(a, b, strict=True)]
    error = statistics.stdev(apart) / math.sqrt(len(apart)) if len(apart) > 1 else math.inf
    return apart, error


def strongest(rows: Sequence[Mapping[str, Any]], name: str, width: str) -> str:
    """The best digital control of a set, by its mean."""
    return max(DIGITAL, key=lambda t: statistics.fmean(values(rows, name, t, width)))


def accuracies(
    rows: Sequence[Mapping[str, Any]], name: str, size: Size, chosen: Mapping[str, str]
) -> Table:
    """Accuracy on a set by what is learnt from and by width."""
    ways = [w for w in (*map(str, size.widths), RIDGE) if w in _ways(rows, name)]
    titles = [w if w == RIDGE else f"{w} units" for w in ways]
    cells = []
    for transform in TRANSFORMS:
        row: list[Any] = [transform]
        for way in ways:
            row += spread(values(rows, name, transform, way))
        cells.append((*row, chosen[transform]))
    return Table(
        f"Accuracy on {name} (%)",
        ("learns from", *(c for t in titles for c in (t, f"± ({t})")), "rate, label"),
        tuple(cells),
        f"{size.samples:,} training and {size.asked:,} test images, "
        f"{len(values(rows, name, KERR, ways[0]))} seeds; ± is their deviation.  Rate, and how "
        "much larger a label is than the root mean square of what it stands beside, were chosen "
        "on training images kept apart.",
    )


def _ways(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, float]:
    """Ways of asking that were measured on a set."""
    return next(one["accuracy"][KERR] for one in rows if one["set"] == name)


def between_table(rows: Sequence[Mapping[str, Any]], name: str, size: Size) -> Table:
    """Accuracy of the second layer."""
    pairs = [one["between"] for one in rows if one["between"]]
    return Table(
        "Accuracy of a second layer by what is between (%)",
        ("between", "accuracy", "deviation"),
        tuple((t, *spread([one[t] for one in pairs])) for t in BETWEENS),
        f"Two layers of {size.widths[0]} units on the pixels of {name}, {len(pairs)} seeds; "
        "an activity of 100 units is an image of 10 x 10.  All learn at the rate of pixels.",
    )


def numbers(found: Mapping[str, Mapping[str, float]]) -> Table:
    """How exact and how fast the fibre is."""
    names = list(next(iter(found.values())))
    return Table(
        "Numerics of the Kerr fibre",
        ("measure", *found),
        tuple((name, *(one[name] for one in found.values())) for name in names),
        f"{FIBRE.steps} steps, B-integral {FIBRE.b} rad; changes are of camera images.  Single "
        "precision is held to its energy; double precision is not.  Samples a processor second.",
    )


def tried(name: str, found: Mapping[str, Mapping[str, float]]) -> Table:
    """Accuracy of every choice of settings."""
    return Table(
        f"Accuracy by rate and label, {name} (%)",
        ("learns from", *(f"{one}" for one in CHOICES)),
        tuple((t, *(one[c] for c in CHOICES)) for t, one in found.items()),
        "On training images kept apart, one seed; the best is used.",
    )


def points(rows: Sequence[Mapping[str, Any]], sets: Sequence[str], width: int) -> "Picture":
    """Accuracy on each set, with deviations."""
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(4.2 * len(sets), 3.4), layout="constrained")
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    for axes, name in zip(panels, sets, strict=True):
        found = [spread(values(rows, name, t, str(width))) for t in TRANSFORMS]
        means, errors = [mean for mean, _ in found], [error or 0.0 for _, error in found]
        colours = ["#555555"] * len(DIGITAL) + ["#cc79a7", "#56b4e9", "#d55e00"]
        # Points and not bars, whose lengths would mislead: the axis does not begin at 0.
        for place, (mean, error, colour) in enumerate(zip(means, errors, colours, strict=True)):
            axes.errorbar(mean, place, xerr=error, color=colour, marker="o", capsize=4)
        axes.axvline(max(means[: len(DIGITAL)]), color="#999999", linestyle=":", zorder=0)
        axes.set_yticks(range(len(TRANSFORMS)), TRANSFORMS)
        axes.invert_yaxis()
        axes.set_xlabel("accuracy (%)")
        axes.set_title(name, fontsize="medium")
    return figure


def cameras(name: str, number: int = 5) -> "Picture":
    """Some digits, and what the camera sees of them."""
    from matplotlib.figure import Figure as Picture

    data = images(name)
    at = [int((data.test_classes == c).nonzero()[0]) for c in range(number)]
    rows = scaled(name)[1][at]
    linear, kerr = (medium(t, rows.shape[1], 0)(rows) for t in (LINEAR, KERR))
    random = medium(RANDOM, rows.shape[1], 0)(rows)
    shown = {
        "pixels": rows,
        RANDOM: random,
        LINEAR: linear,
        KERR: kerr,
        "Kerr effect": kerr - linear,
    }
    figure = Picture(figsize=(1.2 * number + 0.6, 1.2 * len(shown)), layout="constrained")
    for line, (axes, (title, pictures)) in enumerate(
        zip(figure.subplots(len(shown), number), shown.items(), strict=True)
    ):
        for one, picture in zip(axes, pictures, strict=True):
            side = math.isqrt(len(picture))
            most = float(picture.abs().max())
            last = line == len(shown) - 1
            one.imshow(
                picture.view(side, side).numpy(),
                cmap="RdBu_r" if last else "magma" if line else "gray",
                vmin=-most if last else 0,
                vmax=most,
            )
            one.set_xticks([])
            one.set_yticks([])
        axes[0].set_ylabel(title, fontsize="small")
    return figure
