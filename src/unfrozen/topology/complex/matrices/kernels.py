"""Sums, products, extremes and softmax over the entries of a neighbourhood, with gradients.

No tensor of [entry, feature] is made, forwards or backwards: memory and work are in proportion to
the entries plus the cells times their features.  All but the extremes can be differentiated twice.

Sums are taken as of bags of embeddings, for which torch has a kernel on CPUs that beats those for
sparse matrices.  Of 61,440 entries between 51,200 cells of 32 features, and of 245,760 between
204,800, a weighted sum takes 0.2 and 3 ms with it on one thread.  It takes 0.5 to 2.4 and 9 to
24 ms with a sparse matrix by rows, whose indices of 32 and of 64 bits are alike, 1 and 12 ms with
the product of such a matrix that takes a `reduce`, and 7 to 9 and 39 to 59 ms with `index_add` of
gathered rows; `segment_reduce` of these takes 4 to 5 and 9 to 12 ms alone.  Half precision is added
up in single.
"""

import warnings
from functools import cache
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from unfrozen.topology.complex.matrices.neighbourhood import Neighbourhood

Side = Literal["row", "column"]
# Of the product of features at entries alone torch has these.
_SAMPLED = {"cpu", "cuda"}
_HALF = {torch.float16, torch.bfloat16}


def total(
    near: "Neighbourhood",
    x: Float[Tensor, "source feature"],
    weights: Float[Tensor, " entry"] | None = None,
) -> Float[Tensor, "target feature"]:
    """Weighted sum of the neighbours of each cell; the neighbourhood's own values do not count."""
    return _Total.apply(x, weights, near)


def products(
    near: "Neighbourhood",
    left: Float[Tensor, "target feature"],
    right: Float[Tensor, "source feature"],
) -> Float[Tensor, " entry"]:
    """Inner product of the features of the two cells of each entry."""
    return _Products.apply(left, right, near)


def collect(
    near: "Neighbourhood", of_entries: Float[Tensor, "entry ..."], *, by: Side = "row"
) -> Float[Tensor, "cell ..."]:
    """Sum of the entries of each row, or of each column."""
    return _Collect.apply(of_entries, near, by)


def spread(
    near: "Neighbourhood", of_cells: Float[Tensor, "cell ..."], *, by: Side = "row"
) -> Float[Tensor, "entry ..."]:
    """What a row has at each of its entries, or what a column has."""
    return _Spread.apply(of_cells, near, by)


def softmax(
    near: "Neighbourhood", scores: Float[Tensor, "entry ..."]
) -> Float[Tensor, "entry ..."]:
    """Softmax over the entries of each row.

    A score of minus infinity weighs nothing, and in a row that has no other, nothing does.
    """
    return _Softmax.apply(scores, near)


def extreme(
    near: "Neighbourhood", x: Float[Tensor, "source feature"], *, largest: bool
) -> Float[Tensor, "target feature"]:
    """The largest or the smallest of each feature among the neighbours; 0 where there are none.

    Where neighbours are alike, gradients go to some of them, and add up to what one would get.
    """
    values = None if near.values is None else near.values.to(x.dtype)
    if x.device.type == "cpu":
        ones = torch.ones(len(near), dtype=x.dtype) if values is None else values
        matrix = by_rows(near, ones)
        return torch.sparse.mm(matrix, x.contiguous(), "amax" if largest else "amin")
    found = x.index_select(0, near.columns)
    found = found if values is None else found * values[:, None]
    rows = near.rows[:, None].expand_as(found)
    zero = x.new_zeros(near.shape[0], x.shape[1])
    return zero.scatter_reduce(0, rows, found, "amax" if largest else "amin", include_self=False)


def by_rows(near: "Neighbourhood", values: Float[Tensor, " entry"]) -> Tensor:
    """A sparse matrix of torch."""
    _hear_warning()
    # What makes neighbourhoods sees to it that pointers and columns fit: asking again takes longer
    # than a product.
    return torch.sparse_csr_tensor(
        near.pointers, near.columns, values, near.shape, check_invariants=False
    )


