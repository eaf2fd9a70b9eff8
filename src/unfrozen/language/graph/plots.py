"""Pictures of a graph: whether its confidences come true, what it says, and what changed in it."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from unfrozen.language.graph.difference import Difference, Moved
from unfrozen.language.graph.knowledge import KnowledgeGraph
from unfrozen.language.graph.reliability import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Safe for the colour-blind (Okabe and Ito).
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000", "#b8a800")
_GREY = "#999999"
_INTENDED, _COLLATERAL = "#0072b2", "#d55e00"
_LONGEST = 26


def reliability_diagram(reliability: Reliability, title: str = "") -> "Figure":
    """How often answers are right, over how sure they are said to be.

    Args:
        reliability: of confidences on questions that nothing was fitted on.
        title: of which model, in which state.

    Returns:
        The picture; nothing is saved.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    sure, right, number = zip(*reliability.bins, strict=True)
    upper.plot((0, 1), (0, 1), color=_GREY, lw=1, ls=":", label="as sure as right")
    for p, y in zip(sure, right, strict=True):
        upper.plot((p, p), (p, y), color=_COLLATERAL, lw=2.5, alpha=0.6)
    upper.plot(sure, right, "o-", color=_INTENDED, ms=5, label="answers")
    upper.set_ylabel("share that is right")
    upper.set_ylim(-0.03, 1.03)
    upper.set_aspect("equal")
    upper.legend(frameon=False, loc="upper left")
    lower.bar(sure, number, width=0.06, color=_INTENDED)
    lower.set_ylabel("answers")
    lower.set_xlabel("confidence")
    lower.set_xlim(-0.03, 1.03)
    told = f"calibration error {reliability.error:.3f}, Brier {reliability.brier:.3f}, "
    told += f"{reliability.n} questions held out"
    figure.suptitle(f"{title}\n{told}" if title else told, fontsize=10, parse_math=False)
    return figure


def picture(graph: KnowledgeGraph, most: int = 60, seed: int = 0) -> "Figure":
    """Subjects, relations and objects: wide edges are sure, dashed ones extrapolated.

    Args:
        graph: to be seen.
        most: edges; of more, evenly spaced ones are shown.
        seed: of the layout.

    Returns:
        The picture; nothing is saved.
    """
    answers = graph.answers
    if len(answers) > most:
        answers = [answers[i * len(answers) // most] for i in range(most)]
    names = list(dict.fromkeys(a.question.relation for a in graph.answers))
    edges = [
        {
            "from": a.question.subject,
            "to": a.object,
            "color": _COLOURS[names.index(a.question.relation) % len(_COLOURS)],
            "lw": 0.5 + 3 * a.confidence,
            "ls": "--" if a.extrapolated else "-",
        }
        for a in answers
    ]
    lines = [
        {"color": _COLOURS[i % len(_COLOURS)], "lw": 2, "label": name}
        for i, name in enumerate(names)
    ]
    if any(a.extrapolated for a in answers):
        lines.append({"color": "black", "lw": 1, "ls": "--", "label": "extrapolated"})
    subjects = {a.question.subject for a in answers}
    title = f"{graph.model}: {len(answers)} of {len(graph.answers)} edges, wide where sure"
    return _draw(edges, lines, subjects, title, seed)


def difference_picture(difference: Difference, most: int = 40, seed: int = 0) -> "Figure":
    """What changed: grey edges were there before, coloured ones are there after.

    Args:
        difference: of two states.
        most: changes: what was meant and what was not in turn, each the farthest first.
        seed: of the layout.

    Returns:
        The picture; nothing is saved.
    """
    moved = _in_turn(difference.intended, difference.collateral)[:most]
    edges: list[dict[str, Any]] = []
    for one in moved:
        subject = one.after.question.subject
        colour = _INTENDED if one.intended else _COLLATERAL
        if one.kind != "appeared":
            width = 0.5 + 3 * one.before.share
            edges.append({"from": subject, "to": one.before.object, "color": _GREY, "lw": width})
        if one.kind != "vanished":
            width = 0.5 + 3 * one.after.share
            edges.append({"from": subject, "to": one.after.object, "color": colour, "lw": width})
    lines = [
        {"color": _GREY, "lw": 2, "label": "before"},
        {"color": _INTENDED, "lw": 2, "label": "after, as was meant"},
        {"color": _COLLATERAL, "lw": 2, "label": "after, collateral"},
    ]
    title = (
        f"{difference.before.model} → {difference.after.model}\n"
        f"{len(moved)} of {len(difference.moved)} changed edges, {difference.asked} questions"
    )
    return _draw(edges, lines, {m.after.question.subject for m in moved}, title, seed)


def _in_turn(*groups: Sequence[Moved]) -> list[Moved]:
    longest = max(map(len, groups), default=0)
    return [group[i] for i in range(longest) for group in groups if i < len(group)]


def _draw(
    edges: Sequence[dict[str, Any]],
    lines: Iterable[dict[str, Any]],
    subjects: set[str],
    title: str,
    seed: int,
) -> "Figure":
    """Names as nodes, subjects in bold; each edge an arrow."""
    import networkx as nx
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    graph = nx.Graph((edge["from"], edge["to"]) for edge in edges)
    size = 5 + 0.75 * len(graph) ** 0.5
    figure = Figure(figsize=(1.3 * size, size), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    places = _places(graph, seed)
    drawn: dict[tuple[str, str], int] = {}
    for edge in edges:
        pair = (edge["from"], edge["to"])
        drawn[pair] = drawn.get(pair, 0) + 1
        arrow = {
            "arrowstyle": "-|>",
            "color": edge["color"],
            "lw": edge["lw"],
            "ls": edge.get("ls", "-"),
            "alpha": 0.75,
            "shrinkA": 9,
            "shrinkB": 9,
            "connectionstyle": f"arc3,rad={0.12 * (drawn[pair] - 1):.2f}",
        }
        axes.annotate("", xy=places[pair[1]], xytext=places[pair[0]], arrowprops=arrow, zorder=1)
    for name, (x, y) in places.items():
        _label(axes, x, y, name, bold=name in subjects)
    axes.margins(0.08)
    handles = [Line2D([], [], **line) for line in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def _places(graph: Any, seed: int) -> dict[str, tuple[float, float]]:
    """Each part is laid out by itself and given a cell of a grid, larger parts first."""
    import networkx as nx

    parts = sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    places: dict[str, tuple[float, float]] = {}
    x = y = row = 0.0
    wide = 1.3 * sum(_side(part) ** 2 for part in parts) ** 0.5
    for part in parts:
        side = _side(part)
        if x and x + side > wide:
            x, y, row = 0.0, y - row, 0.0
        row = max(row, side)
        # Built anew, since the order of nodes is a part of the layout.
        alone = nx.Graph()
        alone.add_nodes_from(sorted(part))
        alone.add_edges_from(sorted(tuple(sorted(edge)) for edge in graph.edges(part)))
        inside = nx.spring_layout(alone, seed=seed, k=1.2, iterations=150)
        for name, at in inside.items():
            places[name] = (x + side * (0.5 + 0.36 * at[0]), y - side * (0.5 - 0.36 * at[1]))
        x += side
    return places


def _side(part: Collection[str]) -> float:
    return (len(part) + 1.0) ** 0.5


def _label(axes: "Axes", x: float, y: float, name: str, *, bold: bool) -> None:
    text = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    axes.plot([x], [y], ".", color="white", zorder=0)  # so that the axes reach every name
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=7,
        fontweight="bold" if bold else "normal",
        parse_math=False,
        zorder=3,
        bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
    )
