"""Attention: neighbours count by what they and the cell that hears of them are.

Scores are e = LeakyReLU(a · [W_s h_s || W_t h_t]) at the entries of a neighbourhood, and weights
their softmax over each row.  Memory is in proportion to the entries and the cells, not to pairs,
forwards and backwards.  Source: Hajij et al. 2022, definitions of combinatorial complex attention
for equal and for unequal ranks; the exponential, which their formula for the weights leaves out, is
that of Veličković et al. 2018.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, Neighbourhood, Relation
from unfrozen.topology.layers.drawing import Arrow, Sketch
from unfrozen.topology.layers.layer import (
    Layer,
    PushForward,
    check_reflexive,
    glorot,
    read,
)


class Attention(PushForward):
    """K = (G ⊙ att) H W along one neighbourhood.

    Of one rank, the cell that hears is mapped by W as its neighbours are.  Between two ranks it
    takes part by a map of its own, so that its cochain is read as well.

    Args:
        relation: G.
        width_in: features that are read; of the source and of the target, where ranks differ.
        width_out: features that are written.
        heads: number of attentions, each with its own W and a.
        concat: whether heads are put side by side, each with its share of `width_out`, or their
            mean is taken.
        slope: of LeakyReLU below 0.
        reflexive: whether each cell hears of itself as well.
        bias: whether one is added.
        generator: draws the weights, on the CPU.
        device: as for any module.
        dtype: as for any module.

    Raises:
        TopologyError: a width is not positive, heads do not divide it, or cells of two ranks are to
            hear of themselves.

    Example:
        >>> from unfrozen.topology.complex import Complex, incidence
        >>> g = torch.Generator().manual_seed(0)
        >>> up = Attention(incidence(0, 1).T, (3, 2), 8, heads=4, generator=g)
        >>> path = Complex({1: [[0, 1], [1, 2]]})
        >>> up({0: torch.ones(3, 3), 1: torch.ones(2, 2)}, path)[1].shape
        torch.Size([2, 8])
    """

    note = "attention"

    def __init__(
        self,
        relation: Relation,
        width_in: int | tuple[int, int],
        width_out: int,
        *,
        heads: int = 1,
        concat: bool = True,
        slope: float = 0.2,
        reflexive: bool = False,
        bias: bool = False,
        generator: torch.Generator,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        of_source, of_target = _pair(width_in)
        within = relation.source == relation.target
        if within and of_source != of_target:
            raise TopologyError(f"{relation} stays in its rank, whose features are {of_source}")
        super().__init__(
            relation, {relation.target: of_target, relation.source: of_source}, width_out
        )
        if reflexive:
            check_reflexive(relation)
        each = _share(width_out, heads) if concat else width_out
        self.heads, self.slope, self.concat, self.reflexive = heads, slope, concat, reflexive
        like = (generator, device, dtype)
        self.weight = glorot((of_source, heads * each), *like)
        self.weight_of_target = None if within else glorot((of_target, heads * each), *like)
        self.a_source = glorot((heads, each), *like)
        self.a_target = glorot((heads, each), *like)
        self.bias = nn.Parameter(torch.zeros_like(self.weight[0, :width_out])) if bias else None

    def described(self) -> str:
        """See `PushForward.described`."""
        return super().described() + _of_heads(self.heads)

    def weights(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> Float[Tensor, "entry head"]:
        """How much each neighbour counts: they sum to one over each row that has entries."""
        near = self._near(complex_)
        wide, places = near.heads(self.heads)
        flat = wide.softmax(self._scores(cochains, wide)[1])
        return torch.empty_like(flat).index_copy(0, places, flat).reshape(-1, self.heads)

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        near = self._near(complex_)
        wide = near.heads(self.heads).neighbourhood
        h, scores = self._scores(cochains, wide)
        found = _attended(wide, h, scores, self.heads)
        if not self.concat:
            found = found.reshape(len(found), self.heads, -1).mean(1)
        return {self.relation.target: found if self.bias is None else found + self.bias}

    def _near(self, complex_: Complex) -> Neighbourhood:
        near = complex_.neighbourhood(self.relation)
        return near.reflexive if self.reflexive else near

    def _scores(self, cochains: Mapping[int, Tensor], wide: Neighbourhood) -> tuple[Tensor, Tensor]:
        """What neighbours say, and the score of each entry."""
        x = self.read(cochains, self.relation.source)
        y = self.read(cochains, self.relation.target)
        of_target = self.weight if self.weight_of_target is None else self.weight_of_target
        heard = _seen(x, self.weight, self.a_source)
        hearing = _seen(y, of_target, self.a_target)
        return x @ self.weight, _scores(wide, heard, hearing, self.slope)


class MutualWeights(NamedTuple):
    """How much cells of two ranks count for each other, at the entries of G by row.

    Attributes:
        to_target: for the rows of G; they sum to one over each.
        to_source: for its columns.
    """

    to_target: Float[Tensor, "entry head"]
    to_source: Float[Tensor, "entry head"]


class MutualAttention(Layer):
    """Attention both ways between two ranks, with shared weights.

    K_t = (G ⊙ att_st) H_s W_s and K_s = (Gᵀ ⊙ att_ts) H_t W_t.  Both ways go by the same W_s,
    W_t and a: what one way has first in a · [W_s h_s || W_t h_t] the other has last, together with
    its part of a, so that the score of a pair is one for both and only the softmax differs.

    Args:
        relation: G, between two ranks.
        width_in: features that are read, of the source and of the target.
        width_out: features that are written to the target and to the source.
        heads: number of attentions, put side by side.
        slope: of LeakyReLU below 0.
        generator: draws the weights, on the CPU.
        device: as for any module.
        dtype: as for any module.

    Raises:
        TopologyError: the relation stays in its rank, a width is not positive, or heads do not
            divide it.

    Source: Hajij et al. 2022, definition of combinatorial complex attention for unequal ranks.
    """

    def __init__(
        self,
        relation: Relation,
        width_in: int | tuple[int, int],
        width_out: int | tuple[int, int],
        *,
        heads: int = 1,
        slope: float = 0.2,
        generator: torch.Generator,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if relation.source == relation.target:
            raise TopologyError(f"{relation} stays in its rank: use Attention, which is one way")
        of_source, of_target = _pair(width_in)
        to_target, to_source = _pair(width_out)
        if min(of_source, of_target, to_target, to_source) < 1:
            raise TopologyError("attention reads and writes one feature or more")
        self.relation, self.heads, self.slope = relation, heads, slope
        self.reads = {relation.source: of_source, relation.target: of_target}
        self.writes = {relation.target: to_target, relation.source: to_source}
        like = (generator, device, dtype)
        self.weight_of_source = glorot((of_source, to_target), *like)
        self.weight_of_target = glorot((of_target, to_source), *like)
        self.a_source = glorot((heads, _share(to_target, heads)), *like)
        self.a_target = glorot((heads, _share(to_source, heads)), *like)

    def extra_repr(self) -> str:
        """What torch prints of it."""
        return f"{self.relation}, both ways{_of_heads(self.heads)}"

    def weights(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> MutualWeights:
        """How much each neighbour counts, both ways."""
        wide, places = complex_.neighbourhood(self.relation).heads(self.heads)
        scores = self._scores(wide, *self._read(cochains))
        back = wide.T.softmax(scores.index_select(0, wide.order)).index_select(0, wide.T.order)
        return MutualWeights(
            *(
                torch.empty_like(flat).index_copy(0, places, flat).reshape(-1, self.heads)
                for flat in (wide.softmax(scores), back)
            )
        )

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        x, y = self._read(cochains)
        wide = complex_.neighbourhood(self.relation).heads(self.heads).neighbourhood
        scores = self._scores(wide, x, y)
        back = scores.index_select(0, wide.order)
        return {
            self.relation.target: _attended(wide, x @ self.weight_of_source, scores, self.heads),
            self.relation.source: _attended(wide.T, y @ self.weight_of_target, back, self.heads),
        }

    def trace(
        self, sketch: Sketch, at: Mapping[int, int], into: Mapping[int, int]
    ) -> dict[int, int]:
        """See `Layer.trace`."""
        found = {}
        for relation in (self.relation, self.relation.T):
            rank = relation.target
            head = found[rank] = into[rank] if rank in into else sketch.cochain(rank)
            note = f"mutual attention {self.reads[relation.source]}→{self.writes[rank]}"
            note += _of_heads(self.heads)
            sketch.arrows.append(Arrow(at[relation.source], head, str(relation), note))
            sketch.arrows.append(Arrow(at[rank], head, str(relation), ""))
        return found

    def _read(self, cochains: Mapping[int, Tensor]) -> tuple[Tensor, Tensor]:
        """The cochains of the source and of the target."""
        where = str(self.relation)
        source, target = self.relation.source, self.relation.target
        return (
            read(cochains, source, self.reads[source], where),
            read(cochains, target, self.reads[target], where),
        )

    def _scores(self, wide: Neighbourhood, x: Tensor, y: Tensor) -> Tensor:
        """Of each entry of G, for each head."""
        one = _seen(x, self.weight_of_source, self.a_source)
        other = _seen(y, self.weight_of_target, self.a_target)
        return _scores(wide, one, other, self.slope)


def _seen(
    x: Float[Tensor, "cell feature"],
    weight: Float[Tensor, "feature _"],
    a: Float[Tensor, "head share"],
) -> Float[Tensor, "cell head"]:
    """The part a · W h of each cell and head, by way of W a, which is small."""
    return x @ (weight.unflatten(1, a.shape) * a).sum(2)


def _scores(wide: Neighbourhood, of_source: Tensor, of_target: Tensor, slope: float) -> Tensor:
    """LeakyReLU of the sum of what both cells of an entry add to its score."""
    rows = wide.spread(of_target.reshape(-1))
    columns = wide.spread(of_source.reshape(-1), by="column")
    return F.leaky_relu(rows + columns, slope)


def _attended(wide: Neighbourhood, h: Tensor, scores: Tensor, heads: int) -> Tensor:
    """The sum over neighbours by the softmax of their scores."""
    flat = h.reshape(len(h) * heads, h.shape[1] // heads)
    found = wide.sum(flat, wide.softmax(scores))
    return found.reshape(wide.shape[0] // heads, h.shape[1])


def _pair(widths: int | tuple[int, int]) -> tuple[int, int]:
    return (widths, widths) if isinstance(widths, int) else widths


def _share(width: int, heads: int) -> int:
    """Features of each head."""
    if heads < 1 or width % heads:
        raise TopologyError(f"{width} features are not shared by {heads} heads")
    return width // heads


def _of_heads(heads: int) -> str:
    return f", {heads} heads" if heads > 1 else ""
