"""How far from the weights the loss is to be asked: where rounding no longer drowns the slope.

Near the weights a loss that is rounded hardly changes; far from them it bends.  Slopes along some
noise are compared with those of a loss in full precision, and the distance with the largest ratio
of signal to error is taken.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.moves import Along, Moved, move
from unfrozen.learning.zeroth_order.noise import Draw, Noise

DISTANCES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""That are compared by default."""

# A step that no run makes.
_APART = -2


class Distance(NamedTuple):
    """What is found at one distance.

    Attributes:
        eps: it.
        signal: root mean square of slopes in full precision.
        error: root mean square of what slopes at this distance differ from them by.
    """

    eps: float
    signal: float
    error: float

    @property
    def ratio(self) -> float:
        """Signal to error."""
        if not math.isfinite(self.error):
            return 0.0
        return self.signal / self.error if self.error else math.inf


@torch.no_grad()
def distances(
    parameters: Mapping[str, Tensor],
    loss: Callable[[], Tensor | float],
    exact: Callable[[], Tensor | float],
    eps: Sequence[float] = DISTANCES,
    *,
    noise: Noise = "gaussian",
    samples: int = 8,
    seed: int = 0,
    reference: float = 1e-3,
    progress: Callable[[int, int], None] | None = None,
) -> list[Distance]:
    """Compare distances, the best one first.

    Parameters are left as they were, but for rounding.

    Args:
        parameters: that are to be moved, by name.
        loss: as it will be asked.
        exact: the same in full precision.
        eps: the distances.
        noise: kind of it.
        samples: directions that slopes are compared along.
        seed: of the directions.
        reference: distance at which the exact loss is asked.
        progress: called with how many losses were asked, of how many.

    Raises:
        LearningError: there are no distances or no samples, or a distance is not positive.
    """
    every = [reference, *eps]
    if not eps or samples < 1 or not all(0 < one < math.inf for one in every):
        raise LearningError("give distances that are positive, and at least one sample")
    asked, total = 0, 2 * samples * len(every)

    def slope(draw: Draw, at: float, ask: Callable[[], Tensor | float]) -> float:
        nonlocal asked

        def go(by: float) -> None:
            move([Moved(name, p, [Along(draw, by)]) for name, p in parameters.items()], noise)

        found = []
        for side in (1, -1):
            go(at if side == 1 else -2 * at)
            try:
                found.append(float(ask()))
            except BaseException:
                go(-side * at)
                raise
            asked += 1
            if progress is not None:
                progress(asked, total)
        go(at)
        return (found[0] - found[1]) / (2 * at)

    draws = [Draw(seed, _APART, sample) for sample in range(samples)]
    true = [slope(draw, reference, exact) for draw in draws]
    signal = _rms(true)
    tried = []
    for one in eps:
        errors = [slope(d, one, loss) - t for d, t in zip(draws, true, strict=True)]
        tried.append(Distance(one, signal, _rms(errors)))
    return sorted(tried, key=lambda distance: -distance.ratio)


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))
