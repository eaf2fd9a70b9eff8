"""A complex as a graph of its cells, on which any network of graphs can run.

Source: Hajij et al. 2022, definitions of the Hasse graph and of augmented ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.complex.matrices.relation import Relation, incidence


@dataclass(frozen=True, eq=False)
class Hasse:
    """Vertices are the cells of all ranks, edges go from a cell to one that hears of it.

    Attributes:
        offsets: rank -> the vertex of its first cell.
        counts: rank -> how many cells it has.
        edges: [source, target] of each; those of a relation by target and then by source.
        kinds: of each edge, the number of its relation.
        relations: of which the edges are.
    """

    offsets: Mapping[int, int]
    counts: Mapping[int, int]
    edges: Int64[Tensor, "2 edge"]
    kinds: Int64[Tensor, " edge"]
    relations: tuple[Relation, ...]

    def __len__(self) -> int:
        """How many vertices there are."""
        return sum(self.counts.values())

    @property
    def ranks(self) -> Int64[Tensor, " vertex"]:
        """The rank of each vertex."""
        ranks = [torch.full((count,), rank) for rank, count in self.counts.items()]
        return torch.cat(ranks).to(self.edges.device)

    def join(
        self, cochains: Mapping[int, Float[Tensor, "_ feature"]]
    ) -> Float[Tensor, "vertex feature"]:
        """Cochains of all ranks, a row a vertex.

        Raises:
            TopologyError: one is missing, has not a row for each cell, or is of another width.
        """
        for rank, count in self.counts.items():
            if rank not in cochains or len(cochains[rank]) != count:
                got = len(cochains[rank]) if rank in cochains else 0
                raise TopologyError(f"a cochain of rank {rank} has {count} rows, not {got}")
        rows = [cochains[rank] for rank in self.counts]
        if len({x.shape[1:] for x in rows}) > 1:
            raise TopologyError(
                f"cochains are of one width to be joined, not {[x.shape[1] for x in rows]}"
            )
        return torch.cat(rows)

    def split(self, rows: Float[Tensor, "vertex feature"]) -> dict[int, Tensor]:
        """The cochain of each rank, of a row a vertex.

        Raises:
            TopologyError: there is not a row for each vertex.
        """
        if len(rows) != len(self):
            raise TopologyError(f"{len(rows)} rows are not one for each of {len(self)} vertices")
        return dict(zip(self.counts, rows.split(list(self.counts.values())), strict=True))


def hasse_graph(cells: Complex) -> Hasse:
    """Edges from each cell to those of the next rank in which it lies.

    Across a gap of ranks there are none: the graph does not tell all of such a complex.

    Example:
        >>> triangle = Complex({1: [[0, 1], [1, 2], [0, 2]], 2: [[0, 1, 2]]})
        >>> graph = hasse_graph(triangle)
        >>> graph.offsets
        {0: 0, 1: 3, 2: 6}
        >>> graph.edges[:, -3:]
        tensor([[3, 4, 5],
                [6, 6, 6]])
    """
    return augmented_hasse_graph(cells, ())


def augmented_hasse_graph(
    cells: Complex, relations: Iterable[Relation], *, plain: bool = True
) -> Hasse:
    """The same with more edges, those of some relations: from the columns to the rows of each.

    Args:
        cells: a complex.
        relations: numbered on from those of the Hasse graph, in the order given.
        plain: whether the edges of the Hasse graph are there as well.

    Raises:
        TopologyError: a relation is there twice, or has signs, which edges have not.
    """
    own = [incidence(rank, rank + 1).T for rank in cells.ranks if rank + 1 in cells.ranks]
    chosen = (*(own if plain else ()), *relations)
    if len(set(chosen)) < len(chosen):
        twice = next(r for i, r in enumerate(chosen) if r in chosen[:i])
        raise TopologyError(f"{twice} is there twice; those of the Hasse graph are there already")
    signed = [relation for relation in chosen if relation.signed]
    if signed:
        raise TopologyError(f"edges of a graph have no signs, and {signed[0]} has")
    counts = {rank: cells.n_cells(rank) for rank in cells.ranks}
    offsets, total = {}, 0
    for rank, count in counts.items():
        offsets[rank] = total
        total += count
    edges, kinds = [torch.zeros(2, 0, dtype=torch.int64, device=cells.device)], []
    for relation in chosen:
        found = cells.neighbourhood(relation)
        if len(found):
            first = torch.tensor([[offsets[relation.source]], [offsets[relation.target]]])
            edges.append(torch.stack([found.columns, found.rows]) + first.to(cells.device))
        kinds.append(len(found))
    number = torch.arange(len(chosen)).repeat_interleave(torch.tensor(kinds, dtype=torch.int64))
    return Hasse(offsets, counts, torch.cat(edges, 1), number.to(cells.device), chosen)
