"""What changes while a TEM is trained, each a function of the update's number, from 0.

Memory is learnt slowly at first, is trusted once it is worth it, and the codes are tied to one
another bit by bit.

Source: Whittington et al. 2020, STAR Methods; figures are those of the authors' code.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from unfrozen.errors import MapError


def ramp(update: int, over: float) -> float:
    """From 1 / over up to 1, which it reaches after that many updates, and stays."""
    return min((update + 1) / over, 1.0)


def trust(update: int, half: float, width: float) -> float:
    """Sigmoid of the update: 1/2 at `half`, and 1 soon after."""
    at = (update - half) / width
    # Either form overflows on one side.
    return 1 / (1 + math.exp(-at)) if at > 0 else math.exp(at) / (1 + math.exp(at))


def halving(update: int, highest: float, lowest: float, over: float) -> float:
    """From the highest down to the lowest, half of what is between in every so many updates."""
    return lowest + (highest - lowest) * 0.5 ** (update / over)


class Strengths(NamedTuple):
    """How strong everything is at one update.

    Attributes:
        decay: times the settings' decay.
        rate: times the settings' rate.
        trust: of what memory says of the code, from 0 to 1.
        ties: of losses between codes.
        code_penalty: times the settings' penalty.
        place_penalty: times the settings' penalty.
        object_penalty: times the settings' penalty.
        learning_rate: of Adam.
    """

    decay: float
    rate: float
    trust: float
    ties: float
    code_penalty: float
    place_penalty: float
    object_penalty: float
    learning_rate: float


@dataclass(frozen=True)
class Schedules:
    """Lengths in updates.

    Attributes:
        decay: until memory keeps as much as it shall.
        rate: until it takes in as much as it shall.
        trust_half: until it is trusted by half.
        trust_width: how fast that goes.
        ties: until codes are tied in full.
        code_penalty: until the penalty of codes is gone: never.
        place_penalty: until the penalty of conjunctive codes is gone.
        object_penalty: until that of object-vector cells is gone.
        highest: learning rate at first.
        lowest: at last.
        halving: until half of the difference is gone.
        compress: all of these lengths are divided by it, for short trainings of small models.
    """

    decay: float = 200.0
    rate: float = 16_000.0
    trust_half: float = 400.0  # The first version's; the second has 0.
    trust_width: float = 200.0
    ties: float = 2_000.0
    code_penalty: float = 40_000_000.0
    place_penalty: float = 4_000.0
    object_penalty: float = 4_000.0
    highest: float = 9.4e-4
    lowest: float = 8e-5
    halving: float = 4_000.0
    compress: float = 1.0

    def __post_init__(self) -> None:
        lengths = (
            self.decay, self.rate, self.trust_width, self.ties, self.code_penalty,
            self.place_penalty, self.object_penalty, self.halving, self.compress,
        )  # fmt: skip
        if not all(0 < length < math.inf for length in lengths) or self.trust_half < 0:
            raise MapError("schedules have positive lengths, and are compressed by a positive one")
        if not 0 < self.lowest <= self.highest < math.inf:
            raise MapError(f"learning rates fall from {self.highest} to {self.lowest} above zero")

    def at(self, update: int) -> Strengths:
        """All of them at one update.

        Raises:
            MapError: the update is before the first.
        """
        if update < 0:
            raise MapError(f"updates are counted from 0, not from {update}")
        c = self.compress
        return Strengths(
            decay=ramp(update, self.decay / c),
            rate=ramp(update, self.rate / c),
            trust=trust(update, self.trust_half / c, self.trust_width / c),
            ties=ramp(update, self.ties / c),
            code_penalty=1 - ramp(update, self.code_penalty / c),
            place_penalty=1 - ramp(update, self.place_penalty / c),
            object_penalty=1 - ramp(update, self.object_penalty / c),
            learning_rate=halving(update, self.highest, self.lowest, self.halving / c),
        )


STANDARD = Schedules()
"""Those of the paper, for some 50,000 updates."""
