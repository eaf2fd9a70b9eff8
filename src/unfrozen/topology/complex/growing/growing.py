"""A complex to which cells are added and from which cells are retired, one by one.

Source of the axioms that each edit keeps: Hajij et al. 2022, definition 4.
"""

import operator
import os
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.complex.growing.index import Index
from unfrozen.topology.complex.growing.log import Edit, read_log, write_log
from unfrozen.topology.complex.sets.cells import Cells


class GrowingComplex:
    """A base that does not change, and a log of what became of it.

    Each cell has an id for good: its own in the base, or the next that no cell has had.  An edit
    costs what lies around its nodes, whatever the size of the rest, and so do questions of what
    lies in or around a cell.  Matrices are those of a snapshot.

    Args:
        base: where it begins.
        edits: what became of it already.

    Raises:
        TopologyError: edits do not fit.

    Example:
        >>> growing = GrowingComplex(Complex({1: [[0, 1], [1, 2]]}))
        >>> edge = growing.add(1, [0, 2])
        >>> face = growing.add(2, [0, 1, 2])
        >>> edge, growing.parts(face, 1), growing.wholes(edge)
        (5, (3, 4, 5), (6,))
        >>> growing.retire(3)
        (3,)
        >>> growing.snapshot()
        Complex(3 nodes, 2 of rank 1, 1 of rank 2)
    """

    def __init__(self, base: Complex, edits: Iterable[Edit] = ()) -> None:
        self.base = base
        self._snapshot = base
        self._log: list[Edit] = []
        self._index = Index()
        self._next = 1 + max(int(own.max(initial=-1)) for own in base.ids.values())
        self._counts = {rank: base.n_cells(rank) for rank in base.ranks}
        self._features = {r: (x.shape[1], x.dtype) for r, x in base.features.items()}
        # Since the last snapshot: ids by rank, and their features.
        self._added: dict[int, dict[int, Tensor | None]] = {}
        self._retired: dict[int, list[int]] = {}
        for node in base.ids[0].tolist():
            self._index.put_node(node)
        for rank in base.ranks[1:]:
            cells = base.cells(rank)
            members, bounds = base.ids[0][cells.members].tolist(), cells.pointers.tolist()
            for row, own in enumerate(base.ids[rank].tolist()):
                self._index.put(own, rank, tuple(members[bounds[row] : bounds[row + 1]]))
        for number, edit in enumerate(edits, 1):
            try:
                self._replay(edit)
            except TopologyError as error:
                raise TopologyError(f"edit {number} does not fit: {error}") from error

    def __len__(self) -> int:
        """How many cells of all ranks there are."""
        return len(self._index.rank)

    def __contains__(self, own: int) -> bool:
        """Whether a cell is there."""
        return own in self._index.rank

    def __repr__(self) -> str:
        """What there is of each rank, and how many edits made it."""
        more = "".join(f", {n:,} of rank {r}" for r, n in sorted(self._counts.items()) if r and n)
        return f"GrowingComplex({self._counts[0]:,} nodes{more}; {len(self._log):,} edits)"

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What became of the base, first to last."""
        return tuple(self._log)

    def rank(self, own: int) -> int:
        """The rank of a cell.

        Raises:
            TopologyError: there is no such cell.
        """
        self._check(own)
        return self._index.rank[own]

    def nodes(self, own: int) -> tuple[int, ...]:
        """The ids of the nodes of a cell, in the order in which they were given.

        Raises:
            TopologyError: there is no such cell.
        """
        self._check(own)
        return self._index.nodes[own]

    def add(
        self,
        rank: int,
        nodes: Sequence[int],
        *,
        features: Float[Tensor, " feature"] | None = None,
    ) -> int:
        """Add a cell.

        Args:
            rank: from 1 up.
            nodes: their ids.
            features: of the cell, where others of the rank have features.

        Returns:
            Its id.

        Raises:
            TopologyError: an axiom would not hold, or the features do not fit; nothing is changed.
        """
        try:
            rank, held = operator.index(rank), tuple(map(operator.index, nodes))
        except TypeError as error:
            raise TopologyError(f"ranks and ids of nodes are whole numbers: {error}") from error
        if rank < 1:
            raise TopologyError("cells have ranks from 1 up: nodes are added by add_node()")
        self._index.check(rank, held)
        return self._add(rank, held, features)

    def add_node(self, *, features: Float[Tensor, " feature"] | None = None) -> int:
        """Add a node, which no cell holds yet.

        Raises:
            TopologyError: the features do not fit.
        """
        return self._add(0, (), features)

    def retire(self, own: int, *, holders: bool = False) -> tuple[int, ...]:
        """Remove a cell; its id is not given again.

        Args:
            own: its id.
            holders: whether cells that hold a node go with it.  Otherwise a node that cells hold
                stays, since what they are would change with it.

        Returns:
            Ids of all that went.

        Raises:
            TopologyError: there is no such cell, cells hold the node, or it is the last one;
                nothing is changed.
        """
        self._check(own)
        own = int(own)
        gone = [own]
        if self._index.rank[own] == 0:
            held = sorted(self._index.holders(own))
            if held and not holders:
                raise TopologyError(
                    f"node {own} is held by {len(held)} cells, such as {held[0]}: retire them "
                    "first, or pass holders=True to retire them with it"
                )
            if self._counts[0] == 1:
                raise TopologyError(f"node {own} is the last, and a complex has at least one")
            gone = [*held, own]
        for one in gone:
            self._retire(one)
        return tuple(gone)

    def parts(self, own: int, rank: int | None = None) -> tuple[int, ...]:
        """Ids of the cells within a cell, of one rank or of all; nodes are of rank 0.

        Raises:
            TopologyError: there is no such cell.
        """
        self._check(own)
        return tuple(sorted(self._parts(own, rank)))

    def wholes(self, own: int, rank: int | None = None) -> tuple[int, ...]:
        """Ids of the cells that a cell lies within, of one rank or of all.

        Raises:
            TopologyError: there is no such cell.
        """
        self._check(own)
        return tuple(sorted(self._wholes(own, rank)))

    def neighbours(self, own: int, via: int) -> tuple[int, ...]:
        """Ids of the cells of its rank that lie with a cell in one of a rank, or share one of it.

        Those of a row of `adjacency(rank, via=via)`, or of `coadjacency(rank, via=via)` where the
        rank of the shared cells is the lower.

        Raises:
            TopologyError: there is no such cell, or `via` is its rank.
        """
        rank = self.rank(own)
        if via == rank:
            raise TopologyError(f"cells of rank {rank} are neighbours by another rank than theirs")
        there, back = (self._wholes, self._parts) if via > rank else (self._parts, self._wholes)
        found = {one for shared in there(own, via) for one in back(shared, rank)}
        return tuple(sorted(found - {own}))

    def snapshot(self) -> Complex:
        """The complex as it is now; the same one until the next edit.

        Cells of a rank are in the order in which they came.  `ids` are theirs here.
        """
        if not self._added and not self._retired:
            return self._snapshot
        old = self._snapshot
        kept = {
            rank: ~np.isin(old.ids[rank], np.array(self._retired.get(rank, []), np.int64))
            for rank in old.ranks
        }
        ids = {
            rank: np.concatenate([
                old.ids[rank][kept[rank]] if rank in kept else _NONE,
                np.array(list(self._added.get(rank, ())), np.int64),
            ])
            for rank in {*kept, *self._added}
        }  # fmt: skip
        nodes = np.arange(len(ids[0]))
        ranked = {0: Cells(np.arange(len(nodes) + 1), nodes)}
        for rank in sorted(set(ids) - {0}):
            ranked[rank] = self._cells(rank, kept, ids[0])
        features = {rank: self._rows(rank, kept) for rank in self._features}
        there = {rank for rank in ranked if len(ids[rank])}
        self._snapshot = Complex.trusted(
            {r: ranked[r] for r in there}, features, {r: ids[r] for r in there}
        ).to(old.device)
        self._added, self._retired = {}, {}
        return self._snapshot

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the log, whole or not at all; the base is told by its hash.

        Raises:
            DataError: the disk is full or refuses.
        """
        write_log(path, self.base, self._log)

    @classmethod
    def load(cls, path: str | os.PathLike[str], base: Complex) -> "GrowingComplex":
        """The complex that was saved, from its base.

        Raises:
            DataError: a line is no object of JSON.
            TopologyError: there is no such log, it is one of another base, or is damaged.
        """
        return cls(base, read_log(path, base))

    def _cells(
        self, rank: int, kept: dict[int, np.ndarray], nodes: Int64[np.ndarray, " node"]
    ) -> Cells:
        """The cells of a rank, by the rows that nodes have now."""
        parts = []
        if rank in kept:
            cells = self._snapshot.cells(rank)
            if not kept[rank].all():
                cells = cells.take(np.flatnonzero(kept[rank]))
            members = cells.members
            if not kept[0].all():
                members = (np.cumsum(kept[0]) - 1)[members]
            parts.append(Cells(cells.pointers, members))
        new = [self._index.nodes[own] for own in self._added.get(rank, ())]
        if new:
            order = np.argsort(nodes)
            more = Cells.of(new)
            rows = order[np.searchsorted(nodes[order], more.members)]
            parts.append(Cells(more.pointers, rows))
        return parts[0] if len(parts) == 1 else Cells.join(parts)

    def _rows(self, rank: int, kept: dict[int, np.ndarray]) -> Float[Tensor, "cell feature"]:
        """The features of a rank."""
        width, dtype = self._features[rank]
        device = self._snapshot.device
        rows = self._snapshot.features.get(rank, torch.zeros(0, width, dtype=dtype, device=device))
        if rank in kept and not kept[rank].all():
            rows = rows[torch.from_numpy(kept[rank]).to(device)]
        new = [x for x in self._added.get(rank, {}).values() if x is not None]
        return torch.cat([rows, torch.stack(new).to(device)]) if new else rows

    def _check(self, own: int) -> None:
        if own not in self._index.rank:
            raise TopologyError(f"there is no cell {own}, or it was retired")

    def _parts(self, own: int, rank: int | None) -> list[int]:
        index = self._index
        if index.rank[own] == 0:
            return []
        nodes = index.nodes[own]
        if rank == 0:
            return list(nodes)
        found = [
            one
            for one in index.within(nodes)
            if one != own and (rank is None or index.rank[one] == rank)
        ]
        return [*nodes, *found] if rank is None else found

    def _wholes(self, own: int, rank: int | None) -> list[int]:
        index = self._index
        return [
            one
            for one in index.around(index.nodes[own])
            if one != own and (rank is None or index.rank[one] == rank)
        ]

    def _add(self, rank: int, nodes: tuple[int, ...], features: Tensor | None) -> int:
        features = self._fitting(rank, features)
        own = self._next
        if rank:
            self._index.put(own, rank, nodes)
        else:
            self._index.put_node(own)
        self._next += 1
        self._counts[rank] = self._counts.get(rank, 0) + 1
        self._added.setdefault(rank, {})[own] = features
        self._log.append(Edit("add", own, rank, nodes or (own,), features))
        return own

    def _fitting(self, rank: int, features: Tensor | None) -> Tensor | None:
        """A copy of the features of a new cell, where they are as those of its rank."""
        given = None
        if features is not None:
            if features.ndim != 1 or not features.is_floating_point():
                raise TopologyError(
                    f"features of a new cell are one row of real numbers, not {features.dtype} of "
                    f"{list(features.shape)}"
                )
            if not bool(features.isfinite().all()):
                raise TopologyError("features of a new cell are finite, so that they can be kept")
            features = features.detach().clone()
            given = (len(features), features.dtype)
        expected = self._features.get(rank)
        if expected is None and given is not None and not self._counts.get(rank):
            self._features[rank] = expected = given
        if given != expected:
            has = "no features" if expected is None else f"{expected[0]} features, {expected[1]}"
            got = "none" if given is None else f"{given[0]}, {given[1]}"
            raise TopologyError(f"cells of rank {rank} have {has}, and the new one {got}")
        return features

    def _retire(self, own: int) -> None:
        rank, nodes = self._index.rank[own], self._index.nodes[own]
        self._index.drop(own)
        self._counts[rank] -= 1
        new = self._added.get(rank, {})
        if own in new:
            del new[own]
        else:
            self._retired.setdefault(rank, []).append(own)
        self._log.append(Edit("retire", own, rank, nodes))

    def _replay(self, edit: Edit) -> None:
        """One of the edits of another, whose ids are known."""
        if edit.kind == "retire":
            self.retire(edit.id)
            return
        if edit.id != self._next:
            raise TopologyError(f"cell {edit.id} comes where {self._next} did")
        if edit.rank:
            self.add(edit.rank, edit.nodes, features=edit.features)
        else:
            self.add_node(features=edit.features)


_NONE = np.zeros(0, np.int64)
