"""Sequences as complexes: windows of tokens are cells, longer ones of higher rank."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.lifting.base.augmentation import Reduction, augment


def windows(
    lengths: int | Sequence[int],
    sizes: Sequence[int] = (2, 3, 4),
    *,
    stride: int = 1,
    tokens: Float[Tensor, "token _"] | None = None,
    features: Reduction | None = None,
) -> Complex:
    """A complex whose nodes are the places of tokens and whose cells are n-grams.

    A place is a node of its own, also where two hold the same word: so no n-gram is another, and a
    cell has its tokens in their order.

    Args:
        lengths: of one sequence or of several, which are one after another and share no window.
        sizes: tokens of the windows of rank 1, 2 and so on, ascending from 2 or more.
        stride: from where a window begins to where the next does.  A last window that ends with the
            sequence follows where tokens would be left over.
        tokens: their features.
        features: how those of the tokens make those of a window.

    Raises:
        TopologyError: a length or stride is not positive, sizes do not ascend, or there are other
            than one row of features for each token.

    Example:
        >>> windows(5, (2, 4)).cells(2)[1]
        array([1, 2, 3, 4])
    """
    long = np.atleast_1d(np.asarray(lengths, np.int64))
    if not len(long) or long.min() < 1 or stride < 1:
        raise TopologyError(f"sequences have tokens, and a stride is 1 or more: not {lengths}")
    if min(sizes, default=0) < 2 or any(b <= a for a, b in pairwise(sizes)):
        raise TopologyError(f"windows of rank 1, 2, ... have 2 tokens or more, ascending: {sizes}")
    n = int(long.sum())
    rows = {} if tokens is None else {0: tokens}
    complex = Complex({}, n_nodes=n, features=rows)  # noqa: A001
    if tokens is not None:
        complex = complex.to(tokens.device)  # noqa: A001
    for rank, size in enumerate(sizes, 1):
        begins = _begins(long, size, stride)
        cells = Cells.of(begins[:, None] + np.arange(size))
        complex = augment(complex, rank, cells, features, same_set="refuse")  # noqa: A001
    return complex


def _begins(
    lengths: Int64[np.ndarray, " sequence"], size: int, stride: int
) -> Int64[np.ndarray, " window"]:
    """Where windows begin."""
    room = lengths - size
    # As many strides as it takes to come to the end, the last of them cut short.
    many = np.where(room < 0, 0, -(-room // stride) + 1)
    first = np.cumsum(many) - many
    turn = np.arange(many.sum()) - np.repeat(first, many)
    within = np.minimum(turn * stride, np.repeat(room, many))
    return np.repeat(np.cumsum(lengths) - lengths, many) + within
