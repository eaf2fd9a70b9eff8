"""How well symbols are foreseen: by kind of step, by visits, along a walk; and by agents that
merely remember.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.walks import Novelty


class Accuracy(NamedTuple):
    """Shares of steps whose symbol was foreseen.

    Attributes:
        zero_shot: to known places by a step never taken in either direction: the strict figure.
        directed: to known places by a step never taken in this direction: what the literature
            calls zero-shot.
        known: to known places.
        last_quarter: the strict figure in the last quarter of walks, where drift shows.
        steps: how many strict steps there were.
    """

    zero_shot: float
    directed: float
    known: float
    last_quarter: float
    steps: int


def accuracy(right: Bool[Tensor, "b t"], new: Novelty) -> Accuracy:
    """Shares by kind of step.

    Args:
        right: whether the symbol was foreseen.
        new: what is new in each step.

    Raises:
        MapError: there is no strict step to judge by.
    """
    steps = int(new.new_pair.sum())
    if not steps:
        raise MapError("no step is a zero-shot inference: walk for longer, or in larger worlds")
    return Accuracy(
        share(right, new.new_pair),
        share(right, new.new_edge),
        share(right, new.known),
        share(right, new.new_pair & _last(right)),
        steps,
    )


def by_visits(
    right: Bool[Tensor, "b t"], visits: Int[Tensor, "b t"], most: int = 10
) -> Float[Tensor, " visit"]:
    """Shares at places that were seen 0, 1, ... times before; NaN of counts that never were."""
    found = [share(right, visits == n) for n in range(most + 1)]
    return torch.tensor(found, dtype=torch.float32)


class Agents(NamedTuple):
    """Expected shares of agents that remember, and guess where they do not.

    Attributes:
        node: knows what is at every place it has been to: structure, given.
        edge: knows where a step leads that it has taken: memory without structure.
        reversible_edge: knows the way back of such a step as well.
        chance: guesses.
    """

    node: Accuracy
    edge: Accuracy
    reversible_edge: Accuracy
    chance: float


def agents(new: Novelty, moved: Bool[Tensor, "b t"], n_symbols: int) -> Agents:
    """What agents without learning are expected to foresee on the same walks.

    Args:
        new: what is new in each step.
        moved: steps that led to another place; those that did not, every agent knows.
        n_symbols: among which they guess.

    Source: Whittington et al. 2020, node and edge agents.
    """
    guess = 1 / n_symbols
    stayed = new.known & ~moved

    def expected(knows: Tensor) -> Accuracy:
        right = torch.where(knows, 1.0, guess)

        def over(mask: Tensor) -> float:
            return float(right[mask].mean()) if bool(mask.any()) else float("nan")

        return Accuracy(
            zero_shot=over(new.new_pair),
            directed=over(new.new_edge),
            known=over(new.known),
            last_quarter=over(new.new_pair & _last(right)),
            steps=int(new.new_pair.sum()),
        )

    return Agents(
        expected(new.known),
        expected(stayed | (new.known & ~new.new_edge)),
        expected(stayed | (new.known & ~new.new_pair)),
        guess,
    )


def share(right: Bool[Tensor, "b t"], mask: Bool[Tensor, "b t"]) -> float:
    """Of the steps of a mask, those that are right; NaN if it is empty."""
    n = int(mask.sum())
    return float((right & mask).sum()) / n if n else float("nan")


def _last(like: Tensor) -> Tensor:
    mask = torch.zeros(like.shape, dtype=torch.bool, device=like.device)
    mask[:, like.shape[1] - like.shape[1] // 4 :] = True
    return mask
