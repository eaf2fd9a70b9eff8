"""PUCT: go where prior and value promise most, less so where one has been (Silver et al. 2017).

    a = argmax_a q(a) + c(N) P(a) sqrt(N) / (1 + n(a)),   c(N) = c_1 + log((N + c_2 + 1) / c_2)

as Schrittwieser et al. 2020, eq. 2, have it.  Values are moved to [0, 1] by the least and the
greatest among the visited children and the node itself; children without visits count as the least.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.planning.trees.search import Searched, SearchSettings, grow
from unfrozen.world.planning.trees.tree import Recurrent, Root, View, allowed


@dataclass(frozen=True, kw_only=True)
class PuctSettings(SearchSettings):
    """How to weigh prior against value.

    Attributes:
        first: c_1.
        second: c_2.
    """

    first: float = 1.25
    second: float = 19652.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first < 0 or not 0 < self.second < math.inf:
            raise WorldError("PUCT's constants are c_1 >= 0 and c_2 > 0")


def puct(root: Root, recurrent: Recurrent, settings: PuctSettings = PuctSettings()) -> Searched:
    """Search, and do what was tried most; after a search for the best way, what is best.

    There is no noise at the root: whoever wants some adds it to the root's logits.

    Args:
        root: what is known of the states to plan from.
        recurrent: what actions lead to.
        settings: how much and how to search.

    Raises:
        WorldError: shapes do not fit.
    """
    tree = grow(root, recurrent, settings, lambda view, _: select(view, settings))
    view = tree.view(tree.roots)
    if settings.backup == "max":
        score = view.q.masked_fill(view.visits == 0, -math.inf)
    else:
        # Among those tried equally often, the best.
        score = view.visits + 0.5 * normalised(view)
    action = score.masked_fill(~allowed(view.prior_logits), -math.inf).argmax(1)
    policy = view.visits / view.visits.sum(1, keepdim=True)
    return Searched(action, policy, view.visits, completed(view), view.value, tree)


def select(view: View, settings: PuctSettings) -> Int[Tensor, " b"]:
    """The action that the rule takes at a node."""
    total = view.visits.sum(1, keepdim=True)
    c = settings.first + ((total + settings.second + 1) / settings.second).log()
    bonus = c * view.prior_logits.softmax(1) * total.sqrt() / (1 + view.visits)
    # Before any visit the root of the count is nothing, and the prior alone decides.
    bonus = torch.where(total > 0, bonus, view.prior_logits.softmax(1))
    return (normalised(view) + bonus).masked_fill(~view.going, -math.inf).argmax(1)


def completed(view: View) -> Float[Tensor, "b action"]:
    """Values of the children; of those without visits, the least that is known."""
    seen = view.visits > 0
    least = torch.where(seen, view.q, view.value[:, None]).min(1, keepdim=True).values
    return torch.where(seen, view.q, least)


def normalised(view: View) -> Float[Tensor, "b action"]:
    """The same, moved to [0, 1] by the least and the greatest among them and the node's own."""
    q = completed(view)
    own = view.value[:, None]
    low = torch.minimum(q.min(1, keepdim=True).values, own)
    high = torch.maximum(q.max(1, keepdim=True).values, own)
    return (q - low) / (high - low).clamp(min=1e-8)
