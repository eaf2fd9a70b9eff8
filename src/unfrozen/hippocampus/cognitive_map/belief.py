"""Which map a walk is in: the world is new, or one of those remembered, begun at some place.

A filter over hypotheses (map, place).  Each is moved by the actions and weighed by how well its map
foresaw what was seen; the hypothesis of a new world foresees nothing until the walk comes round.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.hippocampus.cognitive_map.places import Places
from unfrozen.hippocampus.tem_t.model import TemT

# A symbol that a map did not foresee may still be seen: things change.
WRONG = 0.02
"""Probability that what is seen is not what a map holds of the place."""
_FORGOTTEN = 1e-8


@dataclass
class Hypotheses:
    """Where a walk may have begun, and how likely each is beside a new world.

    Attributes:
        maps: of each hypothesis.
        began: the place where the walk began, if it is true.
        codes: where the walk is now, if it is true.
        weights: of each, unnormalised.
        new: of the world being new.
    """

    maps: Int[Tensor, " h"]
    began: Int[Tensor, " h"]
    codes: Float[Tensor, "h d"]
    weights: Float[Tensor, " h"]
    new: float

    @property
    def total(self) -> float:
        """What weights add up to."""
        return float(self.weights.sum()) + self.new

    @property
    def chance(self) -> float:
        """Probability of a new world."""
        return self.new / self.total

    @property
    def best(self) -> tuple[int, float]:
        """The likeliest map, -1 for a new one, and its probability."""
        total, found, chance = self.total, -1, self.chance
        for number in self.maps.unique().tolist():
            share = float(self.weights[self.maps == number].sum()) / total
            if share > chance:
                found, chance = number, share
        return found, chance


def begin(places: Places, symbol: int, n_symbols: int, known: Int[Tensor, " m"]) -> Hypotheses:
    """A walk begins where a symbol is seen: at any place that looks so, or in a new world.

    Args:
        places: remembered.
        symbol: seen.
        n_symbols: how many there are.
        known: maps that come into question.
    """
    n_maps = len(known)
    # A gap that a place left is on no map (-1).
    sizes = torch.bincount(places.maps + 1)[1:]
    at = torch.nonzero((places.symbols == symbol) & torch.isin(places.maps, known))[:, 0]
    maps = places.maps[at]
    prior = 1 / (n_maps + 1)
    weights = prior * (1 - WRONG) / sizes[maps].to(places.codes)
    return Hypotheses(maps, at, places.codes[at].clone(), weights, prior / n_symbols)


def weigh(
    model: TemT,
    places: Places,
    hypotheses: Hypotheses,
    action: int,
    symbol: int,
    threshold: float,
    new_likelihood: float,
) -> None:
    """Take an action and see a symbol, under every hypothesis.

    Args:
        model: whose codes actions drive.
        places: remembered.
        hypotheses: moved and weighed in place.
        action: taken.
        symbol: seen.
        threshold: cosine from which two codes are one place.
        new_likelihood: of the symbol in a new world, given the walk so far.
    """
    h = hypotheses
    h.new *= new_likelihood
    if len(h.maps):
        taken = torch.full_like(h.maps, action)
        codes = model.positions.step(h.codes, taken)
        found = places.nearest(model.key(codes), h.maps)
        there = found.cosines > threshold
        at = found.places.clamp(min=0)
        same = places.symbols[at] == symbol
        guess = 1 / model.settings.n_symbols
        likelihood = torch.where(there, torch.where(same, 1 - WRONG, WRONG * guess), guess).to(
            h.weights
        )
        h.codes = torch.where((there & same)[:, None], places.codes[at], codes)
        h.weights = h.weights * likelihood
    total = float(h.weights.sum()) + h.new
    h.new /= total
    keep = h.weights / total > _FORGOTTEN
    h.maps, h.began, h.codes = h.maps[keep], h.began[keep], h.codes[keep]
    h.weights = h.weights[keep] / total
