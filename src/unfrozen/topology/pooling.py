"""Pooling to fewer cells, unpooling to more, and readout of whole complexes.

Source: Hajij et al. 2022, sections on pooling and unpooling of combinatorial complexes.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Neighbourhood, incidence
from unfrozen.topology.layers.combining import Beta
from unfrozen.topology.layers.layer import Layer, check_choice
from unfrozen.topology.layers.push_forward import Messages
from unfrozen.topology.layers.push_forward.messages import Aggregate, Message


class Pooling(Messages):
    """Cells of a rank, put together in the cells of a higher one in which they lie.

    It is the push-forward along B_{low,high}ᵀ.  What it is called besides hangs on the higher
    cells: mapper pooling where they are those of a mapper lift, pooling by hops where they are
    balls of some hops around nodes, and that of images or graphs where they are squares or
    clusters.

    Args:
        low: rank that is pooled.
        high: rank into which it is pooled.
        message: what cells send, by default their features.
        aggregate: "mean", "sum", "max" or "min"; 0 for a cell in which none lies.
        width: features that are read; any by default.

    Raises:
        TopologyError: the second rank is not the higher one.

    Example:
        >>> from unfrozen.topology.complex import Complex
        >>> halves = Complex({2: [[0, 1], [2, 3]]})
        >>> Pooling(0, 2)({0: torch.tensor([[1.0], [3.0], [5.0], [9.0]])}, halves)[2].ravel()
        tensor([2., 7.])
    """

    def __init__(
        self,
        low: int,
        high: int,
        message: Message | None = None,
        *,
        aggregate: Aggregate = "mean",
        width: int | None = None,
    ) -> None:
        super().__init__(incidence(low, high).T, message, aggregate=aggregate, width=width)


class Unpooling(Messages):
    """Cells of a rank, brought back to the cells of a lower one that lie in them.

    Args:
        high: rank that is brought back.
        low: rank to which it is brought.
        message: what cells send, by default their features.
        aggregate: "mean", "sum", "max" or "min" over the cells in which one lies; 0 for a cell that
            lies in none.
        width: features that are read; any by default.

    Raises:
        TopologyError: the second rank is not the lower one.
    """

    def __init__(
        self,
        high: int,
        low: int,
        message: Message | None = None,
        *,
        aggregate: Aggregate = "mean",
        width: int | None = None,
    ) -> None:
        super().__init__(incidence(low, high), message, aggregate=aggregate, width=width)


def mapper_pooling(
    *, message: Message | None = None, aggregate: Aggregate = "mean", width: int | None = None
) -> Pooling:
    """Pooling of nodes by B_{0,2}ᵀ, for complexes whose 2-cells are those of a mapper lift.

    The lift makes 2-cells of the connected parts of level sets (`unfrozen.topology.lifting`); what
    is pooled can go on along `coadjacency(2, via=0)`, the graph of overlapping parts.

    Source: Hajij et al. 2022, definition of mapper pooling on graphs.
    """
    return Pooling(0, 2, message, aggregate=aggregate, width=width)


def is_pooling(layer: Layer) -> bool:
    """Whether a network of height one pools: the lowest rank it reads is below all it writes.

    And from that rank a map goes to the lowest rank written, or to one above it.

    Source: Hajij et al. 2022, definition of pooling networks of height one.
    """
    sketch = layer.sketch()
    if sketch.height != 1:
        return False
    low, high = min(layer.reads), min(layer.writes)
    ends = {sketch.ranks[arrow.head] for arrow in sketch.arrows if sketch.ranks[arrow.tail] == low}
    return low < high and any(rank >= high for rank in ends)


ReadoutBy = Literal["sum", "mean", "max"]


def readout(
    h: Float[Tensor, "cell feature"],
    owner: Int64[Tensor, " cell"],
    complexes: int,
    how: ReadoutBy = "sum",
) -> Float[Tensor, "complex feature"]:
    """One row for each complex of a batch: pooling into a cell that covers all of one.

    Args:
        h: a cochain of the batch.
        owner: the complex of each cell, ascending, as `Batch.owner` has it.
        complexes: how many there are.
        how: "sum", "mean" or "max"; 0 where a complex has no such cell.

    Raises:
        TopologyError: owners are not ascending, are none of the complexes, or not one a cell; or
            there is no such way to read.

    Example:
        >>> readout(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 2]), 3).ravel()
        tensor([3., 0., 4.])
    """
    check_choice("a readout", how, ReadoutBy)
    if len(owner) != len(h):
        raise TopologyError(f"{len(owner)} owners are not one for each of {len(h)} cells")
    counts = torch.zeros(complexes + 1, dtype=torch.int64, device=owner.device)
    if h.device.type != "meta" and len(owner):
        if bool((owner.diff() < 0).any()):
            raise TopologyError("owners are ascending: the cells of a complex lie side by side")
        if int(owner[0]) < 0 or int(owner[-1]) >= complexes:
            raise TopologyError(f"owners are 0 to {complexes - 1}, the number of a complex")
    counts.index_add_(0, owner + 1, torch.ones_like(owner))
    cell = torch.arange(len(h), device=owner.device)
    near = Neighbourhood(counts.cumsum(0), cell, len(h))
    return {"sum": near.sum, "mean": near.mean, "max": near.max}[how](h)


class Readout(nn.Module):
    """Cochains of a batch of complexes as one row for each complex.

    Args:
        ranks: that are read, side by side in this order.
        how: "sum", "mean" or "max", or several of them, side by side.
        beta: what becomes of the rows, such as the last layers of a classifier.

    Raises:
        TopologyError: there are no ranks, or no way to read them.
    """

    def __init__(
        self,
        ranks: Sequence[int],
        how: ReadoutBy | Sequence[ReadoutBy] = "sum",
        *,
        beta: Beta | None = None,
    ) -> None:
        super().__init__()
        ways: tuple[ReadoutBy, ...] = (how,) if isinstance(how, str) else tuple(how)
        if not ranks or not ways:
            raise TopologyError("a readout is of one rank or more, in one way or more")
        for way in ways:
            check_choice("a readout", way, ReadoutBy)
        self.ranks, self.how, self.beta = tuple(ranks), ways, beta

    def forward(
        self,
        cochains: Mapping[int, Float[Tensor, "_ _"]],
        owner: Mapping[int, Int64[Tensor, " _"]],
        complexes: int,
    ) -> Float[Tensor, "complex _"]:
        """A row for each complex.

        Args:
            cochains: rank -> features of the cells of all complexes.
            owner: rank -> the complex of each cell.
            complexes: how many there are.

        Raises:
            TopologyError: a cochain or its owners are missing.
        """
        missing = [rank for rank in self.ranks if rank not in cochains]
        if missing:
            raise TopologyError(f"a readout reads rank {missing[0]}, of which there is no cochain")
        parts = []
        for rank in self.ranks:
            h = cochains[rank]
            own = owner.get(rank)
            if own is None:
                # No complex has cells of the rank, or their owners were forgotten.
                own = torch.zeros(0, dtype=torch.int64, device=h.device)
            parts += [readout(h, own, complexes, how) for how in self.how]
        rows = torch.cat(parts, 1)
        return rows if self.beta is None else self.beta(rows)
