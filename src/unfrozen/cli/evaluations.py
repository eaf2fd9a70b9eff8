"""What an evaluation found, as tables, pictures and a page."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from unfrozen.language.evaluation import Estimate
    from unfrozen.papers.claim import Cell, Table
    from unfrozen.workspace.evaluation import Evaluated, Point

# Colours that colour-blind people tell apart (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_GROUPS = ("efficacy", "paraphrase", "neighbourhood")
_PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("scores", ("S", *(f"{name}_score" for name in _GROUPS))),
    ("strict accuracy, and free text", (*(f"{name}_accuracy" for name in _GROUPS), "names_new")),
    ("tokens that come first (zsRE)", ("token_efficacy", "token_paraphrase", "token_specificity")),
    (
        "near, one step on, and backwards",
        ("near_score", "portability_score", "portability_accuracy", "reversal_score"),
    ),
    ("everything else, kept", ("drift_agreement", "choice", "reference_score")),
    (
        "everything else, moved (nats, times, bits)",
        ("drift_mean", "near_divergence", "perplexity_ratio", "generation_entropy"),
    ),
)


def tables(done: "Evaluated") -> tuple["Table", ...]:
    """Every figure in every state."""
    from unfrozen.language.evaluation import NAMES, NOT_COMPARABLE
    from unfrozen.papers.claim import Table

    measured = {name for point in done.points for name in point.figures}
    names = [name for inside in NAMES.values() for name in inside if name in measured]
    rows: list[tuple[Cell, ...]] = [
        (name, *(_cell(point.figures.get(name)) for point in done.points)) for name in names
    ]
    notes = ["Means with half their 95 % confidence intervals."]
    if "generation_entropy" in measured:
        notes.append("generation_entropy (GE) is in bits: papers tell a hundred times as much.")
    if "reference_score" in measured:
        notes.append(f"reference_score (RS): {NOT_COMPARABLE}.")
    heads = tuple(_head(point) for point in done.points)
    return (Table(_title(done), ("figure", *heads), tuple(rows), " ".join(notes)),)


def pictures(done: "Evaluated") -> "Picture":
    """Figures over the number of edits; of a workspace, beside its base's."""
    from matplotlib.figure import Figure as Picture

    measured = {name for point in done.points for name in point.figures}
    panels = [(title, [n for n in names if n in measured]) for title, names in _PANELS]
    panels = [(title, names) for title, names in panels if names] or [("", [])]
    rows = -(-len(panels) // 2)
    picture = Picture(figsize=(10, 3.4 * rows), layout="constrained")
    grid = picture.subplots(rows, 2, squeeze=False).flat
    for axes, (title, names) in zip(grid, panels, strict=False):
        for colour, name in zip(_COLOURS, names, strict=False):
            _draw(axes, done, name, colour)
        axes.set_title(title, fontsize=10)
        axes.set_ylabel("mean over facts or prompts")
        axes.set_xlabel("facts written" if _along(done) else "state")
        if names:
            axes.legend(fontsize=8, frameon=False)
    for axes in list(grid)[len(panels) :]:
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
    if done.ended is not None:
        lead.append(f"Writing ended {done.ended}.")
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


def _draw(axes: "Axes", done: "Evaluated", name: str, colour: str) -> None:
    """One figure in all states."""
    label = name.replace("_", " ")
    if _along(done):
        points = [p for p in done.points if p.edits and name in p.figures]
        found = [p.figures[name] for p in points]
        edits = [p.edits for p in points]
        values = [one.value for one in found]
        axes.plot(edits, values, "o-", ms=3, color=colour, label=label)
        low = [one.value if one.low is None else one.low for one in found]
        high = [one.value if one.high is None else one.high for one in found]
        axes.fill_between(edits, low, high, color=colour, alpha=0.15, lw=0)
        if name in done.points[0].figures:
            axes.axhline(done.points[0].figures[name].value, color=colour, ls=":", lw=0.8)
        axes.set_xscale("log")
        return
    points = [p for p in done.points if name in p.figures]
    found = [p.figures[name] for p in points]
    bars = [[0.0 if edge is None else abs(edge - one.value) for one, edge in pairs] for pairs in (
        [(one, one.low) for one in found], [(one, one.high) for one in found]
    )]  # fmt: skip
    axes.errorbar(
        [p.label for p in points], [one.value for one in found], bars,
        fmt="o-", ms=4, capsize=3, color=colour, label=label,
    )  # fmt: skip


def _along(done: "Evaluated") -> bool:
    """Whether there is a curve over the number of edits."""
    return done.configuration["method"] is not None


def _title(done: "Evaluated") -> str:
    plan = done.configuration
    what = f"{plan['facts']} facts"
    if plan["method"]:
        return f"{what} written by {plan['method']}, in batches of {plan['batch']}"
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
