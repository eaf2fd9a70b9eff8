"""A combinatorial complex: nodes, and cells of them in ranks.

Graphs, hypergraphs, simplicial and cell complexes are special cases.  Source: Hajij et al. 2022,
definitions 4 (complex), 14 to 17 (neighbourhoods) and 20 (cochains).
"""

import operator
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.matrices.matrix import matrix
from unfrozen.topology.complex.matrices.neighbourhood import Neighbourhood
from unfrozen.topology.complex.matrices.relation import Relation, adjacency, coadjacency, incidence
from unfrozen.topology.complex.sets.axioms import (
    check_ids,
    check_nodes,
    check_ranks,
    check_sets,
    without_repeats,
)
from unfrozen.topology.complex.sets.cells import Cells

SameSet = Literal["refuse", "skip"]
Ranked = Mapping[int, "Cells | np.ndarray | Sequence[Iterable[int]]"]


class Complex:
    """Nodes 0, 1, ... and cells of them in ranks; it does not change.

    The cells of a rank are in the order in which they were given: row i of every matrix and of
    every cochain of the rank is cell i.  Besides, each cell has an id that it keeps when the
    complex grows (`unfrozen.topology.complex.growing`): by default the ids count the nodes and
    then the cells of rank 1, 2 and so on.

    Nothing is re-ranked or left out: what breaks an axiom is refused.

    Args:
        cells: rank -> cells, as an array of [cell, node] or as sets of nodes.
        n_nodes: how many nodes there are; by default as many as the cells name.
        features: rank -> one row of numbers for each cell.
        same_set: what becomes of a set of nodes that is given twice, at one rank or at two:
            refused, or kept at its first place, the lowest rank, and skipped at the others.  Rows
            of features are skipped with their cells.
        ids: rank -> id of each cell.

    Raises:
        TopologyError: cells break an axiom, or features do not fit the cells.

    Example:
        >>> square = Complex({1: [[0, 1], [1, 2], [2, 3], [3, 0]], 2: [[0, 1, 2, 3]]})
        >>> square
        Complex(4 nodes, 4 of rank 1, 1 of rank 2)
        >>> square.incidence(1, 2).scipy().toarray().ravel()
        array([1., 1., 1., 1.], dtype=float32)
    """

    def __init__(
        self,
        cells: Ranked,
        *,
        n_nodes: int | None = None,
        features: Mapping[int, Float[Tensor, "_ feature"]] | None = None,
        same_set: SameSet = "refuse",
        ids: Mapping[int, Int64[np.ndarray, " _"]] | None = None,
    ) -> None:
        given = {_rank(rank): Cells.of(of_rank) for rank, of_rank in sorted(cells.items())}
        highest = max((int(c.members.max()) for c in given.values() if len(c)), default=-1)
        n = highest + 1 if n_nodes is None else n_nodes
        if n < 1:
            raise TopologyError("a complex has at least one node")
        ranked = {0: Cells(np.arange(n + 1), np.arange(n)), **given}
        for rank, of_rank in given.items():
            check_nodes(rank, of_rank, n)
        rows = dict(features or {})
        if same_set == "skip":
            ranked, kept = _first_places(ranked)
            rows = {
                r: x[torch.from_numpy(kept[r]).to(x.device)] for r, x in rows.items() if r in kept
            }
            ids = {r: own[kept[r]] for r, own in (ids or {}).items() if r in kept} or None
        check_sets(ranked)
        check_ranks(ranked, n)
        self._set(ranked, rows, ids)
        if ids is not None:
            check_ids(self.ids)

    @classmethod
    def trusted(
        cls,
        ranked: Mapping[int, Cells],
        features: Mapping[int, Float[Tensor, "_ feature"]] | None = None,
        ids: Mapping[int, Int64[np.ndarray, " _"]] | None = None,
        matrices: Mapping[Relation, Neighbourhood] | None = None,
    ) -> "Complex":
        """A complex of cells known to fit, as those of a part or of a batch of complexes are.

        Args:
            ranked: rank -> cells, with those of rank 0.
            features: as for any complex.
            ids: as for any complex.
            matrices: of the complex, where some are known, on the CPU.
        """
        self = cls.__new__(cls)
        self._set(dict(ranked), dict(features or {}), ids)
        self._cache.update(matrices or {})
        return self

    def _set(
        self,
        ranked: dict[int, Cells],
        features: dict[int, Tensor],
        ids: Mapping[int, np.ndarray] | None,
    ) -> None:
        self._ranked = {rank: cells for rank, cells in ranked.items() if len(cells) or rank == 0}
        self._cache: dict[Relation, Neighbourhood] = {}
        self.device = torch.device("cpu")
        for rank, rows in features.items():
            if len(rows) != self.n_cells(rank):
                raise TopologyError(
                    f"{len(rows)} rows of features are not one for each of {self.n_cells(rank)} "
                    f"cells of rank {rank}"
                )
        self.features: dict[int, Tensor] = features
        counts = np.cumsum([0, *(len(self._ranked[r]) for r in self.ranks)])
        default = {r: np.arange(counts[i], counts[i + 1]) for i, r in enumerate(self.ranks)}
        named = {**default, **(ids or {})}
        for rank, own in named.items():
            if len(own) != self.n_cells(rank):
                raise TopologyError(
                    f"{len(own)} ids are not one for each of {self.n_cells(rank)} cells of rank "
                    f"{rank}"
                )
        self.ids: dict[int, np.ndarray] = {rank: named[rank] for rank in self.ranks}

    @property
    def ranks(self) -> tuple[int, ...]:
        """Ranks that have cells, from 0 up."""
        return tuple(sorted(self._ranked))

    @property
    def dim(self) -> int:
        """The highest rank that has cells."""
        return self.ranks[-1]

    @property
    def n_nodes(self) -> int:
        """How many nodes there are."""
        return len(self._ranked[0])

    def n_cells(self, rank: int) -> int:
        """How many cells of a rank there are."""
        return len(self._ranked[rank]) if rank in self._ranked else 0

    def __len__(self) -> int:
        """How many cells of all ranks there are."""
        return sum(len(cells) for cells in self._ranked.values())

    def __repr__(self) -> str:
        """What there is of each rank."""
        more = "".join(f", {self.n_cells(r):,} of rank {r}" for r in self.ranks if r)
        return f"Complex({self.n_nodes:,} nodes{more})"

    def cells(self, rank: int) -> Cells:
        """The cells of a rank."""
        return self._ranked.get(rank, _NO_CELLS)

    @property
    def matrices(self) -> Mapping[Relation, Neighbourhood]:
        """Those that have been made."""
        return MappingProxyType(self._cache)

    def neighbourhood(self, relation: Relation) -> Neighbourhood:
        """A matrix of the complex, made when it is first asked for.

        Raises:
            TopologyError: orientations are asked for where there are none, or there would be more
                entries than can be held.
        """
        found = self._cache.get(relation)
        if found is None:
            other = self._cache.get(relation.T)
            found = matrix(self, relation) if other is None else other.T
            found = found.to(self.device)
            self._cache[relation] = found
        return found

    def incidence(self, low: int, high: int, *, signed: bool = False) -> Neighbourhood:
        """B_{low,high}; see `unfrozen.topology.incidence`."""
        return self.neighbourhood(incidence(low, high, signed=signed))

    def adjacency(self, rank: int, *, via: int | None = None) -> Neighbourhood:
        """Neighbours through a cell above; see `unfrozen.topology.adjacency`."""
        return self.neighbourhood(adjacency(rank, via=via))

    def coadjacency(self, rank: int, *, via: int | None = None) -> Neighbourhood:
        """Neighbours through a cell below; see `unfrozen.topology.coadjacency`."""
        return self.neighbourhood(coadjacency(rank, via=via))

    def with_cells(
        self,
        rank: int,
        cells: Cells | np.ndarray | Sequence[Iterable[int]],
        *,
        features: Float[Tensor, "_ feature"] | None = None,
        same_set: SameSet = "refuse",
    ) -> "Complex":
        """The same with more cells of a rank, after those that there are; ids stay.

        Raises:
            TopologyError: the new cells break an axiom, or the rank has features and they none.
        """
        rank, more = _rank(rank), Cells.of(cells)
        if same_set == "skip":
            check_nodes(rank, more, self.n_nodes)
            more, kept = without_repeats(more, Cells.join(list(self._ranked.values())))
            features = None if features is None else features[torch.from_numpy(kept)]
        own = self.features.get(rank)
        if (own is None) != (features is None) and self.n_cells(rank) and len(more):
            raise TopologyError(f"either all cells of rank {rank} have features or none has")
        if own is not None and features is not None and own.shape[1] != features.shape[1]:
            raise TopologyError(
                f"{features.shape[1]} features do not fit the {own.shape[1]} of rank {rank}"
            )
        ranked = {**self._ranked, rank: Cells.join([self.cells(rank), more])}
        del ranked[0]
        rows = dict(self.features)
        if features is not None:
            rows[rank] = features if own is None else torch.cat([own, features.to(own)])
        following = max(int(each.max(initial=-1)) for each in self.ids.values()) + 1
        ids = {
            **self.ids,
            rank: np.concatenate([self.ids.get(rank, _NO_IDS), following + np.arange(len(more))]),
        }
        return Complex(ranked, n_nodes=self.n_nodes, features=rows, ids=ids).to(self.device)

    def with_features(self, rank: int, rows: Float[Tensor, "_ feature"]) -> "Complex":
        """The same with other features of a rank; matrices that were made are kept."""
        other = Complex.trusted(self._ranked, {**self.features, rank: rows}, self.ids)
        other._cache, other.device = self._cache, self.device
        return other

    def restricted(self, kept: Mapping[int, np.ndarray]) -> "Complex":
        """Some of the cells of some ranks, all of the others; nodes stay.

        Args:
            kept: rank -> which of its cells, by their rows in any order or by a mask.

        Raises:
            TopologyError: rows are not there, or are given twice.
        """
        rows = {r: _rows(which, r, self.n_cells(r)) for r, which in kept.items()}
        ranked = {r: c.take(rows[r]) if r in rows else c for r, c in self._ranked.items()}
        features = {
            r: x[torch.from_numpy(rows[r]).to(x.device)] if r in rows else x
            for r, x in self.features.items()
        }
        ids = {r: own[rows[r]] if r in rows else own for r, own in self.ids.items()}
        left = {r for r, cells in ranked.items() if len(cells) or r == 0}
        return Complex.trusted(
            {r: ranked[r] for r in left},
            {r: features[r] for r in features if r in left},
            {r: ids[r] for r in left},
        ).to(self.device)

    def skeleton(self, rank: int) -> "Complex":
        """The cells of a rank and of those below it."""
        return self.restricted({r: _NO_IDS for r in self.ranks if r > rank})

    def to(self, device: torch.device | str) -> "Complex":
        """The same, with features and matrices on a device; cells stay where they are."""
        device = torch.device(device)
        moved = {rank: rows.to(device) for rank, rows in self.features.items()}
        other = Complex.trusted(self._ranked, moved, self.ids)
        other.device = device
        other._cache = {relation: each.to(device) for relation, each in self._cache.items()}
        return other


