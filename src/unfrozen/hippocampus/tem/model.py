"""The Tolman-Eichenbaum Machine: structure in one code, sensation in another, memory of both.

An abstract code g is moved by actions alone and is the same in all worlds of one structure; a
conjunctive code p = g x binds it to what is seen; a Hebbian memory of p, new in every world, tells
what will be seen from where one will be, and where one is from what is seen.

A window of training runs in two passes.  The first infers codes, step after step, and needs the
inference memory only.  The second retrieves p from g, step after step, since what is retrieved is
part of what is written; the code before it has seen anything asks beside it.  All that no later
step needs, symbols and losses, is made of all steps at once.

Source: Whittington et al. 2020, The Tolman-Eichenbaum Machine, Cell 183.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem.losses import Losses, Outputs, losses
from unfrozen.hippocampus.tem.schedules import STANDARD, Schedules
from unfrozen.hippocampus.tem.settings import PAPER, TemSettings
from unfrozen.hippocampus.tem.window import codes
from unfrozen.hippocampus.tem.window.attractor import (
    Iteration,
    activate,
    block_mask,
    hierarchy,
    iterations,
)
from unfrozen.hippocampus.tem.window.codes import Belief, StreamNetwork, draw, truncated, uniform
from unfrozen.hippocampus.tem.window.inference import Inference, Inputs, Steps, infer
from unfrozen.hippocampus.tem.window.retrieval import Attractor, pairs, recollect
from unfrozen.hippocampus.tem.window.sensory import normalise, smooth, two_hot
from unfrozen.memory.linear import hebbian
from unfrozen.memory.linear.hebbian import BlockMask, Writes


class TemState(NamedTuple):
    """What one window leaves to the next.  It carries no gradient.

    Attributes:
        code: g of the last step.
        senses: smoothed symbols of the last step.
        generative: memory that is asked by codes.
        inference: memory that is asked by what is seen.
    """

    code: Float[Tensor, "b cell"]
    senses: Float[Tensor, "b stream feature"]
    generative: Float[Tensor, "b place place"]
    inference: Float[Tensor, "b place place"]


class Tem(nn.Module):
    """The Tolman-Eichenbaum Machine.

    Args:
        settings: sizes and constants.
        schedules: what changes while it is trained.
        generator: draws the weights, on the CPU; one of seed 0 by default.
        device: as for any module.
        dtype: as for any module.

    Example:
        >>> from unfrozen.hippocampus.tem.settings import SMALL
        >>> model = Tem(SMALL)
        >>> symbols, actions = torch.tensor([[3, 5, 3]]), torch.tensor([[-1, 0, 1]])
        >>> outputs, state = model.window(symbols, actions, model.start(1), at=0)
        >>> outputs.from_path.shape
        torch.Size([1, 3, 45])
    """

    two_hot: Tensor
    one_hot: Tensor
    hears: Tensor
    into: Tensor
    out_of: Tensor
    sampled: Tensor
    stream_of_sampled: Tensor
    stream_of_cell: Tensor

    def __init__(
        self,
        settings: TemSettings = PAPER,
        schedules: Schedules = STANDARD,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.schedules = settings, schedules
        s = settings
        g = torch.Generator().manual_seed(0) if generator is None else generator
        sizes, cells, streams = s.code_sizes, s.n_codes, len(s.code_sizes)
        kind = {"device": device, "dtype": dtype}
        twice = [2 * size for size in sizes]
        rates = torch.tensor(s.all_rates, device="cpu")
        self.rate_logits = draw((streams,), codes.copied(rates.logit()), **kind)
        self.sense_scales = draw((streams,), nn.init.ones_, **kind)
        self.prior_mean = draw((cells,), truncated(0.5, g), **kind)
        self.prior_deviation = draw((cells,), truncated(0.5, g), **kind)
        first = codes.first_transitions(s.actions, s.still, s.transition_hidden, sizes, s.turn, g)
        self.action_in, self.action_out = (draw(w.shape, codes.copied(w), **kind) for w in first)
        self.path_deviation = StreamNetwork(sizes, twice, sizes, g, **kind)
        self.memory_mean = StreamNetwork(s.sampled_sizes, twice, sizes, g, 0.1, **kind)
        self.memory_deviation = StreamNetwork([2] * streams, twice, sizes, g, **kind)
        self.decoder_scale = draw((), nn.init.ones_, **kind)
        self.decoder_bias = draw((s.compressed,), nn.init.zeros_, **kind)
        self.decoder = StreamNetwork([s.compressed], [s.decoder_hidden], [s.symbols], g, **kind)
        if s.objects:
            seen = sizes[0]
            self.object_mean = StreamNetwork([1], [3 * seen], [seen], g, 0.2, **kind)
            self.object_deviation = draw((1, seen), nn.init.zeros_, **kind)
            self.unmoved = draw((cells, cells), uniform(g), **kind)
        self._register()

    def _register(self) -> None:
        """Constants, which follow from the settings and are not saved."""
        s, like = self.settings, self.prior_mean
        sizes, streams = s.code_sizes, len(s.code_sizes)
        with torch.device("cpu"):
            # Object cells move on their own; so do all streams of worlds with objects.
            hears = torch.eye(streams, dtype=torch.bool) if s.objects else hierarchy(streams)
            of_cell = torch.arange(streams).repeat_interleave(torch.tensor(sizes))
            mask = block_mask(s.place_sizes, hierarchy(streams, 1 if s.objects else 0))
            one_hot = torch.eye(s.actions)
            if s.still is not None:
                one_hot[s.still] = 0
            starts = [sum(sizes[:f]) for f in range(streams)]
            firsts = zip(starts, s.sampled_sizes, strict=True)
            sampled = torch.tensor([at + i for at, n in firsts for i in range(n)])
            constants = {
                "two_hot": two_hot(s.symbols, s.compressed).to(like.dtype),
                "one_hot": one_hot.to(like.dtype),
                "hears": hears[of_cell][:, of_cell].to(like.dtype),
                "into": mask.into.to(like.dtype),
                "out_of": mask.out_of.to(like.dtype),
                "sampled": sampled,
                "stream_of_cell": of_cell,
                "stream_of_sampled": of_cell[sampled],
            }
        for name, tensor in constants.items():
            self.register_buffer(name, tensor.to(like.device), persistent=False)

    def start(self, b: int) -> TemState:
        """The state of walks that have not begun.

        Raises:
            MapError: there are none.
        """
        if b < 1:
            raise MapError(f"there is at least one walk, not {b}")
        s, like = self.settings, self.prior_mean
        return TemState(
            like.new_zeros(b, s.n_codes),
            like.new_zeros(b, len(s.code_sizes), s.compressed),
            like.new_zeros(b, s.n_places, s.n_places),
            like.new_zeros(b, s.n_places, s.n_places),
        )

    def window(
        self,
        symbols: Int[Tensor, "b t"],
        actions: Int[Tensor, "b t"],
        state: TemState,
        *,
        at: int,
    ) -> tuple[Outputs, TemState]:
        """Run some steps of each walk; gradients go back to the first of them.

        Args:
            symbols: what is seen.
            actions: what led there; -1 at a walk's start, which is a window's first step, and
                where memory begins anew.
            state: what the window before left, or `start`.
            at: number of the update, from 0, for the schedules.

        Returns:
            What it made of each step, and what it leaves.

        Raises:
            MapError: shapes do not fit, or there is no such symbol or action.
        """
        self._check(symbols, actions, state)
        now, s = self.schedules.at(at), self.settings
        decay, rate = now.decay * s.decay, now.rate * s.rate
        began = actions[:, 0] == -1
        state = _begin(state, began)
        smoothed = smooth(self.two_hot[symbols], state.senses, torch.sigmoid(self.rate_logits))
        scaled = torch.sigmoid(self.sense_scales)[:, None] * normalise(smoothed)
        inputs = Inputs(
            actions.clamp(min=0),
            actions == -1,
            F.one_hot(symbols, s.symbols).to(scaled),
            scaled[:, :, self.stream_of_sampled],
            self._objects(symbols) if s.objects else None,
        )
        every = (Iteration(s.n_places, 1),) * s.iterations
        seeing = Attractor(every, s.kappa, decay, rate)
        inference = self._inference(now.trust)
        inferred, seen = infer(inference, inputs, state.code, state.inference, seeing)

        path = self._generated_path(inferred, state, began)
        mask = BlockMask(self.into, self.out_of)
        steps = iterations(s.place_sizes, s.stops)
        # The moved code asks as well, but what it retrieves is not written.
        queries = self._asked(torch.stack([inferred.code, path], 2)).transpose(0, 1)
        placing = Attractor(steps, s.kappa, decay, rate, mask)
        place = inferred.place.transpose(0, 1)
        found = recollect(queries, place, state.generative, placing).transpose(0, 1)
        place_of_code, place_of_path = found.unbind(2)
        writes = Writes(*pairs(inferred.place.detach(), place_of_code.detach()))
        places = torch.stack([inferred.place, place_of_code, place_of_path])
        from_place, from_code, from_path = self._decode(places).unbind(0)
        outputs = Outputs(
            from_place, from_code, from_path, inferred.code, path,
            inferred.place, place_of_code, place_of_path, inferred.recalled,
        )  # fmt: skip
        after = TemState(
            inferred.code[:, -1].detach(),
            smoothed[:, -1].detach(),
            hebbian.fold(state.generative, writes, decay, rate, s.limit, mask),
            hebbian.fold(state.inference, seen, decay, rate, s.limit),
        )
        return outputs, after

    def losses(
        self,
        outputs: Outputs,
        symbols: Int[Tensor, "b t"],
        known: Bool[Tensor, "b t"],
        *,
        at: int,
    ) -> Losses:
        """All terms of the loss of a window; see `unfrozen.hippocampus.tem.losses`.

        Args:
            outputs: of the window.
            symbols: what was seen.
            known: whether the place was visited before in this walk: others cannot be foreseen.
            at: number of the update.
        """
        return losses(outputs, symbols, known, self.schedules.at(at), self.settings)

    def _inference(self, trust: float) -> Inference:
        """The equations of inference, with weights that are made once for all steps."""
        s = self.settings
        matrices = codes.transitions(self.one_hot, self.action_in, self.action_out, self.hears)
        prior = torch.exp(self.prior_deviation + s.deviation_offset)
        decoder = self.decoder.layers()
        return Inference(
            table=codes.side_by_side(matrices),
            prior=Belief(self.prior_mean, prior),
            spread=self.path_deviation.layers(),
            told=self.memory_mean.layers(),
            sure=self.memory_deviation.layers(),
            decode=lambda place: decoder(self._compressed(place)),
            bounds=(s.deviation_scale, s.deviation_offset),
            distrust=(1 - trust) * s.distrust,
            streams=F.one_hot(self.stream_of_cell, len(s.code_sizes)).to(self.prior_mean),
            sampled=self.sampled,
            features=s.compressed,
            objects=s.code_sizes[0] if s.objects else 0,
        )

    def _objects(self, symbols: Tensor) -> Belief:
        """What object-vector cells make of an object here, or of none."""
        flag = (symbols < self.settings.objects).to(self.prior_mean)[..., None]
        mean = codes.squash(self.object_mean(flag).abs(), self.settings.code_sizes[0])
        return Belief(mean, self._deviation(flag @ self.object_deviation))

    def _generated_path(self, inferred: Steps, state: TemState, began: Tensor) -> Tensor:
        """The moved code; among objects, moved without being told the action."""
        s = self.settings
        if not s.objects:
            return inferred.path
        before = torch.cat([state.code[:, None], inferred.code[:, :-1]], 1)
        moved = before + before @ (self.unmoved * self.hears).T
        path = codes.squash(moved, s.code_sizes[0])
        first = torch.where(began[:, None], self.prior_mean, path[:, 0])
        return torch.cat([first[:, None], path[:, 1:]], 1)

    def _asked(self, code: Tensor) -> Tensor:
        """The state that a code asks memory with: each sampled cell at all features."""
        return activate(code[..., self.sampled].repeat_interleave(self.settings.compressed, -1))

    def _decode(self, place: Tensor) -> Tensor:
        """Logits of symbols."""
        return self.decoder(self._compressed(place))

    def _compressed(self, place: Tensor) -> Tensor:
        """A compressed symbol, from the sum of the fastest stream's cells by feature."""
        s = self.settings
        stream = 1 if s.objects else 0
        at = sum(s.place_sizes[:stream])
        own = place[..., at : at + s.place_sizes[stream]]
        compressed = own.unflatten(-1, (-1, s.compressed)).sum(-2)
        return self.decoder_scale * compressed + self.decoder_bias

    def _deviation(self, raw: Tensor) -> Tensor:
        s = self.settings
        return codes.deviation(raw, s.deviation_scale, s.deviation_offset)

    def _check(self, symbols: Tensor, actions: Tensor, state: TemState) -> None:
        s = self.settings
        if symbols.ndim != 2 or symbols.shape != actions.shape or symbols.numel() == 0:
            raise MapError(
                f"a window is symbols and actions of [b, t], not {list(symbols.shape)} and "
                f"{list(actions.shape)}"
            )
        b = len(symbols)
        expected = [
            (b, s.n_codes), (b, len(s.code_sizes), s.compressed), *[(b, s.n_places, s.n_places)] * 2
        ]  # fmt: skip
        if [tuple(each.shape) for each in state] != expected:
            raise MapError(f"the state is not one of {b} walks of this model: begin with start()")
        if symbols.is_meta:
            return
        if int(symbols.min()) < 0 or int(symbols.max()) >= s.symbols:
            raise MapError(f"symbols run from 0 to {s.symbols - 1}")
        if int(actions.min()) < -1 or int(actions.max()) >= s.actions:
            raise MapError(f"actions run from 0 to {s.actions - 1}, with -1 at a walk's start")
        if bool((actions[:, 1:] == -1).any()):
            raise MapError("a walk starts at the first step of a window, not within it")


def _begin(state: TemState, began: Bool[Tensor, " b"]) -> TemState:
    """The state with that of walks that begin emptied."""
    if not began.is_meta and not bool(began.any()):
        return state
    return TemState(
        *(each.masked_fill(began.view(-1, *[1] * (each.ndim - 1)), 0.0) for each in state)
    )
