"""Steps that are safe: projected gradients from losses, cut, scaled, and nothing where none are.

A loss that is not finite says nothing, so its sample moves nothing.  A projected gradient far
beyond what came before is a bend that the distance to the weights saw, no slope.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch

from unfrozen.errors import LearningError

Scale = Literal["none", "rms", "deviation"]

# Steps whose mean square is known well enough to cut by, and by which older ones are forgotten.
_ENOUGH, _DECAY = 10, 0.99


class Slope(NamedTuple):
    """What a step goes by.

    Attributes:
        gradients: projected, of every sample, rounded to float32 as they are recorded.
        factor: that step sizes are multiplied by.
        skipped: samples whose losses were not finite.
    """

    gradients: list[float]
    factor: float
    skipped: int


@dataclass
class Safety:
    """How losses become steps.

    Attributes:
        scale: of steps; see `MeZO`.
        clip: how many times the running root mean square is too much; None for nothing.
        samples: a step.
        sides: of each.
        square: running mean of squared gradients, and the weight of what it has seen.
    """

    scale: Scale
    clip: float | None
    samples: int
    sides: int
    square: tuple[float, float] = field(default=(0.0, 0.0))
    steps: int = 0

    def __post_init__(self) -> None:
        if self.scale not in ("none", "rms", "deviation"):
            raise LearningError(f"scale is none, rms or deviation, not {self.scale!r}")
        if self.scale == "deviation" and (self.samples < 2 or self.sides != 1):
            raise LearningError("the deviation of losses takes several samples of one side")
        if self.clip is not None and not self.clip > 0:
            raise LearningError(f"clip is positive or None, not {self.clip}")

    def slope(self, losses: Sequence[tuple[float, float]], eps: float) -> Slope:
        """Projected gradients, and what steps are multiplied by.

        Args:
            losses: ahead of the weights and behind them, or at them, of each sample.
            eps: how far ahead.
        """
        distance = 2 * eps if self.sides == 2 else eps
        raw = [_single((ahead - behind) / distance) for ahead, behind in losses]
        finite = [g for g in raw if math.isfinite(g)]
        skipped = len(raw) - len(finite)
        if not finite:
            # Nothing is known: momentum does not go on blindly either.
            return Slope([0.0] * len(raw), 0.0, skipped)
        rms = self.rms
        most = math.inf
        if self.clip is not None and self.steps >= _ENOUGH and rms > 0:
            most = self.clip * rms
        cut = [_single(max(-most, min(g, most))) if math.isfinite(g) else 0.0 for g in raw]
        # What is cut counts as it was cut, lest one bend hide the next.
        mean = statistics.fmean(c * c for c, g in zip(cut, raw, strict=True) if math.isfinite(g))
        return Slope(cut, self._factor(losses, mean), skipped)

    @property
    def rms(self) -> float:
        """Running root mean square of projected gradients."""
        total, weight = self.square
        return math.sqrt(total / weight) if weight else 0.0

    def state(self) -> dict[str, Any]:
        """What it has seen."""
        return {"square": self.square, "steps": self.steps}

    def take(self, state: dict[str, Any]) -> None:
        """As `state` gave it."""
        self.square, self.steps = tuple(state["square"]), state["steps"]

    def _factor(self, losses: Sequence[tuple[float, float]], mean: float) -> float:
        total, weight = self.square
        self.square = (_DECAY * total + mean, _DECAY * weight + 1)
        self.steps += 1
        if self.scale == "rms":
            return 1 / self.rms if self.rms > 0 else 0.0
        if self.scale == "deviation":
            ahead = [one for one, _ in losses if math.isfinite(one)]
            spread = statistics.stdev(ahead) if len(ahead) > 1 else 0.0
            return 1 / spread if spread > 0 else 0.0
        return 1.0


def _single(x: float) -> float:
    return float(torch.tensor(x, dtype=torch.float32))
