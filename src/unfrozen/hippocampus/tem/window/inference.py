"""Inference of codes, step after step: where actions lead, what memory tells, and both together.

Each step needs the one before it, so that the way back through a window is a loop as well.  But
few of a step's operations are on that way: gradients of weights need not wait for one another.  So
the steps are run without gradients first.  Then all of them are made once more as one, each from
the code and the memory that the run gave to it: there autograd finds gradients of weights.  And
from step to step gradients go by `_Unrolled`, through what little links them.

Source: Whittington et al. 2020, STAR Methods, inference of g and of p.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from unfrozen.hippocampus.tem.window import codes
from unfrozen.hippocampus.tem.window.attractor import activate, conjoin, slope
from unfrozen.hippocampus.tem.window.codes import Belief, Layers
from unfrozen.hippocampus.tem.window.retrieval import Attractor, Tape
from unfrozen.memory.linear import hebbian
from unfrozen.memory.linear.hebbian import Writes


class Steps(NamedTuple):
    """What each step infers.

    Attributes:
        code: g.
        path: g as actions move it, before memory corrects it.
        place: p.
        recalled: p retrieved by what is seen.
    """

    code: Float[Tensor, "b t cell"]
    path: Float[Tensor, "b t cell"]
    place: Float[Tensor, "b t place"]
    recalled: Float[Tensor, "b t place"]


class Inferred(NamedTuple):
    """What a window infers.

    Attributes:
        steps: each of them.
        writes: to the inference memory; they carry no gradient.
    """

    steps: Steps
    writes: Writes


class Inputs(NamedTuple):
    """What a step is given, or each of many.

    Attributes:
        actions: what led there.
        starts: where a walk starts, whose path is the prior.
        seen: symbols, one-hot.
        senses: x~ of each sampled cell.
        objects: what object-vector cells make of an object here, or of none; None without them.
    """

    actions: Int[Tensor, "*batch"]
    starts: Bool[Tensor, "*batch"]
    seen: Float[Tensor, "*batch symbol"]
    senses: Float[Tensor, "*batch sampled feature"]
    objects: Belief | None

    def steps(self) -> list["Inputs"]:
        """Those of each step of a window, of [b, t]."""
        actions, starts, seen, senses = (each.unbind(1) for each in self[:4])
        objects: list[Belief | None] = [None] * len(actions)
        if self.objects is not None:
            objects = [
                Belief(*each) for each in zip(*(o.unbind(1) for o in self.objects), strict=True)
            ]
        given = zip(actions, starts, seen, senses, objects, strict=True)
        return [Inputs(*each) for each in given]


class Evidence(NamedTuple):
    """What a step's code is made of.

    Attributes:
        moved: g of the step before, as the action moves it.
        moved_deviation: how little sure that is.
        told: g as told by memory.
        told_deviation: how little sure that is.
    """

    moved: Float[Tensor, "*batch cell"]
    moved_deviation: Float[Tensor, "*batch cell"]
    told: Float[Tensor, "*batch cell"]
    told_deviation: Float[Tensor, "*batch cell"]


class Codes(NamedTuple):
    """See `Steps`."""

    path: Float[Tensor, "*batch cell"]
    code: Float[Tensor, "*batch cell"]


@dataclass(frozen=True)
class Inference:
    """The equations of a step, for one step or for many at once.

    Attributes:
        table: D of all actions side by side.
        prior: of g at a walk's start.
        spread: network of the deviation of the path.
        told: network from what memory retrieves to g.
        sure: network of its deviation.
        decode: from conjunctive cells to logits of symbols.
        bounds: scale and offset of deviations, exp(scale tanh(.) + offset).
        distrust: added to the deviation of what memory tells.
        streams: stream of each cell, one-hot.
        sampled: which cells reach the memory.
        features: of what is seen.
        objects: cells of the object stream.
    """

    table: Float[Tensor, "cell action_cell"]
    prior: Belief
    spread: Layers
    told: Layers
    sure: Layers
    decode: Callable[[Tensor], Tensor]
    bounds: tuple[float, float]
    distrust: float
    streams: Float[Tensor, "cell stream"]
    sampled: Int[Tensor, " sampled"]
    features: int
    objects: int

    def gather(self, before: Tensor, recalled: Tensor, inputs: Inputs) -> Evidence:
        """Where the action leads, and what memory tells.

        Args:
            before: g of the step before, [*batch, cell].
            recalled: p retrieved by what is seen, [*batch, place].
            inputs: of the step.
        """
        moved = before + codes.moves(before, self.table, inputs.actions)
        deviation = codes.deviation(self.spread(before.detach()), *self.bounds)
        deviation = torch.where(inputs.starts[..., None], self.prior.deviation, deviation)
        told = self.told(self.summary(recalled))
        # How well memory recalls is told by its length, and by what it would see.
        with torch.no_grad():
            error = inputs.seen - self.decode(recalled).softmax(-1)
            error = 0.5 * error.square().sum(-1, keepdim=True)
            length = told.square() @ self.streams
            quality = torch.stack([length, error.expand_as(length)], -1).flatten(-2)
        sure = codes.deviation(self.sure(quality), *self.bounds) + self.distrust
        return Evidence(moved, deviation, told, sure)

    def settle(self, evidence: Evidence, inputs: Inputs) -> Codes:
        """Path and memory weighed against each other, cell by cell; and with objects."""
        moved = codes.squash(evidence.moved, self.objects)
        path = torch.where(inputs.starts[..., None], self.prior.mean, moved)
        says = Belief(codes.squash(evidence.told, self.objects), evidence.told_deviation)
        belief = codes.agree(Belief(path, evidence.moved_deviation), says)
        code, n = belief.mean, self.objects
        if inputs.objects is not None:
            own = codes.agree(Belief(code[..., :n], belief.deviation[..., :n]), inputs.objects)
            code = torch.cat([own.mean, code[..., n:]], -1)
        return Codes(path, code)

    def summary(self, recalled: Tensor) -> Tensor:
        """The mean over features of each sampled cell."""
        return recalled.unflatten(-1, (-1, self.features)).mean(-1)

    def slopes(self, evidence: Evidence, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives by the moved code of path and code, and by what is told of the code."""
        with torch.enable_grad():
            moved, told = (each.detach().requires_grad_() for each in evidence[::2])
            fixed = Evidence(moved, evidence[1].detach(), told, evidence[3].detach())
            path, code = self.settle(fixed, inputs)
            # All is done cell by cell: the derivative of the sum is that of each cell.
            (path_by_moved,) = torch.autograd.grad(path.sum(), moved, retain_graph=True)
            code_by_moved, code_by_told = torch.autograd.grad(code.sum(), (moved, told))
        return path_by_moved, code_by_moved, code_by_told