@cache
def _hear_warning() -> None:
    """Let torch say once that its sparse matrices may change, where nobody is bothered by it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        pointers, none = torch.zeros(2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
        torch.sparse_csr_tensor(pointers, none, torch.zeros(0), (1, 1), check_invariants=False)


def _bag(x: Tensor, columns: Tensor, pointers: Tensor, weights: Tensor | None) -> Tensor:
    """Rows of x, summed from each pointer to the next."""
    # Of features that ask for gradients it would keep what its own backward needs.
    return F.embedding_bag(
        columns,
        x.detach().contiguous(),
        pointers,
        mode="sum",
        per_sample_weights=None if weights is None else weights.detach().to(x.dtype).contiguous(),
        include_last_offset=True,
    )


class _Total(torch.autograd.Function):
    """Sums, whose gradients are sums over the transpose and products at the entries."""

    @staticmethod
    def forward(ctx, x, weights, near):
        ctx.near = near
        asked = weights is not None and ctx.needs_input_grad[1]
        ctx.save_for_backward(x if asked else None, weights)
        return _bag(x, near.columns, near.pointers, weights)

    @staticmethod
    def backward(ctx, *grad_outputs):
        (gradient,), (x, weights), near = grad_outputs, ctx.saved_tensors, ctx.near
        of_x = of_weights = None
        if ctx.needs_input_grad[0]:
            turned = None if weights is None else weights.index_select(0, near.order)
            of_x = total(near.T, gradient, turned)
        if ctx.needs_input_grad[1]:
            of_weights = products(near, gradient, x)
        return of_x, of_weights, None


class _Products(torch.autograd.Function):
    """Products at the entries, whose gradients are weighted sums both ways."""

    @staticmethod
    def forward(ctx, left, right, near):
        ctx.near = near
        ctx.save_for_backward(left, right)
        if left.device.type not in _SAMPLED:
            return (left.index_select(0, near.rows) * right.index_select(0, near.columns)).sum(1)
        wide = torch.float32 if left.dtype in _HALF else left.dtype
        zeros = torch.zeros(len(near), dtype=wide, device=left.device)
        matrix = by_rows(near, zeros)
        one, other = left.to(wide).contiguous(), right.to(wide).contiguous()
        return torch.sparse.sampled_addmm(matrix, one, other.T, beta=0.0).values().to(left.dtype)

    @staticmethod
    def backward(ctx, *grad_outputs):
        (gradient,), (left, right), near = grad_outputs, ctx.saved_tensors, ctx.near
        of_left = of_right = None
        if ctx.needs_input_grad[0]:
            of_left = total(near, right, gradient)
        if ctx.needs_input_grad[1]:
            of_right = total(near.T, left, gradient.index_select(0, near.order))
        return of_left, of_right, None


class _Collect(torch.autograd.Function):
    """Sums of entries, whose gradient is that of the cell at each."""

    @staticmethod
    def forward(ctx, of_entries, near, by):
        ctx.near, ctx.by = near, by
        shape = of_entries.shape[1:]
        flat = of_entries.reshape(len(of_entries), shape.numel())
        own = near.entries.columns if by == "row" else near.order
        pointers = near.pointers if by == "row" else near.T.pointers
        return _bag(flat, own, pointers, None).reshape(-1, *shape)

    @staticmethod
    def backward(ctx, *grad_outputs):
        return spread(ctx.near, grad_outputs[0], by=ctx.by), None, None


class _Spread(torch.autograd.Function):
    """Cells at their entries, whose gradient is the sum of these."""

    @staticmethod
    def forward(ctx, of_cells, near, by):
        ctx.near, ctx.by = near, by
        return of_cells.index_select(0, near.rows if by == "row" else near.columns)

    @staticmethod
    def backward(ctx, *grad_outputs):
        return collect(ctx.near, grad_outputs[0], by=ctx.by), None, None


class _Softmax(torch.autograd.Function):
    """Softmax by rows, of which only the result is kept."""

    @staticmethod
    def forward(ctx, scores, near):
        ctx.near = near
        wide = scores.float() if scores.dtype in _HALF else scores
        highest = torch.segment_reduce(
            wide.contiguous(), "max", offsets=near.pointers, axis=0, unsafe=True
        )
        highest = highest.masked_fill(highest == -torch.inf, 0)
        raised = (wide - highest.index_select(0, near.rows)).exp_()
        # The highest entry adds one, so that only a row without any is clamped.
        whole = collect(near, raised).clamp_min_(1)
        found = raised.div_(whole.index_select(0, near.rows)).to(scores.dtype)
        ctx.save_for_backward(found)
        return found

    @staticmethod
    def backward(ctx, *grad_outputs):
        (gradient,), (weights,), near = grad_outputs, ctx.saved_tensors, ctx.near
        part = weights * gradient
        return part - weights * spread(near, collect(near, part)), None
