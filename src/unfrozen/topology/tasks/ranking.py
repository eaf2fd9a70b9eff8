"""How well scores rank what is true: reciprocal rank, hits and AUC, with ties counted exactly.

Where scores are equal the order is anybody's, so figures are means over all orders of the tied: a
model that scores everything alike gets what guessing gets, neither the best nor the worst of ranks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError


class Ranks(NamedTuple):
    """Of the true answer to each query among the others.

    Attributes:
        better: others that score higher.
        equal: others that score the same.
    """

    better: Int64[Tensor, " query"]
    equal: Int64[Tensor, " query"]


@dataclass(frozen=True)
class Ranked:
    """Means over queries.

    Attributes:
        mrr: of the reciprocal rank.
        hits: k -> share of ranks up to k.
        mean_rank: from 1 on.
        queries: how many there are.
    """

    mrr: float
    hits: dict[int, float]
    mean_rank: float
    queries: int


def ranks(
    true: Float[Tensor, " query"],
    others: Float[Tensor, "query other"],
    counted: Bool[Tensor, "query other"] | None = None,
) -> Ranks:
    """Ranks of true answers.

    Args:
        true: score of the true answer to each query.
        others: scores of the other candidates.
        counted: which of them count; those that are true as well do not (filtered ranks).

    Raises:
        TopologyError: a score that counts is not a number.
    """
    counts = torch.ones_like(others, dtype=torch.bool) if counted is None else counted
    if bool(true.isnan().any()) or bool((others.isnan() & counts).any()):
        raise TopologyError("scores that are not numbers have no ranks")
    better = (others > true[:, None]) & counts
    equal = (others == true[:, None]) & counts
    return Ranks(better.sum(1), equal.sum(1))


def ranked(found: Ranks, at: Sequence[int] = (1, 3, 10)) -> Ranked:
    """Means over queries and over all orders of the tied.

    Args:
        found: ranks.
        at: the k of hits.

    Raises:
        TopologyError: there are no queries.

    Example:
        >>> round(ranked(Ranks(torch.tensor([0, 1]), torch.tensor([0, 0]))).mrr, 2)
        0.75
    """
    if not len(found.better):
        raise TopologyError("there are no queries to rank")
    better, ties = found.better.double(), found.equal.double() + 1
    # A mean of reciprocals from better + 1 to better + ties: a difference of harmonic numbers.
    reciprocal = (torch.digamma(better + ties + 1) - torch.digamma(better + 1)) / ties
    hits = {k: float(((k - better) / ties).clamp(0, 1).mean()) for k in at}
    mean = float((better + (ties + 1) / 2).mean())
    return Ranked(float(reciprocal.mean()), hits, mean, len(better))


def chance(candidates: int, at: Sequence[int] = (1, 3, 10)) -> Ranked:
    """What guessing gets among so many candidates, the true one counted."""
    return ranked(Ranks(torch.zeros(1, dtype=torch.int64), torch.tensor([candidates - 1])), at)


def auc(positive: Float[Tensor, " positive"], negative: Float[Tensor, " negative"]) -> float:
    """How often a true one scores higher than a false one, ties by half (Mann-Whitney).

    Raises:
        TopologyError: there are none of one kind, or a score is not a number.
    """
    if not len(positive) or not len(negative):
        raise TopologyError("an AUC compares true with false ones: there are none of one kind")
    if bool(positive.isnan().any()) or bool(negative.isnan().any()):
        raise TopologyError("scores that are not numbers have no order")
    ordered = negative.sort().values
    below = torch.searchsorted(ordered, positive)
    not_above = torch.searchsorted(ordered, positive, right=True)
    return float((below + not_above).double().mean() / (2 * len(negative)))
