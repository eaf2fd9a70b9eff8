"""Whether a layer commutes with what must not matter: the order of cells, and their orientation.

Source: Hajij et al. 2022, permutation and orientation equivariance.  Matrices change by
G -> P_j G P_iᵀ, cochains by H -> P_i H, and the result has to change by P_j; the transpose that the
printed formula has on one side only would be another permutation.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells, Complex

Run = Callable[[Mapping[int, Tensor], Complex], Mapping[int, Tensor]]


class Permuted(NamedTuple):
    """A complex with its cells, nodes among them, in another order.

    Attributes:
        complex: the same one in the other order.
        order: rank -> for each cell of the new order, which it was in the old one.
    """

    complex: Complex
    order: dict[int, Int64[Tensor, " cell"]]


class Reoriented(NamedTuple):
    """A complex some of whose cells are turned round.

    Attributes:
        complex: the same sets of nodes, given in other orders.
        signs: rank -> -1 for each cell that was turned, 1 for the others.
    """

    complex: Complex
    signs: dict[int, Float[Tensor, "cell 1"]]


def permuted(complex_: Complex, generator: torch.Generator) -> Permuted:
    """The same complex with the cells of each rank in a random order, and its nodes too."""
    order = {
        rank: torch.randperm(complex_.n_cells(rank), generator=generator) for rank in complex_.ranks
    }
    number = np.empty(complex_.n_nodes, np.int64)
    number[order[0].numpy()] = np.arange(complex_.n_nodes)
    ranked = {}
    for rank in complex_.ranks:
        taken = complex_.cells(rank).take(order[rank].numpy())
        members = np.arange(complex_.n_nodes) if rank == 0 else number[taken.members]
        ranked[rank] = Cells(taken.pointers, members)
    return Permuted(Complex.trusted(ranked).to(complex_.device), order)


def reoriented(complex_: Complex, generator: torch.Generator) -> Reoriented:
    """The same complex with about half of its cells above nodes turned round, one at the least.

    Edges and polygons are walked the other way, simplices have two nodes exchanged.
    """
    ranked, signs = {}, {}
    for rank in complex_.ranks:
        cells = complex_.cells(rank)
        turned = torch.rand(len(cells), generator=generator) < (0.5 if rank else 0.0)
        if rank:
            # Were none turned, nothing would be tried.
            turned[torch.randint(len(cells), (1,), generator=generator)] = True
        signs[rank] = 1 - 2 * turned[:, None].to(torch.get_default_dtype())
        place = np.arange(len(cells.members)) - cells.pointers[cells.owners]
        sizes = cells.sizes[cells.owners]
        # A polygon whose first two nodes are exchanged would be another one.
        other = sizes - 1 - place if rank < 3 else np.where(place < 2, 1 - place, place)
        own = turned.numpy()[cells.owners]
        where = cells.pointers[cells.owners] + np.where(own, other, place)
        ranked[rank] = Cells(cells.pointers, cells.members[where])
    return Reoriented(Complex.trusted(ranked).to(complex_.device), signs)


@torch.no_grad()
def check_equivariance(
    layer: Run,
    complex_: Complex,
    cochains: Mapping[int, Float[Tensor, "_ _"]],
    generator: torch.Generator,
    *,
    orientation: bool = False,
    tolerance: float | None = None,
) -> float:
    """Check that a layer gives the same numbers when cells are given in another order.

    Args:
        layer: any function of cochains and a complex, such as a `Layer`, that is not random.
        complex_: on which it is tried.
        cochains: what it is given.
        generator: draws the order, on the CPU.
        orientation: whether turning cells round has to turn the result as well, and nothing else,
            rather than the order of cells not to matter.
        tolerance: by how much results may differ, as a share of the largest; by default the square
            root of the precision.

    Returns:
        By how much they differed at most.

    Raises:
        TopologyError: they differ by more, or are for other cells than those of the complex.

    Example:
        >>> from unfrozen.topology.complex import adjacency
        >>> from unfrozen.topology.layers import Convolution
        >>> g = torch.Generator().manual_seed(0)
        >>> path = Complex({1: [[0, 1], [1, 2], [2, 3]]})
        >>> layer = Convolution(adjacency(0), 2, 3, generator=g)
        >>> check_equivariance(layer, path, {0: torch.eye(4, 2)}, g) < 1e-6
        True
        >>> check_equivariance(lambda h, c: {0: h[0].cumsum(0)}, path, {0: torch.eye(4, 2)}, g)
        Traceback (most recent call last):
        ...
        unfrozen.errors.TopologyError: the result of rank 0 is not that of cells in another order...
    """
    if orientation:
        other, signs = reoriented(complex_, generator)
        changes: dict[int, Callable[[Tensor], Tensor]] = {
            rank: lambda h, s=s: h * s.to(h) for rank, s in signs.items()
        }
    else:
        other, order = permuted(complex_, generator)
        changes = {rank: lambda h, o=o: h[o.to(h.device)] for rank, o in order.items()}
    before = layer(cochains, complex_)
    changed = {rank: changes[rank](h) if rank in changes else h for rank, h in cochains.items()}
    after = layer(changed, other)
    worst = 0.0
    for rank, h in before.items():
        if rank not in after or after[rank].shape != h.shape or len(h) != complex_.n_cells(rank):
            raise TopologyError(
                f"the result of rank {rank} is not a row for each of {complex_.n_cells(rank)} cells"
            )
        expected = changes[rank](h) if rank in changes else h
        size = max(float(h.abs().max()) if h.numel() else 0.0, torch.finfo(h.dtype).tiny)
        off = float((after[rank] - expected).abs().max()) / size if h.numel() else 0.0
        allowed = torch.finfo(h.dtype).eps ** 0.5 if tolerance is None else tolerance
        if not off <= allowed:
            what = "turned round" if orientation else "in another order"
            raise TopologyError(
                f"the result of rank {rank} is not that of cells {what}: it is off by {off:.1e} of "
                f"the largest, and {allowed:.1e} is allowed"
            )
        worst = max(worst, off)
    return worst
