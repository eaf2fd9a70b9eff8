"""What changed between two states of a model's knowledge: a diff of two graphs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from unfrozen.errors import FactError
from unfrozen.language.facts.fact import plain
from unfrozen.language.graph.completion import Completions
from unfrozen.language.graph.knowledge import Answered, KnowledgeGraph

if TYPE_CHECKING:
    import networkx as nx

Kind = Literal["appeared", "vanished", "moved", "shifted"]
"""What became of an edge: there only after, only before, to another object; or no edge that is sure
became another, but shares went to other objects."""

KINDS: tuple[Kind, ...] = ("moved", "appeared", "vanished", "shifted")


@dataclass(frozen=True)
class Moved:
    """A question that is answered otherwise.

    Attributes:
        before: the answer in the first state.
        after: the answer in the second.
        kind: what became of the edge.
        distance: how much of the share went to other objects, at least: `total_variation`.
    """

    before: Answered
    after: Answered
    kind: Kind
    distance: float

    @property
    def gain(self) -> float:
        """The share that the object which a change was meant to write has gained."""
        wanted = self.after.question.intended
        if wanted is None:
            return 0.0
        old, new = self.before.completions.shares, self.after.completions.shares
        return _of(new, wanted) - _of(old, wanted)

    @property
    def intended(self) -> bool:
        """Whether this is what a change was meant to do.

        Its object is the answer and was not as sure before, or most of what changed hands went to
        it.  An edited fact that drifts to a third object is collateral, whatever its own gained.
        """
        wanted = self.after.question.intended
        if wanted is None or self.gain <= 0:
            return False
        return plain(self.after.object) == plain(wanted) or self.gain > self.distance / 2

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "subject": self.after.question.subject,
            "relation": self.after.question.relation,
            "prompt": self.after.question.prompt,
            "kind": self.kind,
            "distance": self.distance,
            "meant": self.after.question.intended,
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
        moved: the questions that are answered otherwise: what was meant first, then what was not,
            each the farthest first.
    """

    before: KnowledgeGraph
    after: KnowledgeGraph
    moved: tuple[Moved, ...]

    @property
    def asked(self) -> int:
        """How many questions there were."""
        return len(self.after.answers)

    @property
    def meant(self) -> tuple[Answered, ...]:
        """The questions, as they are answered now, that changes were meant to answer anew."""
        return tuple(a for a in self.after.answers if a.question.intended is not None)

    @property
    def intended(self) -> tuple[Moved, ...]:
        """What was meant."""
        return tuple(m for m in self.moved if m.intended)

    @property
    def collateral(self) -> tuple[Moved, ...]:
        """What was not, the farthest first."""
        return tuple(m for m in self.moved if not m.intended)

    @property
    def counts(self) -> dict[Kind, int]:
        """How many edges of each kind there are."""
        return {kind: sum(m.kind == kind for m in self.moved) for kind in KINDS}

    @property
    def recall(self) -> float | None:
        """Share of the deliberate changes that are there; None where there was none."""
        return len(self.intended) / len(self.meant) if self.meant else None

    def graph(self) -> "nx.MultiDiGraph":
        """The edges before and after of all that changed, as a graph of networkx."""
        import networkx as nx

        graph = nx.MultiDiGraph(before=self.before.model, after=self.after.model)
        for one in self.moved:
            relation = one.after.question.relation
            told = {
                "relation": relation,
                "kind": one.kind,
                "intended": one.intended,
                "distance": one.distance,
            }
            gone = {"appeared": "before", "vanished": "after"}.get(one.kind)
            for when, answer in (("before", one.before), ("after", one.after)):
                if when != gone:
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
            "meant": len(self.meant),
            "recall": self.recall,
            "counts": dict(self.counts),
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
        shift: shares that changed by this much in all count as changed, though no edge moved.

    Raises:
        FactError: they were not asked the same.
    """
    if [a.question for a in before.answers] != [a.question for a in after.answers]:
        raise FactError("the two graphs were not asked the same questions")
    found = []
    for old, new in zip(before.answers, after.answers, strict=True):
        distance = total_variation(old.completions, new.completions)
        kind = _kind(old, new, edge)
        if kind is None and distance >= shift:
            kind = "shifted"
        if kind is not None:
            found.append(Moved(old, new, kind, distance))
    found.sort(key=lambda m: (not m.intended, -m.distance, m.after.question.key))
    return Difference(before, after, tuple(found))


def total_variation(first: Completions, second: Completions) -> float:
    """Half the sum of the absolute differences of shares, at least.

    An object that was found on one side only has on the other any share up to what an unfound one
    may have; the nearest is taken, so that nothing counts as a change that need not be one.

    Args:
        first: what a prompt ends in.
        second: what it ends in otherwise.

    Example:
        >>> from unfrozen.language.graph import Completion
        >>> sure = Completions((Completion("a", 0.8),), 0.0)
        >>> unsure = Completions((Completion("a", 0.4), Completion("b", 0.4)), 0.0)
        >>> round(total_variation(sure, unsure), 4)
        0.4975
    """
    total = 0.0
    for name in sorted(first.shares.keys() | second.shares.keys()):
        old, new = first.shares.get(name), second.shares.get(name)
        if old is None:
            old = min(new or 0.0, first.unfound)
        elif new is None:
            new = min(old, second.unfound)
        total += abs(old - (new or 0.0))
    return total / 2


def _of(shares: dict[str, float], name: str) -> float:
    return next((share for key, share in shares.items() if plain(key) == plain(name)), 0.0)


def _kind(old: Answered, new: Answered, edge: float) -> Kind | None:
    was, now = old.share >= edge, new.share >= edge
    if was and now:
        return "moved" if old.object != new.object else None
    if was != now:
        return "appeared" if now else "vanished"
    return None
