"""Tensor diagrams as graphs of cochains and maps: their height, and their pictures.

Source: Hajij et al. 2022, definitions of tensor diagrams and of their height.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Safe for the colour-blind (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


class Arrow(NamedTuple):
    """A map from one cochain to another.

    Attributes:
        tail: the cochain it reads, by number.
        head: the cochain it writes.
        matrix: along which neighbourhood.
        note: what kind of map it is; empty for what is read besides the neighbours, such as the
            cochain that pays attention.
    """

    tail: int
    head: int
    matrix: str
    note: str


@dataclass
class Sketch:
    """A graph of cochains, of which several may be of one rank, and of maps between them.

    Attributes:
        ranks: of each cochain.
        notes: what becomes of what arrives at each, such as a sum and a nonlinearity.
        arrows: maps.
    """

    ranks: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)

    def cochain(self, rank: int, note: str = "") -> int:
        """One more cochain; its number."""
        self.ranks.append(rank)
        self.notes.append(note)
        return len(self.ranks) - 1

    @property
    def inputs(self) -> list[int]:
        """Cochains at which no map ends."""
        heads = {arrow.head for arrow in self.arrows}
        return [one for one in range(len(self.ranks)) if one not in heads]

    def depths(self) -> list[int]:
        """Maps on the longest path to each cochain."""
        depths = [0] * len(self.ranks)
        # No path has more maps than there are cochains.
        for _ in self.ranks:
            for arrow in self.arrows:
                depths[arrow.head] = max(depths[arrow.head], depths[arrow.tail] + 1)
        return depths

    @property
    def height(self) -> int:
        """Maps on the longest path."""
        return max(self.depths(), default=0)

    def names(self) -> list[str]:
        """Of each cochain: H and its rank, with a mark for each time that it was written anew."""
        depths, names = self.depths(), [""] * len(self.ranks)
        for rank in set(self.ranks):
            own = [one for one in range(len(self.ranks)) if self.ranks[one] == rank]
            own.sort(key=lambda one: (depths[one], one))
            first = 0 if own[0] in self.inputs else 1
            for turn, one in enumerate(own, first):
                names[one] = f"H{rank}{_marks(turn)}"
        return names

    def __str__(self) -> str:
        """Each cochain that is written, in order, with the maps that end there."""
        depths, names = self.depths(), self.names()
        inputs = self.inputs
        lines = [f"given {', '.join(sorted(names[one] for one in inputs))}"]
        order = [one for one in range(len(self.ranks)) if one not in inputs]
        for one in sorted(order, key=lambda one: (depths[one], self.ranks[one], one)):
            note = f": {self.notes[one]}" if self.notes[one] else ""
            lines.append(f"{names[one]}{note}")
            arrows = [arrow for arrow in self.arrows if arrow.head == one]
            wide = max(len(names[arrow.tail]) for arrow in arrows)
            lines += [
                f"  {names[arrow.tail]:{wide}} ── {arrow.matrix}{_after(arrow.note)} ──▶ "
                f"{names[one]}"
                for arrow in arrows
            ]
        return "\n".join([*lines, f"height {self.height}"])

    def figure(self, title: str = "") -> "Figure":
        """A picture: ranks from the bottom up, maps from the left to the right.

        Args:
            title: above the picture.

        Returns:
            The picture; nothing is saved.
        """
        from matplotlib.figure import Figure

        depths, names = self.depths(), self.names()
        levels = {rank: y for y, rank in enumerate(sorted(set(self.ranks)))}
        figure = Figure(figsize=(2.2 + 2.4 * self.height, 1.4 + 1.1 * len(levels)))
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        # Cochains of one rank at one depth stand a little apart.
        places: list[tuple[float, float]] = []
        taken: dict[tuple[int, int], int] = {}
        for rank, depth in zip(self.ranks, depths, strict=True):
            turn = taken[rank, depth] = taken.get((rank, depth), -1) + 1
            places.append((depth + 0.3 * turn, levels[rank] + 0.3 * turn))
        # Maps between the same two are one arrow that bears the names of all.
        between: dict[tuple[int, int], list[str]] = {}
        for arrow in self.arrows:
            matrices = between.setdefault((arrow.tail, arrow.head), [])
            if arrow.note and arrow.matrix not in matrices:
                matrices.append(arrow.matrix)
        for turn, ((one, other), matrices) in enumerate(between.items()):
            colour = _COLOURS[levels[self.ranks[one]] % len(_COLOURS)]
            tail, head = places[one], places[other]
            axes.annotate(
                "", head, tail, arrowprops={
                    "arrowstyle": "-|>", "color": colour, "shrinkA": 16, "shrinkB": 16,
                    "linestyle": "-" if matrices else ":",
                },
            )  # fmt: skip
            # At two places in turn, as arrows that cross would do so at the middle.
            share = (0.4, 0.6)[turn % 2]
            x, y = (tail[i] + share * (head[i] - tail[i]) for i in (0, 1))
            axes.text(x, y, "\n".join(matrices), color=colour, fontsize=8, ha="center", va="bottom")
        for (x, y), name, note in zip(places, names, self.notes, strict=True):
            axes.text(
                x, y, name, ha="center", va="center", bbox={"boxstyle": "round", "fc": "white"}
            )
            axes.text(x, y - 0.28, note, ha="center", va="top", fontsize=7)
        axes.set_xlim(-0.5, self.height + 0.6)
        axes.set_ylim(-0.6, len(levels) - 0.3)
        axes.set_xticks(range(self.height + 1))
        axes.set_yticks(list(levels.values()), [str(rank) for rank in levels])
        axes.set_xlabel("maps from the input")
        axes.set_ylabel("rank")
        axes.set_title(title)
        return figure


def joined(notes: Iterable[str]) -> str:
    """Notes that say something, one after the other."""
    return ", ".join(note for note in notes if note)


def _after(note: str) -> str:
    return f", {note}" if note else ", read as well"


def _marks(turn: int) -> str:
    return "'" * turn if turn < 4 else f"^{turn}"
