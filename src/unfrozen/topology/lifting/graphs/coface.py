"""Cofaces: a cell together with its neighbours."""

import numpy as np
import scipy.sparse as sp

from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.lifting.base.augmentation import Reduction, augment


def cofaces(
    complex: Complex,  # noqa: A002
    rank: int = 2,
    *,
    features: Reduction | None = None,
) -> Complex:
    """A complex with each cell of a rank and those beside it, as one cell of the next rank.

    Beside a cell are those that share a cell of the rank below with it.  Unions that are the same
    are one, and one that is a cell already is skipped, as that of a cell with none beside it.

    Args:
        complex: with cells of the rank.
        rank: of the cells that are united.
        features: how those of the nodes make those of a union.

    Raises:
        TopologyError: unions break an axiom, or there are too many neighbours to hold.

    Source: Hajij et al. 2022, appendix B.4, with N_co,1 as the 1-coadjacent cells.

    Example:
        >>> edges = [[0, 1], [1, 2], [0, 2], [1, 3], [2, 3]]
        >>> strip = Complex({1: edges, 2: [[0, 1, 2], [1, 2, 3]]})
        >>> cofaces(strip).cells(3)[0]
        array([0, 1, 2, 3])
    """
    n = complex.n_cells(rank)
    if not n:
        return complex
    beside = complex.coadjacency(rank).scipy()
    members = complex.cells(rank)
    within = sp.csr_array(
        (np.ones(len(members.members)), members.members, members.pointers), (n, complex.n_nodes)
    )
    union = sp.csr_array((beside + sp.eye_array(n, format="csr")) @ within)
    union.sort_indices()
    cells = Cells(union.indptr.astype(np.int64), union.indices.astype(np.int64))
    return augment(complex, rank + 1, cells, features)
