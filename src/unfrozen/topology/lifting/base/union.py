"""Lifting many complexes as one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.complex.batching import Batch, batch


def as_one(lift: Callable[[Complex], Complex], complexes: Sequence[Complex]) -> list[Complex]:
    """What a lift makes of each complex, found for all of them in one go.

    Args:
        lift: adds cells, each with nodes of one complex only.
        complexes: all with features of a rank, or all without.

    Raises:
        TopologyError: features do not fit each other, or a new cell has nodes of two complexes.
    """
    if not complexes:
        return []
    side_by_side = batch(complexes)
    return _divided(side_by_side, lift(side_by_side.complex)).unbatch()


def _divided(before: Batch, whole: Complex) -> Batch:
    """The batch with the new cells of its whole, those of each complex together."""
    ends = np.cumsum(before.counts[0])
    order, counts, ids = {}, dict(before.counts), dict(before.ids)
    none = np.zeros(len(before), np.int64)
    following = none.copy()
    for rank, own in ids.items():
        bounds = np.cumsum([0, *before.counts[rank]])
        for i in np.flatnonzero(before.counts[rank]):
            following[i] = max(following[i], own[bounds[i] : bounds[i + 1]].max() + 1)
    for rank in whole.ranks:
        had = before.counts.get(rank, none)
        if whole.n_cells(rank) == had.sum():
            continue
        cells = whole.cells(rank)
        part = np.searchsorted(ends, cells.members, "right")
        owner = part[cells.pointers[:-1]]
        if bool((part != owner[cells.owners]).any()):
            raise TopologyError(f"a cell of rank {rank} has nodes of two complexes")
        order[rank] = np.argsort(owner, kind="stable")
        counts[rank] = np.bincount(owner, minlength=len(before))
        old = before.ids.get(rank, none[:0])
        new = counts[rank] - had
        begun = np.repeat(following - np.cumsum(new) + new, new) + np.arange(new.sum())
        ids[rank] = np.concatenate([old, begun])[order[rank]]
        following += new
    return replace(before, complex=whole.restricted(order), counts=counts, targets=None, ids=ids)
