"""What an evaluation found, as tables, pictures and a page."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from unfrozen.language.evaluation import Estimate
    from unfrozen.papers.claim import Cell, Table
    from unfrozen.workspace.evaluation import Evaluated, Point

# Colours that colour-blind people tell apart (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_GROUPS = ("efficacy", "paraphrase", "neighbourhood")
_MARKERS = "os^Dv<>"


class _Panel(NamedTuple):
    """Figures that are drawn together."""

    title: str
    names: tuple[str, ...]
    unit: str = "share"
    scale: str = "linear"


_PANELS = (
    _Panel("Scores", ("S", *(f"{name}_score" for name in _GROUPS))),
    _Panel(
        "Strict accuracy, and free text",
        (*(f"{name}_accuracy" for name in _GROUPS), "names_new", "names_true"),
    ),
    _Panel(
        "Tokens that come first (zsRE)", ("token_efficacy", "token_paraphrase", "token_specificity")
    ),
    _Panel(
        "Near, one step on, and backwards",
        ("near_score", "portability_score", "portability_accuracy", "reversal_score"),
    ),
    _Panel("Everything else", ("drift_agreement", "choice", "reference_score")),
    _Panel(
        "Divergence from the base",
        ("drift_mean", "neighbourhood_divergence", "near_divergence"),
        "nats",
        "symlog",
    ),
    _Panel("Perplexity of prose", ("perplexity_ratio",), "times the base's", "log"),
    _Panel("Generation entropy", ("generation_entropy",), "bits"),
)


def tables(done: "Evaluated") -> tuple["Table", ...]:
    """Every figure in every state."""
    from unfrozen.language.evaluation import NAMES
    from unfrozen.papers.claim import Table

    measured = {name for point in done.points for name in point.figures}
    names = [name for inside in NAMES.values() for name in inside if name in measured]
    rows: list[tuple[Cell, ...]] = [
        (name, *(_cell(point.figures.get(name)) for point in done.points)) for name in names
    ]
    heads = tuple(_head(point) for point in done.points)
    return (Table(_title(done), ("figure", *heads), tuple(rows), " ".join(done.notes)),)


def pictures(done: "Evaluated") -> "Picture":
    """Figures over the number of edits; of a workspace, beside its base's."""
    from matplotlib.figure import Figure as Picture

    measured = {name for point in done.points for name in point.figures}
    panels = [
        panel._replace(names=tuple(name for name in panel.names if name in measured))
        for panel in _PANELS
        if measured & set(panel.names)
    ]
    rows = max(-(-len(panels) // 2), 1)
    picture = Picture(figsize=(10, 3.2 * rows), layout="constrained")
    grid = list(picture.subplots(rows, 2, squeeze=False).flat)
    for axes, panel in zip(grid, panels, strict=False):
        for colour, marker, name in zip(_COLOURS, _MARKERS, panel.names, strict=False):
            _draw(axes, done, name, colour, marker)
        axes.set_title(panel.title, fontsize=10)
        axes.set_ylabel(panel.unit)
        axes.set_xlabel("facts written" if _along(done) else "state")
        if _along(done):
            edits = [point.edits for point in done.points if point.edits]
            axes.set_xscale("log")
            axes.set_xticks(edits, [f"{n:,}" for n in edits])
            axes.minorticks_off()
        if panel.scale == "symlog":
            axes.set_yscale("symlog", linthresh=1e-4)  # the base is at zero
            axes.set_ylim(bottom=0)
        elif panel.scale != "linear":
            axes.set_yscale(panel.scale)
        elif panel.unit == "share":
            axes.set_ylim(-0.05, 1.05)
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    for axes in grid[len(panels) :]:
        axes.remove()
    return picture


def write_report(done: "Evaluated", model: str, command: str) -> Path:
    """Write ``report.html`` beside the results.

    Args:
        done: the evaluation.
        model: how the base is called.
        command: that makes it again.

    Raises:
        DataError: the disk is full or refuses.
    """
    from unfrozen.language.evaluation import METRICS
    from unfrozen.papers.claim import Figure
    from unfrozen.papers.report import write_page

    plan = done.configuration
    lead = [
        "Each fact is asked by its prompt, by paraphrases and by its neighbours; scores compare "
        "the new object with the true one, strict accuracies ask for the whole object first."
    ]
    path = done.folder / "report.html"
    write_page(
        path,
        _title(done),
        lead,
        figures=(
            Figure(
                "Along the number of edits" if _along(done) else "The state beside its base",
                pictures(done),
                "Bands and bars are 95 % confidence intervals; dotted lines are the base.",
            ),
        ),
        tables=tables(done),
        details=[
            ("Model", model),
            ("Facts", str(plan["facts"])),
            ("Seed", str(plan["seed"])),
            *((name, METRICS[name]) for name in plan["metrics"]),
        ],
        command=command,
        data="summary.json",
    )
    return path


def _draw(axes: "Axes", done: "Evaluated", name: str, colour: str, marker: str) -> None:
    """One figure in all states."""
    style = {"color": colour, "marker": marker, "ms": 4, "label": name.replace("_", "\n", 1)}
    along = _along(done)
    points = [p for p in done.points if name in p.figures and (p.edits or not along)]
    found = [p.figures[name] for p in points]
    values = [one.value for one in found]
    low = [one.value if one.low is None else one.low for one in found]
    high = [one.value if one.high is None else one.high for one in found]
    if along:
        edits = [p.edits for p in points]
        axes.plot(edits, values, **style)
        axes.fill_between(edits, low, high, color=colour, alpha=0.15, lw=0)
        if name in done.points[0].figures:
            axes.axhline(done.points[0].figures[name].value, color=colour, ls=":", lw=0.8)
    else:
        bars = [
            [max(value - edge, 0.0) for value, edge in zip(values, low, strict=True)],
            [max(edge - value, 0.0) for value, edge in zip(values, high, strict=True)],
        ]
        axes.errorbar([p.label for p in points], values, bars, capsize=3, **style)


def _along(done: "Evaluated") -> bool:
    """Whether there is a curve over the number of edits."""
    return done.configuration["method"] is not None


def _title(done: "Evaluated") -> str:
    plan = done.configuration
    what = f"{plan['facts']} facts"
    if plan["method"]:
        return f"{what} written by {plan['method']}, in batches of up to {plan['batch']}"
    return f"{what} in a workspace's state" if plan["workspace"] is not None else what


def _head(point: "Point") -> str:
    edits = f"after {point.edits}" if point.label.isdecimal() else point.label
    return f"{edits} ({point.facts} asked)"


def _cell(found: "Estimate | None") -> "Cell":
    from unfrozen.papers.report import cell_text

    if found is None:
        return None
    text = cell_text(float(found.value))
    if found.low is None or found.high is None:
        return text
    return f"{text} ± {cell_text((found.high - found.low) / 2)}"
