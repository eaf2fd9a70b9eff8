"""Graph and diff: what a model knows, and what two states of it answer otherwise."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.models import Models, Where
from unfrozen.workbench.pages.knowledge.schemas import (
    DiffIn,
    DiffOut,
    EdgeOut,
    FactIn,
    GraphIn,
    GraphOut,
    MovedOut,
    NodeOut,
)

if TYPE_CHECKING:
    from unfrozen.language.facts import Fact

_DRAWN = 150
"""Edges that are laid out; of more, those of the first subjects."""


def graph(models: Models, asked: GraphIn, handle: Handle) -> GraphOut:
    """Read a graph out of a state, and learn what its edges are worth."""
    from unfrozen.data.sets import relation
    from unfrozen.errors import WorkbenchError
    from unfrozen.language.graph import questions_of, read_graph

    if not (asked.relations or asked.facts):
        raise WorkbenchError("nothing is asked: choose a relation, or upload facts")
    questions = questions_of(
        [relation(name) for name in asked.relations],
        _facts(asked.facts),
        most=asked.most,
        seed=asked.seed,
    )
    state = models.open(asked.where, handle)
    with state.recalling() as lm:
        read = read_graph(
            lm, questions, model=state.text, whole=True, seed=asked.seed, progress=handle.report
        )
    edges = [
        EdgeOut(
            subject=one.question.subject,
            relation=one.question.relation,
            object=one.object,
            confidence=one.confidence,
            probability=one.probability,
            extrapolated=one.extrapolated,
            truth=one.question.truth,
        )
        for one in read.graph.answers
    ]
    reliability = read.reliability
    return GraphOut(
        state=state.text,
        calibrated=read.graph.calibrated,
        error=None if reliability is None else reliability.error,
        held_out=0 if reliability is None else reliability.n,
        edges=edges,
        nodes=lay_out([(e.subject, e.object) for e in edges[:_DRAWN]]),
    )


def diff(models: Models, asked: DiffIn, handle: Handle) -> DiffOut:
    """Compare the states around an entry, or the base and the present state."""
    from unfrozen.data.sets import relation
    from unfrozen.workspace.comparison import (
        compare,
        questions_between,
        state_of,
        states_around,
    )

    state = models.open(Where(workspace=asked.workspace), handle)
    workspace = state.needed()
    if asked.entry is None:
        before, after = state_of(workspace, 0), state_of(workspace)
    else:
        before, after = states_around(workspace, asked.entry)
    relations = [relation(name) for name in asked.relations]
    questions = questions_between(before, after, relations, most=asked.most)
    found = compare(state.lm, before, after, questions, progress=handle.report)
    moved = [
        MovedOut(
            subject=one.after.question.subject,
            relation=one.after.question.relation,
            prompt=one.after.question.prompt,
            kind=one.kind,
            intended=one.intended,
            distance=one.distance,
            before=one.before.object,
            before_share=one.before.share,
            after=one.after.object,
            after_share=one.after.share,
        )
        for one in found.moved
    ]
    pairs = [pair for m in moved[:_DRAWN] for pair in ((m.subject, m.before), (m.subject, m.after))]
    return DiffOut(
        before="the base" if asked.entry is None else f"before entry {asked.entry}",
        after="now" if asked.entry is None else f"after entry {asked.entry}",
        asked=found.asked,
        meant=len(found.meant),
        moved=moved,
        nodes=lay_out(pairs),
    )


def lay_out(pairs: Sequence[tuple[str, str]]) -> list[NodeOut]:
    """Places for the nodes of a graph, in a square from -1 to 1; the same every time.

    Args:
        pairs: subject and object of each edge.
    """
    import networkx as nx

    if not pairs:
        return []
    drawn = nx.Graph(pairs)
    # Parts that hang together are laid out each by itself, then put on a grid by their size.
    parts = sorted(nx.connected_components(drawn), key=lambda part: (-len(part), min(part)))
    subjects = {subject for subject, _ in pairs}
    places: dict[str, tuple[float, float]] = {}
    left = top = row = 0.0
    width = 1.6 * sum((len(part) ** 0.5 + 1) ** 2 for part in parts) ** 0.5
    for part in parts:
        radius = len(part) ** 0.5
        order = sorted(part, key=lambda name: (name not in subjects, name))
        found = _part(order, [pair for pair in pairs if pair[0] in part])
        if left + 2 * radius > width and left > 0:
            left, top, row = 0.0, top + row, 0.0
        for name, (x, y) in found.items():
            places[name] = (left + radius * (1 + x), -top - radius * (1 + y))
        left, row = left + 2 * radius + 1, max(row, 2 * radius + 1)
    return [
        NodeOut(name=name, x=x, y=y, subject=name in subjects)
        for name, (x, y) in _scaled(places).items()
    ]


def _part(order: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Places of one part that hangs together; a pair lies flat, as it is read."""
    import networkx as nx

    if len(order) == 2:
        return dict(zip(order, ((-0.9, 0.0), (0.9, 0.0)), strict=True))
    part = nx.Graph()
    part.add_nodes_from(order)
    part.add_edges_from(pairs)
    found = nx.spring_layout(part, seed=0, iterations=200)
    return {name: (float(x), float(y)) for name, (x, y) in found.items()}


def _scaled(places: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    def span(values: Iterable[float]) -> tuple[float, float]:
        values = list(values)
        return min(values), max(max(values) - min(values), 1e-9)

    (x0, width), (y0, height) = (
        span(x for x, _ in places.values()),
        span(y for _, y in places.values()),
    )
    return {
        name: (round(2 * (x - x0) / width - 1, 4), round(2 * (y - y0) / height - 1, 4))
        for name, (x, y) in places.items()
    }


def _facts(given: Iterable[FactIn]) -> "list[Fact]":
    from unfrozen.language.facts import Fact, as_template

    return [
        Fact(
            one.subject,
            as_template(one.prompt, one.subject),
            one.target_true,
            one.target_new,
            relation=one.relation,
        )
        for one in given
    ]
