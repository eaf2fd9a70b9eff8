"""What changed between two states of a model's knowledge: a diff of two graphs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from unfrozen.errors import FactError
from unfrozen.language.facts.fact import plain
from unfrozen.language.graph.knowledge import Answered, KnowledgeGraph

if TYPE_CHECKING:
    import networkx as nx

Kind = Literal["appeared", "vanished", "moved", "shifted"]
"""What became of an edge: there only after, only before, to another object, or otherwise sure."""

KINDS: tuple[Kind, ...] = ("moved", "appeared", "vanished", "shifted")


@dataclass(frozen=True)
class Moved:
    """A question that is answered otherwise.

    Attributes:
        before: the answer in the first state.
        after: the answer in the second.
        kind: what became of the edge.
        distance: total variation between both shares: 0 where nothing changed, 1 at most.
    """

    before: Answered
    after: Answered
    kind: Kind
    distance: float

    @property
    def intended(self) -> bool:
        """Whether a change was meant to write the object that is now the answer, or gains."""
        wanted = self.after.question.intended
        if wanted is None:
            return False
        if plain(self.after.object) == plain(wanted):
            return True
        old, new = self.before.completions.shares, self.after.completions.shares
        return new.get(wanted, 0.0) > old.get(wanted, 0.0)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "subject": self.after.question.subject,
            "relation": self.after.question.relation,
            "prompt": self.after.question.prompt,
            "kind": self.kind,
            "distance": self.distance,
            "intended": self.intended,
            "before": {"object": self.before.object, "share": self.before.share},
            "after": {"object": self.after.object, "share": self.after.share},
        }


@dataclass(frozen=True)
class Difference:
    """What changed.

    Attributes:
        before: the first graph.
        after: the second.
        moved: the questions that are answered otherwise, those that were meant first, then the
            collateral ones, each by distance.
        asked: how many questions there were.
        meant: how many of them a change was meant to answer anew.
    """

    before: KnowledgeGraph
    after: KnowledgeGraph
    moved: tuple[Moved, ...]
    asked: int
    meant: int

    @property
    def intended(self) -> tuple[Moved, ...]:
        """What was meant."""
        return tuple(m for m in self.moved if m.intended)

    @property
    def collateral(self) -> tuple[Moved, ...]:
        """What was not, the farthest first."""
        return tuple(m for m in self.moved if not m.intended)

    def graph(self) -> "nx.MultiDiGraph":
        """The edges before and after of all that changed, as a graph of networkx."""
        import networkx as nx

        graph = nx.MultiDiGraph(before=self.before.model, after=self.after.model)
        for one in self.moved:
            relation = one.after.question.relation
            told = {"relation": relation, "kind": one.kind, "intended": one.intended}
            told["distance"] = one.distance
            sides = (("before", one.before), ("after", one.after))
            for when, answer in sides:
                if (when == "before" and one.kind == "appeared") or (
                    when == "after" and one.kind == "vanished"
                ):
                    continue
                graph.add_edge(
                    answer.question.subject,
                    answer.object,
                    key=f"{relation}, {when}",
                    when=when,
                    share=answer.share,
                    **told,
                )
        return graph

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "before": self.before.model,
            "after": self.after.model,
            "asked": self.asked,
            "meant": self.meant,
            "counts": {kind: sum(m.kind == kind for m in self.moved) for kind in KINDS},
            "intended": [m.to_json() for m in self.intended],
            "collateral": [m.to_json() for m in self.collateral],
        }


def differ(
    before: KnowledgeGraph, after: KnowledgeGraph, *, edge: float = 0.5, shift: float = 0.1
) -> Difference:
    """Which edges appeared, vanished, moved, or shifted.

    Args:
        before: of one state.
        after: of another, asked the same questions.
        edge: an edge is there where the first object has at least this share.
        shift: shares that changed by this much in all count as changed, though the edge stays.

    Raises:
        FactError: they were not asked the same.
    """
    if [a.question for a in before.answers] != [a.question for a in after.answers]:
        raise FactError("the two graphs were not asked the same questions")
    found = []
    for old, new in zip(before.answers, after.answers, strict=True):
        distance = total_variation(old.completions.shares, new.completions.shares)
        kind = _kind(old, new, edge)
        if kind is None and distance >= shift:
            kind = "shifted"
        if kind is not None:
            found.append(Moved(old, new, kind, distance))
    found.sort(key=lambda m: (not m.intended, -m.distance, m.after.question.key))
    meant = sum(a.question.intended is not None for a in after.answers)
    return Difference(before, after, tuple(found), len(after.answers), meant)


def total_variation(first: dict[str, float], second: dict[str, float]) -> float:
    """Half the sum of the absolute differences.

    Example:
        >>> total_variation({"a": 1.0}, {"a": 0.5, "b": 0.5})
        0.5
    """
    names = first.keys() | second.keys()
    return sum(abs(first.get(n, 0.0) - second.get(n, 0.0)) for n in sorted(names)) / 2


def _kind(old: Answered, new: Answered, edge: float) -> Kind | None:
    was, now = old.share >= edge, new.share >= edge
    if old.object != new.object:
        if was and now:
            return "moved"
        return "appeared" if now else "vanished" if was else None
    if was != now:
        return "appeared" if now else "vanished"
    return None
