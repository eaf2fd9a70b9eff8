"""Sets of complexes with what is to be told of them: a class each, or one for each cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int64
from torch import Tensor

from unfrozen.data.graphs import Graphs
from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting import graph


@dataclass(frozen=True)
class Parts:
    """Which rows are for what.

    Attributes:
        train: to learn from.
        validation: to choose by.
        test: to be asked, once.
    """

    train: Int64[Tensor, " a"]
    validation: Int64[Tensor, " b"]
    test: Int64[Tensor, " c"]


@dataclass(frozen=True)
class Labelled:
    """Complexes with a class each.

    Attributes:
        name: of the set.
        complexes: graphs are complexes of rank 1.
        classes: of each, from 0 on.
        source: where it is from.

    Raises:
        TopologyError: there is not a class for each.
    """

    name: str
    complexes: tuple[Complex, ...]
    classes: Int64[Tensor, " _"]
    source: str

    def __post_init__(self) -> None:
        if len(self.complexes) != len(self.classes) or not len(self.classes):
            raise TopologyError(
                f"{self.name} has {len(self.complexes)} complexes and {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        """How many complexes there are."""
        return len(self.complexes)

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return int(self.classes.max()) + 1

    @property
    def targets(self) -> tuple[Int64[Tensor, " _"], ...]:
        """The class of each, as one row."""
        return self.classes.split(1)

    def lifted(self, lift: Callable[[Complex], Complex]) -> "Labelled":
        """The same with each complex made another, such as a graph with its rings."""
        return replace(self, complexes=tuple(map(lift, self.complexes)))


@dataclass(frozen=True)
class CellLabelled:
    """Complexes with a class for each cell of a rank.

    Attributes:
        name: of the set.
        complexes: what is seen.
        rank: of the cells.
        targets: classes of the cells of each complex, from 0 on.
        n_classes: how many classes there are.
        source: where it is from.

    Raises:
        TopologyError: there is not a class for each cell.
    """

    name: str
    complexes: tuple[Complex, ...]
    rank: int
    targets: tuple[Int64[Tensor, " _"], ...]
    n_classes: int
    source: str

    def __post_init__(self) -> None:
        cells = [each.n_cells(self.rank) for each in self.complexes]
        classes = [len(each) for each in self.targets]
        if cells != classes or not cells:
            raise TopologyError(
                f"{self.name} has cells of rank {self.rank} and classes in other numbers"
            )

    def __len__(self) -> int:
        """How many complexes there are."""
        return len(self.complexes)

    def lifted(self, lift: Callable[[Complex], Complex]) -> "CellLabelled":
        """The same with each complex made another that keeps the cells of the rank."""
        return replace(self, complexes=tuple(map(lift, self.complexes)))


Examples = Labelled | CellLabelled


def from_graphs(graphs: Graphs) -> Labelled:
    """A set of graphs as complexes of rank 1, labels of nodes as features."""
    made = tuple(
        graph(edges[:, edges[0] != edges[1]], nodes=nodes)
        for nodes, edges in zip(graphs.nodes, graphs.edges, strict=True)
    )
    return Labelled(graphs.name, made, graphs.classes.long(), graphs.source)


def with_ones(complex: Complex) -> Complex:  # noqa: A002
    """A complex whose nodes have a feature, 1, if they had none."""
    if 0 in complex.features:
        return complex
    return complex.with_features(0, torch.ones(complex.n_nodes, 1, device=complex.device))


def standardised(
    complexes: Sequence[Complex], learnt_from: Int64[Tensor, " row"]
) -> tuple[Complex, ...]:
    """Complexes whose features have, over those that are learnt from, mean 0 and deviation 1.

    Args:
        complexes: all, with features of the same ranks.
        learnt_from: which of them say what the mean is; the others are shifted and scaled alike.
    """
    found = list(complexes)
    for rank in complexes[0].features:
        rows = torch.cat([complexes[i].features[rank] for i in learnt_from.tolist()])
        mean, deviation = rows.mean(0), rows.std(0).clamp(min=1e-6)
        found = [
            each.with_features(rank, (each.features[rank] - mean) / deviation) for each in found
        ]
    return tuple(found)
