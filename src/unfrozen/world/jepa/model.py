"""A joint-embedding world model: latents of what is seen, and of what follows an action.

Nothing is drawn again pixel by pixel; the model predicts latents from latents.  Three forms share
one interface.  Plain: z = E(o), z' = P(z, a).  Factored: s = E_s(dynamics) and m = E_m(structure),
s' = P(s, a, r) with r read from m by attention at the place that s tells; what regularises s cannot
be satisfied by a background that varies.  Fused: z = E(image, text) by one transformer.
"""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import WorldError
from unfrozen.world.jepa.networks import (
    Encoder,
    FusionEncoder,
    MapEncoder,
    MapReader,
    Shape,
    as_input,
    drawn,
    perceptron,
    predictor,
)
from unfrozen.world.jepa.objectives import Objective, Outlook, ahead, starts
from unfrozen.world.jepa.windows import Windows
from unfrozen.world.model import FunctionDynamics, rollout


@dataclass(frozen=True)
class JepaSettings:
    """How a model is made.

    Attributes:
        shape: of an observation: c, h and w of an image, or the length of a vector.
        actions: a, features of an action.
        width: d, features of a latent.
        structure: c, h and w of what stays, if that is apart; None for a model without a map.
        vocabulary: tokens of text, if text is fused with images; 0 for a model without text.
        predictor: name: "mlp" or "gru".
        norm: name of the last norm of latents: "batch", "layer" or "none".
        channels: of the encoder's convolutions, each of which halves height and width.
        hidden: units of the predictor's two layers, and of an encoder of vectors.
        map_channels: of the convolutions that make tokens of structure.
        token: m, features of a token of a map.
        heads: by which a map is read.
        patch: side of a patch in pixels, of a fused model.
        blocks: of its transformer.
        fusion_heads: of attention in it.
        longest: text in tokens.
    """

    shape: Shape
    actions: int
    width: int = 64
    structure: Shape | None = None
    vocabulary: int = 0
    predictor: str = "mlp"
    norm: str = "batch"
    channels: Shape = (8, 16, 32)
    hidden: int = 256
    map_channels: Shape = (16, 32)
    token: int = 32
    heads: int = 2
    patch: int = 6
    blocks: int = 2
    fusion_heads: int = 4
    longest: int = 16

    def __post_init__(self) -> None:
        sizes = (self.actions, self.width, self.hidden, self.token, *self.shape)
        if min(sizes) < 1 or self.vocabulary < 0 or not self.channels or not self.map_channels:
            raise WorldError("a model has one feature, unit and channel of each kind at least")
        if self.structure is not None and self.vocabulary:
            raise WorldError("a model has its structure apart or its text fused, not both")


