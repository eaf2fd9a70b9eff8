"""Scores of sets of nodes, in whatever order their members come.

All take embeddings of nodes, made by any layer, and sets; which of them suits says what a relation
is like.  `PairScorer` is the baseline that sees pairs only.
"""

from abc import ABC, abstractmethod
from itertools import combinations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.classification.networks import linear


class Scorer(nn.Module, ABC):
    """Scores sets of nodes.

    Args:
        width: features of a node.
        generator: draws the weights.
    """

    def __init__(self, width: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.width = width

    def forward(
        self, nodes: Float[Tensor, "node width"], cells: Int64[Tensor, "*cell member"]
    ) -> Float[Tensor, "*cell"]:
        """A score for each set.

        Args:
            nodes: embeddings.
            cells: members of each set.

        Raises:
            TopologyError: embeddings have another width, or a set has no members.
        """
        if nodes.shape[-1] != self.width or not cells.shape[-1]:
            raise TopologyError(
                f"scores are of one node or more of {self.width} features, not of "
                f"{cells.shape[-1]} of {nodes.shape[-1]}"
            )
        return self.score(nodes[cells])

    @abstractmethod
    def score(self, members: Float[Tensor, "*cell member width"]) -> Float[Tensor, "*cell"]:
        """A score from the embeddings of members."""


class SetScorer(Scorer):
    """rho(sum of phi(h)): any function of a set, with two networks.

    Source: Zaheer et al. 2017, theorem 2.
    """

    def __init__(self, width: int, *, generator: torch.Generator) -> None:
        super().__init__(width, generator=generator)
        self.phi = nn.Sequential(linear(width, 2 * width, generator), nn.ReLU())
        self.rho = nn.Sequential(
            linear(2 * width, 2 * width, generator), nn.ReLU(), linear(2 * width, 1, generator)
        )

    def score(self, members: Float[Tensor, "*cell member width"]) -> Float[Tensor, "*cell"]:
        """See `Scorer.score`."""
        return self.rho(self.phi(members).sum(-2))[..., 0]


class ProductScorer(Scorer):
    """Sum over features of the product over members: a tensor in canonical form.

    Of triples whose kinds are subject, relation and object it is the CP decomposition; of numbers
    as characters of a group it is the sum rule.

    Source: Hitchcock 1927; Lacroix et al. 2018 for knowledge graphs.
    """

    def score(self, members: Float[Tensor, "*cell member width"]) -> Float[Tensor, "*cell"]:
        """See `Scorer.score`."""
        return members.prod(-2).sum(-1)


class PairScorer(Scorer):
    """Sum over pairs of members of h · R h': what is true of a set is what is true of its pairs.

    Source: Yang et al. 2015 (DistMult) for the score of a pair, with one relation.
    """

    def __init__(self, width: int, *, generator: torch.Generator) -> None:
        super().__init__(width, generator=generator)
        self.relation = nn.Parameter(torch.randn(width, generator=generator) / width**0.5)

    def score(self, members: Float[Tensor, "*cell member width"]) -> Float[Tensor, "*cell"]:
        """See `Scorer.score`."""
        total = members.new_zeros(members.shape[:-2])
        for i, j in combinations(range(members.shape[-2]), 2):
            total = total + (members[..., i, :] * self.relation * members[..., j, :]).sum(-1)
        return total


SCORERS: dict[str, type[Scorer]] = {
    "set": SetScorer,
    "product": ProductScorer,
    "pairs": PairScorer,
}
"""Name -> scorer."""
