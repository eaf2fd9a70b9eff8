"""Retrieval from a Hebbian memory that is written to after every read, and the way back through it.

The memory stands on `unfrozen.memory.linear.hebbian`: within a window of training it is a list of
its writes, exact as long as no entry passes the limit.  It is clipped to that when the window ends,
as in the authors' second version, where the paper clips after every write.

A read is a loop within the loop over steps, of small operators whose bookkeeping costs more than
they do.  So its gradient is written out here, and autograd sees one operator a window.

Source: Whittington et al. 2020, STAR Methods, attractor and Hebbian learning; Ba et al. 2016.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from unfrozen.hippocampus.tem.window.attractor import LEAK, Iteration, slope
from unfrozen.memory.linear import hebbian
from unfrozen.memory.linear.hebbian import BlockMask


class Attractor(NamedTuple):
    """How a memory is read and written.

    Attributes:
        steps: of a read, in the first of which all cells move.
        kappa: what a state keeps in a step.
        decay: what a write leaves of all before it.
        rate: of a write.
        mask: of each write's outer product; none of its entries is zero by default.
    """

    steps: tuple[Iteration, ...]
    kappa: float
    decay: float
    rate: float
    mask: BlockMask | None = None


def pairs(place: Tensor, recalled: Tensor) -> tuple[Tensor, Tensor]:
    """Key and value of a write, p + p^ and p - p^: nothing is written that is known already."""
    return place + recalled, place - recalled


class Tape:
    """A memory over the steps of a window, of which each reads it first and then writes to it.

    It is run forward by `read` and `write` of each step in turn, and back by `unwrite` and `unread`
    of each step, from the last to the first.

    Args:
        base: the memory before the window; no gradient goes to it.
        attractor: how it is read and written.
        t: steps of the window.
        q: queries of a read.
    """

    def __init__(
        self, base: Float[Tensor, "b place place"], attractor: Attractor, t: int, q: int
    ) -> None:
        b, width, _ = base.shape
        n = len(attractor.steps)
        self.base, self.attractor = base, attractor
        self.keys, self.values = base.new_zeros(b, t, width), base.new_zeros(b, t, width)
        order = torch.arange(t)
        self.left = hebbian.fading(order, t, attractor.decay, attractor.rate, base).writes
        self.faded = [attractor.decay**s for s in range(t)]
        # By step and iteration: h, what is activated to the next h, and the overlaps with keys.
        self.states = base.new_zeros(t, b, n + 1, q, width)
        self.inputs = base.new_zeros(t, b, n, q, width)
        self.overlaps: list[list[Tensor]] = []

    def read(
        self, t: int, start: Float[Tensor, "b q place"], first: Float[Tensor, "b q place"]
    ) -> Float[Tensor, "b q place"]:
        """Retrieve by the attractor: h <- f_p(kappa h + M h).

        Args:
            t: the step.
            start: h, activated.
            first: what the base answers to it: of all steps at once, it is read from memory once.
        """
        kappa, faded, width = self.attractor.kappa, self.faded[t], start.shape[2]
        keys, values, left = self.keys[:, :t].mT, self.values[:, :t], self.left[t, :t]
        states, inputs = self.states[t].unbind(1), self.inputs[t].unbind(1)
        states[0].copy_(start)
        overlaps = []
        for i, (rows, blocks) in enumerate(self.attractor.steps):
            h, into, new = states[i], inputs[i], states[i + 1]
            if rows < width:
                new[..., rows:] = h[..., rows:]
                into, new = into[..., :rows], new[..., :rows]
            if i == 0:
                x = torch.add(faded * first, h, alpha=kappa)
            else:
                of_base = self.base[:, :rows].mT
                x = torch.baddbmm(h[..., :rows], h, of_base, beta=kappa, alpha=faded)
            if t > 0:
                overlap = torch.bmm(self._heard(h, blocks), keys).mul_(left)
                x = self._answered(x, overlap, values[..., :rows])
                overlaps.append(overlap)
            into.copy_(x)
            F.leaky_relu_(torch.clamp(x, -1, 1, out=new), LEAK)
        self.overlaps.append(overlaps)
        return states[-1]

    def write(
        self, t: int, place: Float[Tensor, "b place"], recalled: Float[Tensor, "b place"]
    ) -> None:
        """Write a pair of p and p^."""
        self.keys[:, t], self.values[:, t] = pairs(place, recalled)

    def rewind(self) -> None:
        """Stand at the end, before the first step back."""
        self.key_gradient = torch.zeros_like(self.keys)
        self.value_gradient = torch.zeros_like(self.values)
        self.slopes = slope(self.inputs)
        for i, (rows, _) in enumerate(self.attractor.steps):
            self.slopes[:, :, i, :, rows:] = 0
        self.start_gradient = torch.empty_like(self.states[:, :, 0])
        self.moved_first = torch.empty_like(self.start_gradient)

    def unwrite(self, t: int) -> tuple[Float[Tensor, "b place"], Float[Tensor, "b place"]]:
        """Gradients of p and of p^ that a write has from the reads after it."""
        key, value = self.key_gradient[:, t], self.value_gradient[:, t]
        return key + value, key - value

    def unread(self, t: int, gradient: Float[Tensor, "b q place"]) -> None:
        """Go back through a read: to the writes before it, and to where it started.

        Args:
            t: the step.
            gradient: of what was read.
        """
        kappa, faded, width = self.attractor.kappa, self.faded[t], gradient.shape[2]
        keys, values, left = self.keys[:, :t], self.values[:, :t].mT, self.left[t, :t]
        slopes, states = self.slopes[t].unbind(1), self.states[t].unbind(1)
        heard, split, pulls, g = [], [], [], gradient
        for i, (rows, blocks) in reversed(list(enumerate(self.attractor.steps))):
            # Of what is activated, kappa h + M h: zero where a state stays as it is.
            d = g * slopes[i]
            kept = kappa * d
            if rows < width:
                kept[..., rows:] = g[..., rows:]
            if i == 0:
                # Products of all steps with the base are made at once, in `start`.
                self.moved_first[t] = d
                g = kept
            else:
                g = torch.baddbmm(kept, d[..., :rows], self.base[:, :rows], alpha=faded)
            if t > 0:
                heard.append(self._heard(states[i], blocks))
                split.append(self._split(d, blocks))
                pulls.append(torch.bmm(split[-1], values).mul_(left))
                g = self._unheard(g, pulls[-1], keys)
        self.start_gradient[t] = g
        if t > 0:
            overlaps = self.overlaps[t][::-1]
            self.key_gradient[:, :t] += torch.bmm(torch.cat(pulls, 1).mT, torch.cat(heard, 1))
            self.value_gradient[:, :t] += torch.bmm(torch.cat(overlaps, 1).mT, torch.cat(split, 1))

    def start(self) -> Float[Tensor, "t b q place"]:
        """Gradients of where all reads started, once all steps were gone back through."""
        t, b, q, width = self.moved_first.shape
        faded = self.moved_first.new_tensor(self.faded).view(-1, 1, 1, 1)
        moved = (faded * self.moved_first).transpose(0, 1).reshape(b, t * q, width)
        of_base = (moved @ self.base).unflatten(1, (t, q)).transpose(0, 1)
        return self.start_gradient + of_base

    # A write with a mask is Σ_f (into_f ∘ v)(out_of_f ∘ k)^T over its blocks f: one dot product
    # of keys with what the block hears of a state, one answer into the rows of the block.

    def _heard(self, h: Tensor, blocks: int) -> Tensor:
        """[b, q block, key]: out_of_f ∘ h."""
        mask = self.attractor.mask
        return h if mask is None else (h[:, :, None] * mask.out_of[:blocks]).flatten(1, 2)

    def _unheard(self, g: Tensor, pull: Tensor, keys: Tensor) -> Tensor:
        """[b, q, key]: g and the transpose of `_heard`, of pull times keys."""
        mask, q = self.attractor.mask, g.shape[1]
        if mask is None:
            return torch.baddbmm(g, pull, keys, out=g)
        heard = torch.bmm(pull, keys).unflatten(1, (q, -1))
        return g.add_(heard.mul_(mask.out_of[: heard.shape[2]]).sum(2))

    def _split(self, d: Tensor, blocks: int) -> Tensor:
        """[b, q block, value]: into_f ∘ d."""
        mask = self.attractor.mask
        return d if mask is None else (d[:, :, None] * mask.into[:blocks]).flatten(1, 2)

    def _answered(self, x: Tensor, overlap: Tensor, values: Tensor) -> Tensor:
        """[b, q, value]: x and the transpose of `_split`, of overlaps times values."""
        mask, (_, q, rows) = self.attractor.mask, x.shape
        if mask is None:
            return torch.baddbmm(x, overlap, values, out=x)
        answers = torch.bmm(overlap, values).unflatten(1, (q, -1))
        return x.add_(answers.mul_(mask.into[: answers.shape[2], :rows]).sum(2))


class _Recollection(torch.autograd.Function):
    """See `recollect`."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, place: Tensor, base: Tensor, how: Attractor) -> Tensor:
        t, b, q, width = queries.shape
        tape = ctx.tape = Tape(base, how, t, q)
        of_all = queries.transpose(0, 1).reshape(b, t * q, width)
        first = hebbian.read_base(base, of_all).unflatten(1, (t, q)).transpose(0, 1)
        for step in range(t):
            recalled = tape.read(step, queries[step], first[step])
            tape.write(step, place[step], recalled[:, 0])
        return tape.states[:, :, -1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # pyright: ignore
        tape: Tape = ctx.tape
        tape.rewind()
        place, gradient = torch.empty_like(gradient[:, :, 0]), gradient.clone()
        for step in reversed(range(len(gradient))):
            place[step], recalled = tape.unwrite(step)
            gradient[step, :, 0] += recalled
            tape.unread(step, gradient[step])
        return tape.start(), place, None, None


def recollect(
    queries: Float[Tensor, "t b q place"],
    place: Float[Tensor, "t b place"],
    base: Float[Tensor, "b place place"],
    how: Attractor,
) -> Float[Tensor, "t b q place"]:
    """What queries retrieve, step after step, where each step writes what its first one retrieved.

    Args:
        queries: states that reads start from, activated; the others of a step change no memory.
        place: p of each step, written with what is retrieved.
        base: the memory before the window; no gradient goes to it.
        how: it is read and written.
    """
    return _Recollection.apply(queries, place, base, how)
