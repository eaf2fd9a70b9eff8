"""Matrices of a complex: incidence, adjacency, co-adjacency and Hodge Laplacians.

All are sparse and exact.  Binary ones have a zero diagonal.  Source: Hajij et al. 2022, definitions
14 to 17; Lim 2020 for Hodge Laplacians.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.matrices.neighbourhood import Neighbourhood
from unfrozen.topology.complex.matrices.orientation import signs
from unfrozen.topology.complex.matrices.relation import Relation, incidence
from unfrozen.topology.complex.sets.containment import Within, runs, within

if TYPE_CHECKING:
    from unfrozen.topology.complex.complex import Complex

_MOST = 500_000_000  # entries of a matrix: 8 GB while it is made, 4 GB then
_AT_ONCE = 20_000_000  # products that make them, held in memory where they may be too many


def matrix(cells: "Complex", relation: Relation) -> Neighbourhood:
    """The matrix that a relation names.

    Raises:
        TopologyError: orientations are asked for where there are none, or there would be more
            entries than can be held.
    """
    rank, n = relation.target, cells.n_cells(relation.target)
    if relation.kind == "incidence":
        low, high = sorted((relation.target, relation.source))
        found = _incidence(cells, low, high, relation.signed)
        return found if rank == low else found.T
    if relation.kind == "identity":
        return Neighbourhood(torch.arange(n + 1), torch.arange(n), n)
    if relation.kind == "laplacian":
        terms = [r for r in (rank - 1, rank + 1) if relation.via in (None, r)]
        found = [_square(cells, rank, via, signed=True) for via in terms if via >= 0]
        total = found[0] if len(found) == 1 else sp.csr_array(found[0] + found[1])
        return Neighbourhood.from_scipy(total, n, binary=False)
    assert relation.via is not None
    product = _square(cells, rank, relation.via, signed=relation.signed)
    return Neighbourhood.from_scipy(_off_diagonal(product), n, binary=not relation.signed)


def _incidence(cells: "Complex", low: int, high: int, signed: bool) -> Neighbourhood:
    if signed and high != low + 1:
        raise TopologyError(f"orientations are of ranks next to each other, not {low} and {high}")
    outer = cells.cells(high)
    shape = (cells.n_cells(low), len(outer))
    if low == 0:
        order = np.argsort(outer.members, kind="stable")
        pairs = Within(outer.members[order], outer.owners[order])
    else:
        pairs = within(cells.cells(low), outer, cells.n_nodes)
    pointers = np.zeros(shape[0] + 1, np.int64)
    np.cumsum(np.bincount(pairs.inner, minlength=shape[0]), out=pointers[1:])
    values = None
    if signed:
        values = torch.from_numpy(signs(low, cells.cells(low), outer, pairs)).float()
    return Neighbourhood(
        torch.from_numpy(pointers), torch.from_numpy(pairs.outer), shape[1], values
    )


def _square(cells: "Complex", rank: int, via: int, *, signed: bool) -> sp.csr_array:
    """B Bᵀ of the cells above, or Bᵀ B of those below."""
    low, high = sorted((rank, via))
    b = cells.incidence(low, high, signed=signed).to("cpu")
    if rank == high:
        b = b.T
    one, other = b.scipy(), b.T.scipy()
    # Entries are no more than products, and no fewer than the largest of the shared cells makes.
    # Only between the two are they counted, some rows at a time.
    each = np.diff(other.indptr)[one.indices]
    rows = np.repeat(np.arange(b.shape[0]), np.diff(one.indptr))
    products = np.bincount(rows, each, b.shape[0]).astype(np.int64)
    if products.sum() <= _MOST:
        return _part(one, other)
    least = np.zeros(b.shape[0], np.int64)
    np.maximum.at(least, rows, each)
    parts, total = [], int(least.sum())
    if total <= _MOST:
        total = 0
        for begin, end in pairwise(runs(products, _AT_ONCE)):
            parts.append(_part(one[begin:end], other))
            total += parts[-1].nnz
            if total > _MOST:
                break
    if total > _MOST:
        raise TopologyError(
            f"neighbours of rank {rank} by rank {via} are more than {_MOST:,} pairs, as some "
            f"cells share one with very many others: go by {incidence(low, high)} and back in "
            "two steps instead, or leave such cells out"
        )
    return sp.csr_array(sp.vstack(parts))


def _part(one: sp.csr_array, other: sp.csr_array) -> sp.csr_array:
    return sp.csr_array(one @ other)


def _off_diagonal(product: sp.csr_array) -> sp.csr_array:
    """The same without its diagonal and without stored zeros, changed where it is."""
    degrees = np.diff(product.indptr).astype(np.int64)
    for begin, end in pairwise(runs(degrees, _AT_ONCE)):
        entries = slice(product.indptr[begin], product.indptr[end])
        rows = np.repeat(np.arange(begin, end), degrees[begin:end])
        product.data[entries][rows == product.indices[entries]] = 0
    product.eliminate_zeros()
    return product