class _Links:
    """Derivatives of what a step takes from the steps before it.

    Args:
        inference: equations of a step.
        inputs: of all steps.
        evidence: of all steps.
        code: g of all steps.
        recalled: p retrieved by what is seen, of all steps.
    """

    @torch.no_grad()
    def __init__(
        self,
        inference: Inference,
        inputs: Inputs,
        evidence: Evidence,
        code: Float[Tensor, "b t cell"],
        recalled: Float[Tensor, "b t place"],
    ) -> None:
        slopes = inference.slopes(evidence, inputs)
        self._path_by_moved, self._code_by_moved, self._code_by_told = (s.unbind(1) for s in slopes)
        self._sampled, self._features = inference.sampled, inference.features
        product = code[:, :, inference.sampled, None] * inputs.senses
        self._place_by_code = (slope(product) * inputs.senses).unbind(1)
        self._told = inference.told
        hidden = F.linear(inference.summary(recalled), self._told.hidden, self._told.hidden_bias)
        # Of an ELU.
        self._hidden_slope = hidden.clamp(max=0).exp().unbind(1)
        self._table = inference.table.detach().T
        n_actions = len(self._table) // code.shape[2]
        self._taken = F.one_hot(inputs.actions, n_actions).to(code)[..., None].unbind(1)

    def code_of_place(self, t: int, place: Tensor, code: Tensor) -> Tensor:
        """P = f_p(g~ ∘ x~): a gradient of g, with what comes from p."""
        by_cell = (place.unflatten(1, (-1, self._features)) * self._place_by_code[t]).sum(2)
        return code.index_add(1, self._sampled, by_cell)

    def recalled_of_code(self, t: int, code: Tensor) -> Tensor:
        """From g by what memory tells to p retrieved by what is seen, whose features are averaged.

        The derivative is that of the network `Inference.told`.
        """
        hidden = ((code * self._code_by_told[t]) @ self._told.out) * self._hidden_slope[t]
        by_cell = (hidden @ self._told.hidden) / self._features
        return by_cell.repeat_interleave(self._features, 1)

    def before_of_code(self, t: int, code: Tensor, path: Tensor) -> Tensor:
        """From g and the path, g + D_a g, to g of the step before."""
        moved = code * self._code_by_moved[t] + path * self._path_by_moved[t]
        return torch.addmm(moved, (self._taken[t] * moved[:, None]).flatten(1), self._table)


