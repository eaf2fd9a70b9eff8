"""Whether a model sees, foresees, and can be planned with: what success alone does not tell.

A prototype that reached its goal 98 times of 100 pushed through every solid wall in its rollouts,
and an encoder whose features all varied told nothing but the background.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.jepa.model import Jepa
from unfrozen.world.jepa.objectives import named, starts
from unfrozen.world.jepa.windows import Windows
from unfrozen.world.model import Dynamics, rollout

Verdict = Literal["sound", "collapsed", "blind", "unforeseeing"]

# Standard deviation below which latents are one point, for all that a predictor cares.
_FLAT = 0.1
# Directions that latents use at least, in effect: a line has 1, a plane 2 if it is as long as wide.
_NARROW = 1.5
# Share of the variance of positions that a sound latent tells, and a sound prediction of one.
_SEES = 0.9


def effective_rank(samples: Float[Tensor, "n d"]) -> float:
    """How many directions samples spread over, in effect: from 1 to the smaller of n and d.

    exp(-Σ p ln p) with p the singular values of the centred samples, divided by their sum.

    Raises:
        WorldError: there are fewer than two samples, or they are not finite.

    Source: Roy and Vetterli 2007, definition 1.

    Example:
        >>> round(effective_rank(torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])), 3)
        2.0
    """
    if len(samples) < 2 or not bool(samples.isfinite().all()):
        raise WorldError("a rank is of two finite samples or more")
    values = torch.linalg.svdvals((samples - samples.mean(0)).double())
    if float(values.sum()) == 0:
        return 1.0
    p = values / values.sum()
    return float(torch.special.entr(p).sum().exp())


@dataclass(frozen=True)
class Probe:
    """A linear map that reads positions from latents.

    Attributes:
        weight: of features.
        bias: of positions.
    """

    weight: Float[Tensor, "d p"]
    bias: Float[Tensor, " p"]

    def __call__(self, latents: Float[Tensor, "... d"]) -> Float[Tensor, "... p"]:
        """Positions."""
        return latents @ self.weight + self.bias


def ridge_probe(
    latents: Float[Tensor, "n d"], positions: Float[Tensor, "n p"], penalty: float = 1e-3
) -> Probe:
    """Ridge regression of positions on latents.

    Args:
        latents: of n observations.
        positions: where the agent truly was.
        penalty: of squared weights, in shares of the samples and of the mean variance of features.

    Raises:
        WorldError: there are not as many positions as latents, or fewer than two.

    Source: Hoerl and Kennard 1970.
    """
    if len(latents) != len(positions) or len(latents) < 2:
        raise WorldError(
            f"a probe takes two latents or more and as many positions, not {len(latents)} and "
            f"{len(positions)}"
        )
    # In double precision, since features of trained models are nearly dependent.
    x, y = latents.double(), positions.double()
    mean, centre = x.mean(0), y.mean(0)
    x = x - mean
    gram = x.T @ x
    # Latents that do not vary at all have no scale, and tell nothing at any.
    scale = float(gram.diagonal().mean()) or 1.0
    gram.diagonal().add_(penalty * scale)
    weight = torch.linalg.solve(gram, x.T @ (y - centre))
    return Probe(weight.to(latents), (centre - mean @ weight).to(latents))


def r_squared(found: Float[Tensor, "... p"], truth: Float[Tensor, "... p"]) -> float:
    """Share of the variance of positions that is told: 1 - Σ (found - truth)² / Σ (truth - mean)².

    All coordinates together; below 0 where the mean would have done better.
    """
    flat, true = found.flatten(0, -2), truth.flatten(0, -2)
    rest = (true - flat).square().sum()
    return float(1 - rest / (true - true.mean(0)).square().sum())


def ranks(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, which, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0)
    return (last - (counts - 1) / 2)[which].to(values)


def spearman(one: Float[Tensor, " n"], other: Float[Tensor, " n"]) -> float:
    """Correlation of ranks, from -1 to 1; nan where one of the two does not vary.

    Raises:
        WorldError: there are not as many of one as of the other, or fewer than two.

    Source: Spearman 1904, with mean ranks of ties.
    """
    if len(one) != len(other) or len(one) < 2:
        raise WorldError(f"{len(one)} values cannot be ranked against {len(other)}")
    a, b = ranks(one.double()), ranks(other.double())
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (a.norm() * b.norm()))


@dataclass(frozen=True)
class Push:
    """Pushing ahead at full speed, from a place before something.

    Attributes:
        starts: latents of n places that face it.
        actions: k steps towards it, at full speed.
        beyond: of decoded positions, whether each is on its other side.
    """

    starts: Float[Tensor, "n d"]
    actions: Float[Tensor, "n k a"]
    beyond: Callable[[Float[Tensor, "n p"]], Bool[Tensor, " n"]]


class Tunnelling(NamedTuple):
    """What pushes came to, in a model's rollouts.

    Attributes:
        wall: share of those into a solid wall that ended behind it; truly 0.
        door: share of those through an open door that ended behind it; truly 1.
    """

    wall: float
    door: float


@torch.no_grad()
def crossing(dynamics: Dynamics, push: Push, decode: Callable[[Tensor], Tensor]) -> float:
    """Share of pushes whose decoded position at the end is beyond.

    Args:
        dynamics: the model, on the map that the pushes are on.
        push: where, how and beyond what.
        decode: positions [n, p] of latents, such as a `Probe`.

    Raises:
        WorldError: there is no push, or starts are beyond already, by the same decoder.
    """
    if not len(push.starts) or not push.actions.shape[1]:
        raise WorldError("crossing takes a push and a step at least")
    before = push.beyond(decode(push.starts))
    if bool(before.all()):
        raise WorldError("all pushes start beyond what they are to cross: turn them round")
    ends = decode(rollout(dynamics, push.starts, push.actions)[:, -1])
    # Those that are decoded on the wrong side from the start say nothing.
    return float(push.beyond(ends)[~before].double().mean())


def tunnelling(
    dynamics: Dynamics, decode: Callable[[Tensor], Tensor], wall: Push, door: Push,
    through: Dynamics | None = None,
) -> Tunnelling:  # fmt: skip
    """Whether a model stops at walls and passes doors.

    Args:
        dynamics: the model, on the map that the pushes are on.
        decode: positions [n, p] of latents.
        wall: pushes into a solid wall.
        door: pushes through an open door.
        through: the model on the maps of the second, if they are others.

    Raises:
        WorldError: there are no pushes, or they start beyond.
    """
    return Tunnelling(crossing(dynamics, wall, decode), crossing(through or dynamics, door, decode))


@dataclass(frozen=True)
class Diagnosis:
    """How sound a model is, on windows held out.

    Attributes:
        deviation: mean standard deviation of latents' features.
        rank: directions that latents spread over, in effect.
        sees: R² of positions, read from latents of windows that the probe did not see.
        error: root of their mean squared error, in units of positions.
        foresees: R² of positions, read from predictions a whole horizon ahead.
        order: Spearman correlation of distances of latents with true ones; nan in a collapse.
        probe: that read positions.
    """

    deviation: float
    rank: float
    sees: float
    error: float
    foresees: float
    order: float
    probe: Probe

    @property
    def verdict(self) -> Verdict:
        """What is wrong, the worst first.

        "collapsed": latents are one point, or on a line; "blind": they vary and do not tell where
        the agent is, such as those of a background; "unforeseeing": they do, and predictions do
        not; else "sound", which still says nothing of walls: see `tunnelling`.
        """
        if not (self.deviation >= _FLAT and self.rank >= _NARROW):
            return "collapsed"
        if not self.sees >= _SEES:
            return "blind"
        return "sound" if self.foresees >= _SEES else "unforeseeing"


Distance = Callable[[Float[Tensor, "n p"], Float[Tensor, "n p"]], Float[Tensor, " n"]]


def _straight(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).norm(dim=-1)


@torch.no_grad()
def diagnose(
    model: Jepa,
    windows: Windows,
    positions: Float[Tensor, "b t p"],
    generator: torch.Generator,
    *,
    horizon: int = 8,
    distance: Distance = _straight,
    pairs: int = 2000,
) -> Diagnosis:
    """Look at a model, on windows that it was not trained on.

    The probe is fitted on every second window and judged on the others.  The model is left in its
    mode of evaluation.

    Args:
        model: to be looked at.
        windows: b of t observations.
        positions: where the agent truly was at each.
        generator: draws pairs of observations whose distances are compared.
        horizon: steps that are predicted in a row.
        distance: true ones of positions: of the shortest way, where there are walls; straight by
            default.
        pairs: how many.

    Raises:
        WorldError: windows are too short or fewer than four, or positions do not fit them.
    """
    b, t = windows.observations.shape[:2]
    if tuple(positions.shape[:2]) != (b, t) or b < 4:
        raise WorldError(
            f"a diagnosis takes four windows or more and positions [{b}, {t}, p] of them, not "
            f"{list(positions.shape)}"
        )
    model.eval()
    seen = model.outlook(windows, horizon, 1, named("sigreg"))
    first = starts(t, horizon, 1)
    probe = ridge_probe(seen.latents[::2].flatten(0, 1), positions[::2].flatten(0, 1))
    found, truth = probe(seen.latents[1::2]), positions[1::2]
    ahead = probe(seen.predicted[1::2, :, -1])
    flat, places = seen.latents.flatten(0, 1), positions.flatten(0, 1)
    drawn = torch.randint(len(flat), (2, pairs), generator=generator, device=generator.device)
    i, j = drawn.to(flat.device)
    return Diagnosis(
        deviation=float(flat.std(0).mean()),
        rank=effective_rank(flat),
        sees=r_squared(found, truth),
        error=float((found - truth).square().sum(-1).mean().sqrt()),
        foresees=r_squared(ahead, truth[:, [s + horizon for s in first]]),
        order=spearman((flat[i] - flat[j]).norm(dim=1), distance(places[i], places[j])),
        probe=probe,
    )