_NO_IDS = np.zeros(0, np.int64)
_NO_CELLS = Cells(np.zeros(1, np.int64), np.zeros(0, np.int64))


def _rank(rank: int) -> int:
    """A rank that cells can have."""
    try:
        whole = operator.index(rank)
    except TypeError as error:
        raise TopologyError(f"a rank is a whole number, not {rank!r}") from error
    if whole < 1:
        raise TopologyError(
            "cells have ranks from 1 up; nodes are those of rank 0, and are given by n_nodes"
        )
    return whole


def _rows(which: np.ndarray, rank: int, count: int) -> Int64[np.ndarray, " kept"]:
    """Some of the rows of a rank."""
    if rank == 0:
        raise TopologyError("nodes stay, as cells are made of them: only cells are restricted")
    rows = np.asarray(which)
    if rows.dtype == bool and rows.shape == (count,):
        return np.flatnonzero(rows)
    whole = rows.ndim == 1 and (np.issubdtype(rows.dtype, np.integer) or not len(rows))
    rows = rows.astype(np.int64) if whole else rows
    seen = np.bincount(rows, minlength=count) if whole and rows.min(initial=0) >= 0 else None
    if seen is None or len(seen) > count or bool((seen > 1).any()):
        raise TopologyError(
            f"rows of rank {rank} are each of the {count} cells at most once, or a mask of them"
        )
    return rows


def _first_places(ranked: dict[int, Cells]) -> tuple[dict[int, Cells], dict[int, np.ndarray]]:
    """Each set at the lowest rank at which it was given only, and which cells that leaves."""
    found, kept, before = {}, {}, None
    for rank, cells in ranked.items():
        found[rank], kept[rank] = without_repeats(cells, before)
        before = found[rank] if before is None else Cells.join([before, found[rank]])
    return found, kept