class Jepa(nn.Module):
    """A world model that predicts latents.

    Without a map it is `Dynamics` itself, as planners ask for; with one, what `within` gives is.

    Args:
        settings: how it is made.
        generator: draws its parameters; of seed 0 by default.

    Raises:
        WorldError: a setting is unknown or does not fit.

    Source: LeCun 2022, section 4.4; factored form and map as measured in this project.

    Example:
        >>> model = Jepa(JepaSettings(shape=(1, 12, 12), actions=2, width=16)).eval()
        >>> state = model.encode(torch.zeros(3, 1, 12, 12))
        >>> model.step(state, torch.zeros(3, 2)).shape
        torch.Size([3, 16])
    """

    def __init__(self, settings: JepaSettings, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.settings = settings
        parts = drawn(lambda: _Parts(settings), generator)
        self.encoder, self.predictor, self.inverse = parts.encoder, parts.predictor, parts.inverse
        self.map_encoder, self.map_reader = parts.map_encoder, parts.map_reader

    @property
    def dtype(self) -> torch.dtype:
        """Of its parameters."""
        return next(self.parameters()).dtype

    def encode(
        self,
        seen: Shaped[Tensor, "..."] | None,
        text: Int[Tensor, "... l"] | None = None,
    ) -> Float[Tensor, "... d"]:
        """Latents of observations.

        Args:
            seen: observations with any axes before their shape; bytes are divided by 255.  A fused
                model may have None, where nothing is seen.
            text: what is told, of a fused model, with the same axes before the tokens.

        Raises:
            WorldError: observations have another shape, or text is given to a model without it.
        """
        shape = self.settings.shape
        if text is not None and not self.settings.vocabulary:
            raise WorldError("the model knows no text: set a vocabulary")
        if seen is None and text is None:
            raise WorldError("there is nothing to encode: give observations, text, or both")
        before, flat, words = (), None, None
        if text is not None:
            before, words = text.shape[:-1], text.reshape(-1, text.shape[-1])
        if seen is not None:
            before = seen.shape[: seen.ndim - len(shape)]
            if tuple(seen.shape[len(before) :]) != shape:
                raise WorldError(f"observations have the shape {shape}, not {tuple(seen.shape)}")
            if text is not None and text.shape[:-1] != before:
                raise WorldError("images and text have the same axes before their own")
            flat = as_input(seen, self.dtype).reshape(-1, *shape)
        found = self.encoder(flat, words) if self.settings.vocabulary else self.encoder(flat)
        return found.reshape(*before, -1)

    def tokens(self, structure: Shaped[Tensor, "b c h w"]) -> Float[Tensor, "b n m"]:
        """Map codes m = E_m(structure).

        Raises:
            WorldError: the model has no map, or structure has another shape.
        """
        if self.map_encoder is None or self.settings.structure is None:
            raise WorldError("the model has no map: give settings with structure")
        if tuple(structure.shape[1:]) != self.settings.structure:
            raise WorldError(
                f"structure has the shape {self.settings.structure}, not "
                f"{tuple(structure.shape[1:])}"
            )
        return self.map_encoder(as_input(structure, self.dtype))

    def within(self, structure: Shaped[Tensor, "b c h w"]) -> "Within":
        """The dynamics of some maps, for planners.

        Args:
            structure: of b maps.  Steps then take states of these maps, as many of each, those of
                one map side by side: state i is on map i // (number of states / b).

        Raises:
            WorldError: the model has no map, or structure has another shape.
        """
        return self._within(self.tokens(structure))

    def step(
        self, state: Float[Tensor, "b d"], action: Float[Tensor, "b a"]
    ) -> Float[Tensor, "b d"]:
        """Latents one step on.

        Raises:
            WorldError: the model reads a map: `within` says of which.
        """
        if self.map_reader is not None:
            raise WorldError("the model reads a map: take the dynamics of within(structure)")
        return self.predictor(state, action)

    def outlook(
        self,
        windows: Windows,
        horizon: int,
        stride: int,
        objective: Objective,
        average: "Jepa | None" = None,
    ) -> Outlook:
        """All that objectives look at: latents of windows, and what was predicted of them.

        Args:
            windows: b of t observations.
            horizon: K, steps that are predicted in a row.
            stride: steps between starts of predictions.
            objective: says what predictions aim at.
            average: the model whose encoder makes targets, if the objective wants one.

        Raises:
            WorldError: windows do not fit the model or the horizon, or an average is missing.
        """
        actions = windows.between.to(self.dtype)
        latents = self._latents(windows)
        first = starts(latents.shape[1], horizon, stride)
        goals = latents
        if objective.target == "stopped":
            goals = latents.detach()
        elif objective.target == "average":
            if average is None:
                raise WorldError("targets of an average encoder need one: give a copy of the model")
            with torch.no_grad():
                goals = average._latents(windows)
        tokens = looked = active = None
        step = self.step
        if self.settings.structure is not None:
            if windows.structure is None:
                raise WorldError("the model reads a map: give windows with structure")
            tokens = self.tokens(windows.structure)
            within = self._within(tokens)
            step = within.step
            # Head after head along the axis of time.
            looked = within.attention(latents.flatten(0, 1)).flatten(1, 2)
            active = self._active(windows)
        origin = latents[:, first.start : first.stop : first.step].flatten(0, 1)
        pieces = ahead(actions, horizon, stride, skip=0).flatten(0, 1)
        predicted = rollout(FunctionDynamics(step), origin, pieces).unflatten(0, (len(latents), -1))
        pairs = torch.cat([latents[:, :-1], latents[:, 1:]], -1)
        return Outlook(
            latents,
            predicted,
            ahead(goals, horizon, stride, skip=1),
            actions,
            self.inverse(pairs),
            None if tokens is None else tokens.transpose(0, 1),
            looked,
            active,
        )

    def _active(self, windows: Windows) -> Float[Tensor, "b t n"] | None:
        """Shares of what is seen at the places of the map, if both are images of one size."""
        shape, structure = self.settings.shape, self.settings.structure
        if structure is None or shape[1:] != structure[1:]:
            return None
        seen = as_input(windows.observations, self.dtype)
        b, t = seen.shape[:2]
        found = seen.abs().sum(2).view(b * t, 1, *shape[1:])
        # As the convolutions that make tokens: the middles of places are the same.
        for _ in self.settings.map_channels:
            found = F.avg_pool2d(found, 3, stride=2, padding=1)
        flat = found.view(b, t, -1)
        shares = flat / flat.sum(-1, keepdim=True).clamp(min=1e-6)
        return shares.repeat(1, self.settings.heads, 1)

    def _latents(self, windows: Windows) -> Float[Tensor, "b t d"]:
        text = windows.text
        if text is not None:
            text = text[:, None].expand(-1, windows.observations.shape[1], -1)
        return self.encode(windows.observations, text)

    def _within(self, tokens: Float[Tensor, "b n m"]) -> "Within":
        reader = cast(MapReader, self.map_reader)
        return Within(self.predictor, reader, reader.values(tokens))


@dataclass(frozen=True)
class Within:
    """What happens next on given maps.

    Attributes:
        predictor: of the model.
        reader: of maps.
        values: what lies at each place of b maps.
    """

    predictor: nn.Module
    reader: MapReader
    values: Float[Tensor, "b h n v"]

    def step(
        self, state: Float[Tensor, "b_s d"], action: Float[Tensor, "b_s a"]
    ) -> Float[Tensor, "b_s d"]:
        """States one step on; states of one map are side by side.

        Raises:
            WorldError: states cannot be shared out among the maps.
        """
        maps = len(self.values)
        if len(state) % maps:
            raise WorldError(f"{len(state)} states cannot be shared out among {maps} maps")
        found = self.reader(state.unflatten(0, (maps, -1)), self.values).found.flatten(0, 1)
        return self.predictor(state, torch.cat([action, found], -1))

    def attention(self, state: Float[Tensor, "b_s d"]) -> Float[Tensor, "b h s n"]:
        """Where on its map each head of a state looks: the believed place, as weights."""
        return self.reader(state.unflatten(0, (len(self.values), -1)), self.values).weights


class _Parts(nn.Module):
    """All networks of a model, as its settings have them."""

    def __init__(self, s: JepaSettings) -> None:
        super().__init__()
        self.encoder: nn.Module
        if s.vocabulary:
            self.encoder = FusionEncoder(
                s.shape, s.width, s.vocabulary, s.longest, s.patch, s.blocks, s.fusion_heads, s.norm
            )
        else:
            self.encoder = Encoder(s.shape, s.width, s.channels, s.hidden, s.norm)
        self.map_encoder: MapEncoder | None = None
        self.map_reader: MapReader | None = None
        inputs = s.actions
        if s.structure is not None:
            self.map_encoder = MapEncoder(s.structure, s.token, s.map_channels)
            self.map_reader = MapReader(s.width, s.token, self.map_encoder.number, s.heads)
            inputs += s.token
        self.predictor = predictor(s.predictor, s.width, inputs, s.hidden, s.norm == "layer")
        self.inverse = perceptron(2 * s.width, s.hidden, s.actions)
