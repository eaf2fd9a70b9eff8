"""More cells on a complex, with features made of those of their nodes."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.complex.complex import SameSet
from unfrozen.topology.complex.sets.axioms import check_nodes
from unfrozen.topology.complex.sets.equality import first_equal

Reduction = Literal["sum", "mean"]
"""How the features of its nodes make those of a cell."""


def augment(
    complex: Complex,  # noqa: A002
    rank: int,
    cells: Cells | np.ndarray | Sequence[Iterable[int]],
    features: Reduction | Float[Tensor, "_ feature"] | None = None,
    *,
    same_set: SameSet = "skip",
) -> Complex:
    """A complex with more cells of a rank, after those that there are.

    All lifts of graphs end here.  What they find that is a cell already, of whichever rank, is
    skipped: a set of nodes has one rank.  So is what they find twice.  Where a set went,
    `unfrozen.topology.lifting.located` tells.

    Args:
        complex: what there is.
        rank: of the new cells.
        cells: sets of nodes.
        features: of the new cells, or how they are made of those of the nodes; None for none.
        same_set: what becomes of a set that is a cell already.

    Raises:
        TopologyError: the new cells break an axiom, nodes have no features to make any of, or
            those of the rank are others.

    Source: Hajij et al. 2022, appendix B.5 (where the rank is the next after the highest).

    Example:
        >>> path = Complex({1: [[0, 1], [1, 2]]}, features={0: torch.ones(3, 1)})
        >>> augment(path, 2, [[0, 1, 2], [1, 0]], "sum").features[2]
        tensor([[3.]])
    """
    more = Cells.of(cells)
    given = None if isinstance(features, str) else features
    if given is not None and len(given) != len(more):
        raise TopologyError(
            f"{len(given)} rows of features are not one for each of {len(more)} sets"
        )
    if same_set == "skip":
        kept = _new(complex, more)
        if len(kept) < len(more):
            more = more.take(kept)
            given = None if given is None else given[torch.from_numpy(kept).to(given.device)]
    rows = reduced(complex, more, features) if isinstance(features, str) else given
    if same_set == "skip" and rank > complex.dim and _larger(complex, more):
        return _on_top(complex, rank, more, rows)
    return complex.with_cells(rank, more, features=rows)


def _larger(complex: Complex, more: Cells) -> bool:  # noqa: A002
    """Whether all sets have more nodes than any cell: then none is a cell, or within one."""
    most = max(int(complex.cells(rank).sizes.max(initial=0)) for rank in complex.ranks)
    return len(more) > 0 and int(more.sizes.min()) > most


def _new(complex: Complex, more: Cells) -> Int64[np.ndarray, " kept"]:  # noqa: A002
    """Which sets are no cell, nor one of the sets before them."""
    if _larger(complex, more):
        return np.flatnonzero(first_equal(more) == np.arange(len(more)))
    there = Cells.join([complex.cells(rank) for rank in complex.ranks])
    first = first_equal(Cells.join([there, more]))[len(there) :]
    return np.flatnonzero(first == len(there) + np.arange(len(more)))


def _on_top(
    complex: Complex,  # noqa: A002
    rank: int,
    more: Cells,
    features: Float[Tensor, "_ feature"] | None,
) -> Complex:
    """The complex with cells of a rank above all others, known to be new and larger than any."""
    check_nodes(rank, more, complex.n_nodes)
    ranked = {each: complex.cells(each) for each in complex.ranks}
    rows = dict(complex.features)
    if features is not None:
        rows[rank] = features
    following = max(int(each.max(initial=-1)) for each in complex.ids.values()) + 1
    ids = {**complex.ids, rank: following + np.arange(len(more))}
    return Complex.trusted({**ranked, rank: more}, rows, ids).to(complex.device)


def reduced(
    complex: Complex,  # noqa: A002
    cells: Cells,
    how: Reduction,
) -> Float[Tensor, "cell feature"]:
    """Features of sets of nodes, made of those of the nodes.

    Raises:
        TopologyError: nodes have none, or there is no such way.
    """
    if how not in ("sum", "mean"):
        raise TopologyError(f"features are reduced by 'sum' or 'mean', not {how!r}")
    x = complex.features.get(0)
    if x is None:
        raise TopologyError(f"cells get the {how} of the features of their nodes, which have none")
    members = torch.from_numpy(cells.members.copy()).to(x.device)
    owners = torch.from_numpy(cells.owners).to(x.device)
    total = x.new_zeros(len(cells), x.shape[1]).index_add_(0, owners, x[members])
    if how == "sum":
        return total
    return total / torch.from_numpy(cells.sizes).to(x)[:, None]
