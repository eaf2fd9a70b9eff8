"""Pictures of a graph: whether its confidences come true, what it says, and what changed in it."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from unfrozen.language.graph.difference import Difference, Moved
from unfrozen.language.graph.knowledge import Answered, KnowledgeGraph
from unfrozen.language.graph.reliability import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Safe for the colour-blind (Okabe and Ito, with two of Tol's for more relations).
_COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000", "#b8a800",
    "#882255", "#117733",
)  # fmt: skip
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
    upper.legend(frameon=False, loc="upper left")
    lower.bar(sure, number, width=0.06, color=_INTENDED)
    lower.set_ylabel("answers")
    lower.set_xlabel("confidence")
    lower.set_xlim(-0.03, 1.03)
    told = f"calibration error {reliability.error:.3f}, Brier {reliability.brier:.3f}, "
    told += f"{reliability.n} questions held out"
    figure.suptitle(f"{title}\n{told}" if title else told, fontsize=10, parse_math=False)
    return figure


def picture(graph: KnowledgeGraph, most: int = 60) -> "Figure":
    """Subjects, relations and objects: wide edges are sure, dashed ones extrapolated.

    Args:
        graph: to be seen.
        most: edges; of more, those of evenly spaced subjects are shown.

    Returns:
        The picture; nothing is saved.
    """
    answers = _some(graph.answers, most)
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
    return _draw(edges, lines, subjects, title)


def difference_picture(difference: Difference, most: int = 40) -> "Figure":
    """What changed: grey edges were there before, coloured ones are there after.

    Args:
        difference: of two states.
        most: changes: what was meant and what was not in turn, each the farthest first.

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
    return _draw(edges, lines, {m.after.question.subject for m in moved}, title)


def _some(answers: Sequence[Answered], most: int) -> list[Answered]:
    """All edges of as many subjects as fit, evenly spaced."""
    groups: dict[str, list[Answered]] = {}
    for one in answers:
        groups.setdefault(one.question.subject, []).append(one)
    whole = list(groups.values())
    number = len(whole)
    while number and sum(map(len, _spaced(whole, number))) > most:
        number -= 1
    return [one for group in _spaced(whole, number) for one in group]


def _spaced(groups: Sequence[list[Answered]], number: int) -> list[list[Answered]]:
    """The first, the last, and some between."""
    return [groups[i * (len(groups) - 1) // max(number - 1, 1)] for i in range(number)]


def _in_turn(*groups: Sequence[Moved]) -> list[Moved]:
    longest = max(map(len, groups), default=0)
    return [group[i] for i in range(longest) for group in groups if i < len(group)]


def _draw(
    edges: Sequence[dict[str, Any]],
    lines: Iterable[dict[str, Any]],
    subjects: set[str],
    title: str,
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
    places = _places(graph)
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
            "shrinkA": _clear(pair[0], places, pair),
            "shrinkB": _clear(pair[1], places, pair),
            "connectionstyle": f"arc3,rad={0.12 * (drawn[pair] - 1):.2f}",
        }
        drawing = axes.annotate("", places[pair[1]], places[pair[0]], arrowprops=arrow, zorder=1)
        drawing.set_in_layout(False)  # which finds no room around arrows
    for name, (x, y) in places.items():
        _label(axes, x, y, name, bold=name in subjects)
    axes.margins(0.08)
    handles = [Line2D([], [], **line) for line in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def _places(graph: Any) -> dict[str, tuple[float, float]]:
    """Each part is laid out by itself and given a cell, larger parts first, row by row."""
    import networkx as nx

    parts = sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    places: dict[str, tuple[float, float]] = {}
    x = y = row = 0.0
    wide = (1.3 * sum(_side(part) * _height(part) for part in parts)) ** 0.5
    for part in parts:
        side, height = _side(part), _height(part)
        if x and x + side > wide:
            x, y, row = 0.0, y - row, 0.0
        row = max(row, height)
        # Built anew, since the order of nodes is a part of the layout.
        alone = nx.Graph()
        alone.add_nodes_from(sorted(part))
        alone.add_edges_from(sorted(tuple(sorted(edge)) for edge in graph.edges(part)))
        inside = nx.kamada_kawai_layout(alone)
        across, down = (max(at[i] for at in inside.values()) - min(at[i] for at in inside.values())
                        for i in (0, 1))  # fmt: skip
        # Names are wide, so that which is long stands upright.
        first, second = (1, 0) if across > down else (0, 1)
        for name, at in inside.items():
            places[name] = (
                x + side * (0.5 + 0.4 * at[first]),
                y - height * (0.5 - 0.36 * at[second]),
            )
        x += side
    return places


def _clear(name: str, places: dict[str, tuple[float, float]], pair: tuple[str, str]) -> float:
    """How far from a name an arrow ends, in points: names are wide and low."""
    (x, y), (u, v) = (places[one] for one in pair)
    slant = abs(x - u) / max(((x - u) ** 2 + (y - v) ** 2) ** 0.5, 1e-9)
    return 8 + 1.9 * min(len(name), _LONGEST) * slant**3


def _side(part: Collection[str]) -> float:
    """The width of a part's cell, in units of a name or so."""
    return 0.4 + 0.75 * len(part) ** 0.5


def _height(part: Collection[str]) -> float:
    return 0.6 * _side(part) if len(part) < 3 else _side(part)


def _label(axes: "Axes", x: float, y: float, name: str, *, bold: bool) -> None:
    text = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    axes.plot([x], [y], ".", color="white", zorder=0)  # so that the axes reach every name
    written = axes.text(
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
    written.set_in_layout(False)
