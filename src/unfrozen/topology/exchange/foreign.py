"""A complex with what it was called in another library."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex, SameSet
from unfrozen.topology.complex.sets.cells import Cells
from unfrozen.topology.exchange.attributes import Column, gather, spread


@dataclass(frozen=True, eq=False)
class Foreign:
    """A complex, and names that another library has for what is in it.

    It goes back with these names.  A complex by itself goes too: its ids are its names then.

    Attributes:
        complex: the cells and their features.
        labels: rank -> the name of each cell.
        columns: rank -> which attributes its features are.
        rest: attributes of the whole, by name.
    """

    complex: Complex
    labels: Mapping[int, Sequence[Hashable]]
    columns: Mapping[int, Sequence[Column]] = field(default_factory=dict)
    rest: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: "Complex | Foreign", names: Mapping[int, str] | None = None) -> "Foreign":
        """A complex with names for all of it.

        Args:
            cells: a complex, or one with some names.
            names: rank -> what features are called that have no names; "features" otherwise.

        Raises:
            TopologyError: names do not fit the cells or their features.
        """
        given = cells if isinstance(cells, Foreign) else cls(cells, {})
        complex_, labels, columns = given.complex, {}, {}
        for rank in complex_.ranks:
            own = given.labels.get(rank)
            labels[rank] = tuple(complex_.ids[rank].tolist() if own is None else own)
            if len(set(labels[rank])) != complex_.n_cells(rank):
                raise TopologyError(
                    f"{len(set(labels[rank]))} different labels do not name "
                    f"{complex_.n_cells(rank)} cells of rank {rank}"
                )
            if rank not in complex_.features:
                continue
            width = complex_.features[rank].shape[1]
            default = (Column((names or {}).get(rank, "features"), width),)
            columns[rank] = tuple(given.columns.get(rank) or default)
            if sum(column.width or 1 for column in columns[rank]) != width:
                raise TopologyError(
                    f"{width} features of rank {rank} are not those of its columns, "
                    f"{[column.name for column in columns[rank]]}"
                )
        return cls(complex_, labels, columns, given.rest)

    def named(self, rank: int) -> "list[Named]":
        """The cells of a rank by their names, in order."""
        cells, nodes, labels = self.complex.cells(rank), self.labels[0], self.labels[rank]
        attributes: list[dict[str, Any]] = [{} for _ in labels]
        if rank in self.complex.features:
            attributes = spread(self.complex.features[rank], self.columns[rank])
        return [
            Named(rank, label, [nodes[i] for i in cells[row].tolist()], own)
            for row, (label, own) in enumerate(zip(labels, attributes, strict=True))
        ]


class Named(NamedTuple):
    """A cell in another library.

    Attributes:
        rank: from 0 up.
        label: what it is called.
        nodes: by their labels; those of a set are taken in the order of nodes.
        attributes: by name.
    """

    rank: int
    label: Hashable
    nodes: Iterable[Hashable]
    attributes: Mapping[Any, Any]


def assemble(
    nodes: Iterable[Named],
    cells: Iterable[Named],
    *,
    leave_out: Collection[str] = (),
    dtype: torch.dtype = torch.float32,
    same_set: SameSet = "refuse",
    rest: Mapping[str, Any] | None = None,
) -> Foreign:
    """A complex of named cells; see the functions that begin with `from_`.

    Raises:
        TopologyError: cells make no complex, or attributes cannot be kept.
    """
    ranked: dict[int, list[Named]] = {0: list(nodes)}
    if not ranked[0]:
        raise TopologyError("a complex has at least one node, and there is none")
    row = {node.label: i for i, node in enumerate(ranked[0])}
    found: dict[int, list[list[int]]] = {0: [[i] for i in row.values()]}
    seen = {frozenset([i]) for i in row.values()}
    for cell in sorted(cells, key=lambda cell: cell.rank):
        try:
            own = [row[label] for label in cell.nodes]
        except KeyError as error:
            raise TopologyError(
                f"cell {cell.label!r} of rank {cell.rank} has node {error}, which is not there"
            ) from error
        if isinstance(cell.nodes, Set):
            own.sort()
        if same_set == "skip" and frozenset(own) in seen:
            continue
        seen.add(frozenset(own))
        ranked.setdefault(cell.rank, []).append(cell)
        found.setdefault(cell.rank, []).append(own)
    labels, columns, features = {}, {}, {}
    for rank, of_rank in ranked.items():
        labels[rank] = tuple(cell.label for cell in of_rank)
        rows, own = gather(
            [cell.attributes for cell in of_rank], labels[rank], rank, leave_out, dtype
        )
        if rows is not None:
            features[rank], columns[rank] = rows, own
    complex_ = Complex(
        {rank: Cells.of(of_rank) for rank, of_rank in found.items() if rank},
        n_nodes=len(row),
        features=features,
    )
    return Foreign(complex_, labels, columns, dict(rest or {}))


def missing(library: str, package: str, *, extra: bool = True) -> TopologyError:
    """What to say where a library is not there."""
    how = "unfrozen[topology]" if extra else package
    return TopologyError(f"exchange with {library} needs it: pip install '{how}'")