class _Unrolled(torch.autograd.Function):
    """Codes of a run whose steps follow from one another, given each from those before it.

    Forward it passes on what the run has found.  Backward it adds, to what the loss asks of each
    step, what the steps after it ask, and hands that to the step as it is given on its own.
    """

    @staticmethod
    def forward(
        ctx: Any, code: Tensor, path: Tensor, place: Tensor, query: Tensor,
        tape: Tape, links: _Links, run: Steps,
    ) -> Steps:  # fmt: skip
        ctx.tape, ctx.links = tape, links
        return run

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        tape: Tape = ctx.tape
        links: _Links = ctx.links
        tape.rewind()
        codes_, paths, places, recalls = (list(each.unbind(1)) for each in gradients)
        # What the steps after it ask of a code.
        later = torch.zeros_like(codes_[0])
        for t in reversed(range(len(codes_))):
            place, recalled = tape.unwrite(t)
            places[t] = places[t] + place
            codes_[t] = links.code_of_place(t, places[t], codes_[t] + later)
            recalled = recalls[t] + recalled + links.recalled_of_code(t, codes_[t])
            tape.unread(t, recalled[:, None])
            later = links.before_of_code(t, codes_[t], paths[t])
        query = tape.start()[:, :, 0].transpose(0, 1)
        asked = (torch.stack(each, 1) for each in (codes_, paths, places))
        return *asked, query, None, None, None


def infer(
    inference: Inference,
    inputs: Inputs,
    before: Float[Tensor, "b cell"],
    base: Float[Tensor, "b place place"],
    how: Attractor,
) -> Inferred:
    """Infer the codes of a window.

    Args:
        inference: equations of a step.
        inputs: of all steps.
        before: g of the step before the first.
        base: the inference memory before the window; no gradient goes to it.
        how: it is read and written.
    """
    query = activate(inputs.senses.flatten(2))
    with torch.no_grad():
        tape = Tape(base, how, query.shape[1], 1)
        first = hebbian.read_base(base, query)[:, :, None].unbind(1)
        starts, code, found = query[:, :, None].unbind(1), before, []
        for t, given in enumerate(inputs.steps()):
            recalled = tape.read(t, starts[t], first[t])[:, 0]
            path, code = inference.settle(inference.gather(code, recalled, given), given)
            place = conjoin(code[:, inference.sampled], given.senses)
            tape.write(t, place, recalled)
            found.append((code, path, place, recalled))
        run = Steps(*(torch.stack(each, 1) for each in zip(*found, strict=True)))
    writes = Writes(tape.keys, tape.values)
    if not torch.is_grad_enabled():
        return Inferred(run, writes)
    # Each step once more, from what the run gave to it.
    befores = torch.cat([before[:, None], run.code[:, :-1]], 1)
    evidence = inference.gather(befores, run.recalled, inputs)
    path, code = inference.settle(evidence, inputs)
    place = conjoin(run.code[:, :, inference.sampled], inputs.senses)
    links = _Links(inference, inputs, evidence, run.code, run.recalled)
    linked = _Unrolled.apply(code, path, place, query, tape, links, run)
    return Inferred(Steps(*linked), writes)
