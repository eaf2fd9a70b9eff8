"""What a walk has left behind so far, asked at every step, with gradients in time that fits.

Asking a growing memory at each of t steps by stacking what is there would make, and in the backward
pass take apart, t lists of up to t codes.  Here codes are written into one buffer, and each write
gathers its gradient from all later questions at once.
"""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class History:
    """Keys and values that are written one after the other and asked all together.

    Gradients are right if whatever asks at a step depends on what was written before, as in a
    recurrent network: then every question comes earlier in the backward pass than the writes that
    it asked.  Between two writes, scores and mixtures are asked for once each.  Gradients can be
    taken once, not differentiated again.

    Args:
        like: a batch of vectors [b, d] of the device and type that will be written.
        steps: how many will be written at most.
        mixtures: that are asked for at once.

    Example:
        >>> import torch
        >>> history = History(torch.zeros(1, 2), steps=3)
        >>> value = history.write(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
        >>> history.scores(torch.tensor([[0.5, 9.0]]))
        tensor([[0.5000]])
        >>> history.mix(torch.tensor([[[0.5]]]))
        tensor([[[1.5000, 2.0000]]])
    """

    def __init__(self, like: Float[Tensor, "b d"], steps: int, mixtures: int = 1) -> None:
        b, d = like.shape
        self.number = 0
        self.keys, self.values = like.new_zeros(2, b, steps, d).unbind()
        self.scored = _Back(like, steps, 1)
        self.mixed = _Back(like, steps, mixtures)

    def write(
        self, values: Float[Tensor, "b d"], keys: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        """Write a value of each walk; what goes on is to use what this gives back."""
        self.number += 1
        return _Write.apply(values, keys, self, self.number - 1)

    def scores(self, queries: Float[Tensor, "b d"]) -> Float[Tensor, "b n"]:
        """Inner products with all keys."""
        return _Scores.apply(queries, self, self.number)

    def mix(self, weights: Float[Tensor, "b k n"]) -> Float[Tensor, "b k d"]:
        """Values weighted and added up, for every mixture."""
        return _Mix.apply(weights, self, self.number)


class _Back:
    """What came back to each question: its share for every vector, times a vector."""

    def __init__(self, like: Tensor, steps: int, rows: int) -> None:
        self.like, self.steps, self.rows = like, steps, rows
        self.shares: Tensor | None = None
        self.times: Tensor | None = None

    def keep(self, shares: Float[Tensor, "b k n"], times: Float[Tensor, "b k d"]) -> None:
        if self.shares is None or self.times is None:
            # Only where gradients are taken: without, a long walk would pay for their room.
            (b, d), questions = self.like.shape, self.steps * self.rows
            self.shares = self.like.new_zeros(b, self.steps, questions)
            self.times = self.like.new_zeros(b, questions, d)
        n = shares.shape[2]
        slot = slice((n - 1) * self.rows, n * self.rows)
        self.shares[:, :n, slot] = shares.mT
        self.times[:, slot] = times

    def gather(self, at: int) -> Float[Tensor, "b d"]:
        if self.shares is None or self.times is None:
            return self.like.new_zeros(self.like.shape)
        first = at * self.rows
        return (self.shares[:, at, None, first:] @ self.times[:, first:])[:, 0]


class _Write(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, keys: Tensor, history: History, at: int) -> Tensor:
        ctx.history, ctx.at = history, at
        history.values[:, at], history.keys[:, at] = values, keys
        return values.view_as(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        history, at = ctx.history, ctx.at
        return grads[0] + history.mixed.gather(at), history.scored.gather(at), None, None


class _Scores(Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, history: History, n: int) -> Tensor:
        ctx.history, ctx.n = history, n
        ctx.save_for_backward(queries)
        return (history.keys[:, :n] @ queries[:, :, None])[..., 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.history.scored.keep(grads[0][:, None], ctx.saved_tensors[0][:, None])
        return (grads[0][:, None] @ ctx.history.keys[:, : ctx.n])[:, 0], None, None


class _Mix(Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, history: History, n: int) -> Tensor:
        ctx.history, ctx.n = history, n
        ctx.save_for_backward(weights)
        return weights @ history.values[:, :n]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.history.mixed.keep(ctx.saved_tensors[0], grads[0])
        return grads[0] @ ctx.history.values[:, : ctx.n].mT, None, None
