"""The question as a partially observed complex: cochains some of whose values are hidden.

Edges have hidden values of Z_p and triangles their sums round the way, so that round every
tetrahedron the values of its faces sum to zero (δδ = 0).  Some triangles' values are hidden.  Which
of them follow from the others is known exactly, by elimination.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex


@dataclass(frozen=True, eq=False)
class MaskedCochain:
    """A cochain that is seen in part.

    Attributes:
        complex: it is on.
        rank: of the cells it is on.
        classes: how many values there are, 0 to one less.
        values: of all cells.
        hidden: cells whose values are asked for.
        determined: those of them whose values follow from what is seen; of the others nothing
            follows, each value is as likely.
    """

    complex: Complex
    rank: int
    classes: int
    values: Int64[Tensor, " cell"]
    hidden: Bool[Tensor, " cell"]
    determined: Bool[Tensor, " cell"]

    def seen(self) -> Float[Tensor, "cell class_and_one"]:
        """One column a value, and one for hidden: what a network gets as features."""
        column = torch.where(self.hidden, self.classes, self.values)
        return torch.nn.functional.one_hot(column, self.classes + 1).float()


def masked_coboundary(
    complex: Complex,  # noqa: A002
    share: float,
    *,
    modulus: int = 2,
    seed: int = 0,
) -> MaskedCochain:
    """Sums of hidden values of edges round triangles, some of them hidden.

    Args:
        complex: of nodes, edges and triangles, such as all of some nodes (`complete`); cells of
            rank 3 let a network see what follows.
        share: of the triangles that are hidden.
        modulus: p, a prime; for 2 orientations do not matter.
        seed: of the values and of what is hidden.

    Raises:
        TopologyError: the modulus is no prime, the share is none, or triangles are not of three
            nodes, or lack an edge.
    """
    if modulus < 2 or any(modulus % k == 0 for k in range(2, int(modulus**0.5) + 1)):
        raise TopologyError(f"values are of a field of a prime number, not of {modulus}")
    if not 0 <= share <= 1:
        raise TopologyError(f"the share that is hidden is from 0 to 1, not {share}")
    if not complex.n_cells(2) or bool((complex.cells(2).sizes != 3).any()):
        raise TopologyError("cells of rank 2 are triangles here, and there is one at least")
    up = complex.incidence(1, 2, signed=True).T
    draw = np.random.default_rng(seed)
    rows = up.scipy().toarray().astype(np.int64) % modulus
    values = rows @ draw.integers(modulus, size=rows.shape[1]) % modulus
    hidden = np.zeros(len(rows), bool)
    hidden[draw.permutation(len(rows))[: round(share * len(rows))]] = True
    follows = np.zeros(len(rows), bool)
    follows[hidden] = in_span(rows[~hidden], rows[hidden], modulus)
    return MaskedCochain(
        complex, 2, modulus, *(torch.from_numpy(each) for each in (values, hidden, follows))
    )


def complete(nodes: int, dim: int = 3) -> Complex:
    """All sets of up to dim + 1 of some nodes.

    Example:
        >>> complete(4)
        Complex(4 nodes, 6 of rank 1, 4 of rank 2, 1 of rank 3)
    """
    from itertools import combinations

    cells = {rank: list(combinations(range(nodes), rank + 1)) for rank in range(1, dim + 1)}
    return Complex({rank: np.array(sets) for rank, sets in cells.items() if sets}, n_nodes=nodes)


def in_span(
    rows: Int64[np.ndarray, "row column"], asked: Int64[np.ndarray, "asked column"], modulus: int
) -> Bool[np.ndarray, " asked"]:
    """Whether vectors are sums of multiples of rows, over the field of a prime number.

    Example:
        >>> in_span(np.array([[1, 1, 0], [0, 1, 1]]), np.array([[1, 0, 1], [1, 0, 0]]), 2)
        array([ True, False])
    """
    left, asked = rows % modulus, asked % modulus
    for column in range(rows.shape[1]):
        at = np.flatnonzero(left[:, column])
        if not len(at):
            continue
        pivot = left[at[0]] * pow(int(left[at[0], column]), -1, modulus) % modulus
        left = np.delete(left, at[0], 0)
        left = (left - left[:, column, None] * pivot) % modulus
        asked = (asked - asked[:, column, None] * pivot) % modulus
    return np.asarray(~asked.any(1))
