"""The TEM-transformer: attention whose keys are places and whose values are sensations.

At every step a walk asks with its position code, in one step of a modern Hopfield network, what was
seen where it is now.  Structure is in the position code, which all worlds share; sensation is in
the memory, which starts empty in each.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem_t.correction import Correction, corrected
from unfrozen.hippocampus.tem_t.landmarks import Landmarks, inferred
from unfrozen.hippocampus.tem_t.positions import (
    Activation,
    FreePositions,
    Positions,
    RotaryPositions,
)
from unfrozen.memory.hopfield.modern import recall

Kind = Literal["free", "rotary"]
Readout = Literal["pointer", "embedding"]

_LEAST = 1e-9
# A cosine between two codes that are one place, but for rounding.
_STAYS = 0.9999
# Walks and steps by which neighbours are compared.
_SAMPLE = (8, 100)


@dataclass(frozen=True)
class TemTSettings:
    """How a TEM-transformer is made.

    Attributes:
        n_actions: that its worlds share.
        n_symbols: 45 in Whittington et al. 2020.
        width: of position codes.
        beta: inverse temperature of the memory at the start; it is learnt.
        positions: "free" matrices, or "rotary" planes where the order of actions does not matter.
        activation: of free matrices: "linear", "relu" or "tanh".
        norm: of free matrices: keep codes at one size within the recurrence.
        readout: "pointer" mixes the symbols that were seen; "embedding" mixes embeddings of them
            and reads the mixture with a network, as published.
        activity_cost: weight of the mean square of codes in the loss, of those that are not
            normalised; of normalised ones, of the mean size.
        log_n: scale β with the logarithm of the number of memories, so that it stays as sharp.
        correction: how landmarks correct the code; None for path integration alone.
        landmarks: whether to learn how they do.  It costs several times the time.
    """

    n_actions: int
    n_symbols: int = 45
    width: int = 128
    beta: float = 5.0
    positions: Kind = "free"
    activation: Activation = "linear"
    norm: bool = True
    readout: Readout = "pointer"
    activity_cost: float = 0.0
    log_n: bool = False
    correction: Correction | None = None
    landmarks: bool = False


class Foreseen(NamedTuple):
    """What a model foresees along walks.

    Attributes:
        logits: log-probabilities of the symbol at each step, before it is seen.
        codes: of positions.
        weights: of the memories that each step asked.
    """

    logits: Float[Tensor, "b t symbol"]
    codes: Float[Tensor, "b t d"]
    weights: Float[Tensor, "b t t"]


class TemT(nn.Module):
    """A TEM-transformer.

    Args:
        settings: how it is made.
        generator: draws its parameters.

    Raises:
        MapError: a setting is unknown or does not fit.

    Source: Whittington et al. 2022, section 4.

    Example:
        >>> model = TemT(TemTSettings(n_actions=4, width=16))
        >>> seen = torch.tensor([[3, 7, 3]])
        >>> model(seen, torch.tensor([[-1, 0, 2]])).logits.shape
        torch.Size([1, 3, 45])
    """

    def __init__(self, settings: TemTSettings, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if settings.n_symbols < 2:
            raise MapError(f"a model foresees one of several symbols, not of {settings.n_symbols}")
        if not 0 < settings.beta < math.inf:
            raise MapError(f"beta is positive and finite, not {settings.beta}")
        self.settings = settings
        self.positions: Positions = _positions(settings, generator)
        d = settings.width
        self.log_beta = nn.Parameter(torch.tensor(math.log(settings.beta)))
        self.landmarks = Landmarks(d, generator) if settings.landmarks else None
        free = settings.positions == "free"
        self.asks = nn.Parameter(torch.eye(d)) if free else None
        # Planes whose angles do not come round say nothing: they are to count for nothing.
        self.planes = None if free else nn.Parameter(torch.zeros(d // 2))
        if settings.readout == "embedding":
            self.embeddings = nn.Parameter(torch.randn(settings.n_symbols, d, generator=generator))
            self.reader = nn.Sequential(
                _linear(d, 2 * d, generator),
                nn.ELU(),
                _linear(2 * d, settings.n_symbols, generator),
            )
        elif settings.readout != "pointer":
            raise MapError(f"a readout is pointer or embedding, not {settings.readout!r}")

    def forward(
        self,
        symbols: Int[Tensor, "b t"],
        actions: Int[Tensor, "b t"],
        correction: Correction | None = None,
    ) -> Foreseen:
        """Foresee each symbol of walks, from the actions so far and the symbols before.

        Args:
            symbols: what was seen.
            actions: what led there; -1 at the first step.
            correction: by landmarks; as the settings say by default.

        Raises:
            MapError: shapes do not fit, or a symbol or action is none of the model's.
        """
        self._check(symbols, actions)
        correction = correction or self.settings.correction
        if correction is not None:
            asked, codes = corrected(self, symbols, actions, correction)
        elif self.landmarks is not None:
            asked, codes = inferred(self.positions, self.landmarks, symbols, actions)
        else:
            codes = asked = self.positions.along(actions)
        t = symbols.shape[1]
        before = torch.ones(t, t, dtype=torch.bool, device=symbols.device).tril(-1)
        return self.foresee(asked, codes, symbols, before.expand(len(symbols), t, t))

    def foresee(
        self,
        asked: Float[Tensor, "b q d"],
        codes: Float[Tensor, "b n d"],
        symbols: Int[Tensor, "b n"],
        allowed: Bool[Tensor, "b q n"],
    ) -> Foreseen:
        """What was seen where codes are like those asked.

        Args:
            asked: codes of where it is asked.
            codes: of where symbols were seen.
            symbols: what was seen there.
            allowed: the memories that may be asked.
        """
        settings = self.settings
        hot = F.one_hot(symbols, settings.n_symbols).to(codes)
        values = hot if settings.readout == "pointer" else hot @ self.embeddings
        beta = self.log_beta.exp()
        if settings.log_n:
            beta = beta * (allowed.sum(-1, keepdim=True) + math.e).log()
        found = recall(self.key(asked), self.key(codes), values, beta, allowed)
        if settings.readout == "embedding":
            logits = self.reader(found.values).log_softmax(-1)
        else:
            none = ~allowed.any(-1, keepdim=True)
            mixed = torch.where(none, 1 / settings.n_symbols, found.values)
            logits = (mixed + _LEAST).log()
        return Foreseen(logits, asked, found.weights)

    def key(self, codes: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Keys and queries, of length one.

        Of free codes, with mean zero and deviation one, times W_e; of turning planes, each by its
        own weight.
        """
        if self.asks is not None:
            mean = codes.mean(-1, keepdim=True)
            codes = (codes - mean) @ self.asks
        if self.planes is not None:
            codes = codes * self.planes.exp().repeat(2)
        return F.normalize(codes, dim=-1)

    @torch.no_grad()
    def spacing(self) -> float:
        """How like a place's key is to those of its neighbours: the cosine that few exceed."""
        if self.log_beta.is_meta:
            return 0.0
        generator = torch.Generator().manual_seed(0)
        n = self.settings.n_actions
        actions = torch.randint(n, _SAMPLE, generator=generator).to(self.log_beta.device)
        codes = self.positions.along(actions).flatten(0, 1)
        every = torch.arange(n, device=codes.device).repeat_interleave(len(codes))
        moved = self.positions.step(codes.repeat(n, 1), every)
        cosines = (self.key(codes).repeat(n, 1) * self.key(moved)).sum(1)
        # An action that stays leads to no neighbour.
        apart = cosines[cosines < _STAYS]
        return float(apart.quantile(0.95)) if len(apart) else 0.0

    def loss(
        self, foreseen: Foreseen, symbols: Int[Tensor, "b t"], known: Bool[Tensor, "b t"]
    ) -> Float[Tensor, ""]:
        """Mean surprise at known places in nats, and what activity costs.

        Args:
            foreseen: along walks.
            symbols: what was seen.
            known: steps to places seen before: no model can foresee the others.
        """
        surprise = F.nll_loss(foreseen.logits.flatten(0, 1), symbols.flatten(), reduction="none")
        told = known.flatten()
        mean = (surprise * told).sum() / told.sum().clamp(min=1)
        if not self.settings.activity_cost:
            return mean
        codes = foreseen.codes
        activity = codes.abs().mean() if self.settings.norm else codes.square().mean()
        return mean + self.settings.activity_cost * activity

    def _check(self, symbols: Tensor, actions: Tensor) -> None:
        if symbols.shape != actions.shape or symbols.ndim != 2:
            raise MapError(
                f"symbols and actions are [b, t] alike, not {list(symbols.shape)} and "
                f"{list(actions.shape)}"
            )
        if symbols.is_meta or not symbols.numel():
            return
        if int(symbols.min()) < 0 or int(symbols.max()) >= self.settings.n_symbols:
            raise MapError(f"symbols are numbers below {self.settings.n_symbols}")
        if int(actions.min()) < -1 or int(actions.max()) >= self.settings.n_actions:
            raise MapError(f"actions are numbers below {self.settings.n_actions}, or -1")


def _positions(settings: TemTSettings, generator: torch.Generator | None) -> Positions:
    if settings.positions == "rotary":
        return RotaryPositions(settings.n_actions, settings.width, generator)
    if settings.positions != "free":
        raise MapError(f"positions are free or rotary, not {settings.positions!r}")
    return FreePositions(
        settings.n_actions, settings.width, settings.activation, settings.norm, generator
    )


def _linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    # Without memory of its own: a layer that has some draws from the global generator.
    layer = nn.Linear(inputs, outputs, device="meta")
    layer.weight = nn.Parameter(torch.empty(outputs, inputs))
    layer.bias = nn.Parameter(torch.empty(outputs))
    bound = 1 / math.sqrt(inputs)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator)
    return layer
