"""Many complexes as one whose matrices are block-diagonal, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.complex.matrices.neighbourhood import Neighbourhood
from unfrozen.topology.complex.matrices.relation import Relation
from unfrozen.topology.complex.sets.cells import Cells


@dataclass(frozen=True, eq=False)
class Example:
    """A complex and what is to be told of it.

    Attributes:
        complex: what is seen.
        target: a class, a number, or some of them.
    """

    complex: Complex
    target: Tensor | float | int


@dataclass(frozen=True, eq=False)
class Batch:
    """Complexes side by side, as one complex.

    Attributes:
        complex: all cells, those of the first complex first; nodes are counted on.
        counts: rank -> how many cells of it each complex has.
        targets: of each complex, where they are known.
        ids: rank -> the id of each cell in its own complex.
        featured: rank -> which of the complexes have features of it.
    """

    complex: Complex
    counts: dict[int, Int64[np.ndarray, " complex"]]
    targets: Shaped[Tensor, "complex ..."] | None
    ids: dict[int, Int64[np.ndarray, " cell"]]
    featured: dict[int, Bool[np.ndarray, " complex"]]

    def __len__(self) -> int:
        """How many complexes there are."""
        return len(self.counts[0])

    @cached_property
    def owner(self) -> dict[int, Int64[Tensor, " cell"]]:
        """Rank -> the complex of each cell."""
        number = np.arange(len(self))
        return {
            rank: torch.from_numpy(np.repeat(number, each)).to(self.complex.device)
            for rank, each in self.counts.items()
        }

    def split(
        self, rank: int, rows: Shaped[Tensor, "cell ..."]
    ) -> tuple[Shaped[Tensor, "_ ..."], ...]:
        """The rows of each complex, of a cochain or of whatever has a row for each cell.

        Raises:
            TopologyError: there is not a row for each cell of the rank.
        """
        if len(rows) != self.complex.n_cells(rank):
            raise TopologyError(
                f"{len(rows)} rows are not one for each of {self.complex.n_cells(rank)} cells of "
                f"rank {rank}"
            )
        each = self.counts.get(rank)
        return rows.split([0] * len(self) if each is None else each.tolist())

    def unbatch(self) -> list[Complex]:
        """The complexes as they were, with the features that the batch has now."""
        nodes = np.concatenate([[0], np.cumsum(self.counts[0])])
        ends = {r: np.concatenate([[0], np.cumsum(each)]) for r, each in self.counts.items()}
        rows = {r: self.split(r, x) for r, x in self.complex.features.items()}
        none = np.zeros(len(self), bool)
        found = []
        for i in range(len(self)):
            ranked, ids = {}, {}
            for rank, bounds in ends.items():
                begin, end = bounds[i], bounds[i + 1]
                ids[rank] = self.ids[rank][begin:end]
                if begin < end:
                    cells = self.complex.cells(rank)
                    pointers = cells.pointers[begin : end + 1]
                    members = cells.members[pointers[0] : pointers[-1]] - nodes[i]
                    ranked[rank] = Cells(pointers - pointers[0], members)
            # A rank that no complex had features of is new, and all get their own.
            features = {
                r: each[i]
                for r, each in rows.items()
                if self.featured.get(r, none)[i] or r not in self.featured
            }
            found.append(Complex.trusted(ranked, features, ids).to(self.complex.device))
        return found

    def with_complex(self, complex: Complex) -> "Batch":  # noqa: A002
        """The same complexes with other features, or with matrices made.

        Raises:
            TopologyError: it has other cells.
        """
        if any(complex.n_cells(r) != self.complex.n_cells(r) for r in self.counts):
            raise TopologyError(f"{complex} has not the cells of the batch, {self.complex}")
        return replace(self, complex=complex)

    def to(self, device: torch.device | str) -> "Batch":
        """The same on a device."""
        targets = None if self.targets is None else self.targets.to(device)
        return replace(self, complex=self.complex.to(device), targets=targets)


def batch(complexes: Sequence[Complex | Example], *, relations: Sequence[Relation] = ()) -> Batch:
    """Complexes side by side.

    Matrices that all of them have made already are joined and need not be made again.

    Args:
        complexes: some, all with targets or all without.
        relations: whose matrices are to be joined; they are made in the complexes where they are
            not yet, and are there when these are batched again.

    Raises:
        TopologyError: there are none, or features, targets or devices do not fit each other.

    Example:
        >>> edge, path = Complex({1: [[0, 1]]}), Complex({1: [[0, 1], [1, 2]]})
        >>> both = batch([Example(edge, 0), Example(path, 1)])
        >>> both.complex, both.owner[1], both.targets
        (Complex(5 nodes, 3 of rank 1), tensor([0, 1, 1]), tensor([0, 1]))
    """
    parts = [one.complex if isinstance(one, Example) else one for one in complexes]
    if not parts:
        raise TopologyError("a batch has at least one complex")
    if len({part.device for part in parts}) > 1:
        raise TopologyError("complexes of a batch are on one device: move them with .to(device)")
    ranks = sorted({rank for part in parts for rank in part.ranks})
    counts = {rank: np.array([part.n_cells(rank) for part in parts]) for rank in ranks}
    first = np.cumsum(counts[0]) - counts[0]
    ranked = {rank: _side_by_side([part.cells(rank) for part in parts], first) for rank in ranks}
    features, featured = {}, {}
    for rank in sorted({rank for part in parts for rank in part.features}):
        has = featured[rank] = np.array([rank in part.features for part in parts])
        if not bool((has | (counts.get(rank, np.zeros(len(parts))) == 0)).all()):
            raise TopologyError(
                f"either all complexes with cells of rank {rank} have features of it or none has"
            )
        rows = [part.features[rank] for part in parts if rank in part.features]
        if len({(each.shape[1:], each.dtype) for each in rows}) > 1:
            raise TopologyError(
                f"features of rank {rank} differ in width or precision: "
                f"{sorted({(*each.shape[1:], str(each.dtype)) for each in rows})}"
            )
        features[rank] = torch.cat(rows)
    ids = {
        rank: np.concatenate([part.ids[rank] for part in parts if rank in part.ids])
        for rank in ranks
    }
    made = _joined(parts, counts, relations)
    whole = Complex.trusted(ranked, features, matrices=made).to(parts[0].device)
    return Batch(whole, counts, _targets(complexes), ids, featured)


def _side_by_side(cells: list[Cells], first: Int64[np.ndarray, " complex"]) -> Cells:
    """Cells of one rank, their nodes counted on."""
    joined = Cells.join(cells)
    if not len(joined):
        return joined
    members = joined.members + np.repeat(first, [len(each.members) for each in cells])
    return Cells(joined.pointers, members)


def _targets(complexes: Sequence[Complex | Example]) -> Tensor | None:
    given = [one.target for one in complexes if isinstance(one, Example)]
    if not given:
        return None
    if len(given) < len(complexes):
        raise TopologyError("either all complexes of a batch have targets or none has")
    rows = [torch.as_tensor(target) for target in given]
    if len({(row.shape, row.dtype, row.device) for row in rows}) > 1:
        raise TopologyError(
            "targets of a batch are alike, not "
            f"{sorted({(*row.shape, str(row.dtype), str(row.device)) for row in rows})}"
        )
    return torch.stack(rows)


def _joined(
    parts: list[Complex],
    counts: dict[int, Int64[np.ndarray, " complex"]],
    asked: Sequence[Relation],
) -> dict[Relation, Neighbourhood]:
    """Matrices that were asked for, or that every part has."""
    for relation in asked:
        for part in parts:
            part.neighbourhood(relation)
    made: dict[Relation, Neighbourhood] = {}
    for relation in dict.fromkeys(relation for part in parts for relation in part.matrices):
        ranks = [r for r in (relation.target, relation.source, relation.via) if r is not None]
        blocks = []
        for part in parts:
            block = part.matrices.get(relation)
            if block is None and any(not part.n_cells(rank) for rank in ranks):
                block = part.neighbourhood(relation)
            if block is None:
                break
            blocks.append(block)
        # That of the transpose follows.
        if len(blocks) == len(parts) and relation.T not in made:
            made[relation] = _diagonal(blocks)
    return made


def _diagonal(blocks: list[Neighbourhood]) -> Neighbourhood:
    """Matrices as blocks along the diagonal of one."""
    sources = np.array([block.shape[1] for block in blocks])
    sizes = torch.tensor([len(block) for block in blocks])
    device = blocks[0].columns.device
    first = torch.from_numpy(np.cumsum(sources) - sources).repeat_interleave(sizes)
    columns = torch.cat([block.columns for block in blocks]) + first.to(device)
    degrees = torch.cat([block.degrees for block in blocks])
    pointers = torch.cat([degrees.new_zeros(1), degrees.cumsum(0)])
    values = [block.values for block in blocks if block.values is not None]
    return Neighbourhood(
        pointers, columns, int(sources.sum()), torch.cat(values) if values else None
    )


class ComplexLoader(DataLoader[Batch]):
    """Batches of a data set, as torch loads them.

    It draws from its own generator only, so that two loaders of one seed give the same batches.

    Args:
        data: complexes, or examples with targets.
        batch_size: complexes at a time.
        shuffle: whether they come in another order each time; it needs a generator.
        generator: of the order, or its seed.
        relations: whose matrices are joined rather than made anew; see `batch`.
        settings: of `torch.utils.data.DataLoader`, such as num_workers.

    Raises:
        TopologyError: they are shuffled and no generator is given.
    """

    def __init__(
        self,
        data: Dataset[Any] | Sequence[Complex | Example],
        batch_size: int = 1,
        *,
        shuffle: bool = False,
        generator: torch.Generator | int | None = None,
        relations: Sequence[Relation] = (),
        **settings: Any,
    ) -> None:
        if shuffle and generator is None:
            raise TopologyError("shuffling needs a generator, or a seed: pass generator=")
        # Without one, torch would draw from the global generator even where nothing is shuffled.
        if not isinstance(generator, torch.Generator):
            generator = torch.Generator().manual_seed(generator or 0)
        super().__init__(
            data,  # pyright: ignore[reportArgumentType]
            batch_size,
            shuffle=shuffle,
            generator=generator,
            collate_fn=partial(batch, relations=tuple(relations)),
            **settings,
        )
