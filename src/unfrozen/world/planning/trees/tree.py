"""The search trees of a batch as arrays, and the functions that say what they grow over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import WorldError

NONE = -1
"""The child that is not there yet, and the parent of a root."""


class Root(NamedTuple):
    """What is known of the states to plan from.

    Attributes:
        prior_logits: of each action, up to a constant a row; -inf of those that cannot be done.
        value: of each state, a discounted sum of rewards.
        embedding: the states, as the model has them.
    """

    prior_logits: Float[Tensor, "b action"]
    value: Float[Tensor, " b"]
    embedding: Tensor


class Outcome(NamedTuple):
    """What an action leads to.

    Attributes:
        reward: of the action; a cost is a negative reward.
        discount: of all that follows; 0 ends the episode.
        prior_logits: of the actions there.
        value: of the state there.
        embedding: the state there.
    """

    reward: Float[Tensor, " b"]
    discount: Float[Tensor, " b"]
    prior_logits: Float[Tensor, "b action"]
    value: Float[Tensor, " b"]
    embedding: Tensor


Recurrent = Callable[[Tensor, Tensor], Outcome]
"""(actions [b], embeddings [b, ...]) -> `Outcome`; what mctx calls the recurrent function."""


class View(NamedTuple):
    """What a rule that chooses an action sees of one node a row.

    Attributes:
        prior_logits: of the actions.
        visits: of the children.
        q: reward + discount * value of the children; 0 where there is no visit.
        value: the node's, as the search has it by now.
        raw_value: the node's, as the model had it.
        going: which actions may be tried: all that can be done, but for those whose outcomes are
            all known, where the search leaves them out.
    """

    prior_logits: Float[Tensor, "b action"]
    visits: Float[Tensor, "b action"]
    q: Float[Tensor, "b action"]
    value: Float[Tensor, " b"]
    raw_value: Float[Tensor, " b"]
    going: Bool[Tensor, "b action"]


Select = Callable[[View, int], Tensor]
"""(a view of one node a row, its depth) -> the action [b] to go on with."""


@dataclass
class Tree:
    """Trees of b rows with up to n nodes each, all in flat tables: node i of row r is r n + i.

    Attributes:
        rows: b.
        nodes: n.
        visits: of each node.
        values: the mean of what was found below.
        raw_values: as the model had them.
        prior_logits: of each node's actions.
        children: flat indices; -1 where there is none.
        child_visits: of each node's actions.
        child_q: likewise reward + discount * value.
        parents: flat indices; -1 of roots.
        actions: by which each node was reached; -1 of roots.
        rewards: of reaching it.
        discounts: likewise.
        known: whether nothing below can be found any more; only the search for the best way asks.
        embeddings: as the model has the states.
    """

    rows: int
    nodes: int
    visits: Float[Tensor, " node"]
    values: Float[Tensor, " node"]
    raw_values: Float[Tensor, " node"]
    prior_logits: Float[Tensor, "node action"]
    children: Int[Tensor, "node action"]
    child_visits: Float[Tensor, "node action"]
    child_q: Float[Tensor, "node action"]
    parents: Int[Tensor, " node"]
    actions: Int[Tensor, " node"]
    rewards: Float[Tensor, " node"]
    discounts: Float[Tensor, " node"]
    known: Bool[Tensor, " node"]
    embeddings: Tensor

    @property
    def roots(self) -> Int[Tensor, " b"]:
        """The flat indices of the roots."""
        return torch.arange(self.rows, device=self.visits.device) * self.nodes

    def view(self, node: Int[Tensor, " b"]) -> View:
        """What is known at one node a row."""
        logits = self.prior_logits[node]
        can = allowed(logits)
        going = can & self.unknown(node)
        # Where all is known, the way down does not matter.
        going = torch.where(going.any(1, keepdim=True), going, can)
        return View(
            logits,
            self.child_visits[node],
            self.child_q[node],
            self.values[node],
            self.raw_values[node],
            going,
        )

    def unknown(self, node: Int[Tensor, " b"]) -> Bool[Tensor, "b action"]:
        """The actions of one node a row below which something can still be found."""
        children = self.children[node]
        return (children < 0) | ~self.known[children]

    def principal(
        self, action: Int[Tensor, " b"], depth: int, best: bool = False
    ) -> Int[Tensor, "b depth"]:
        """The actions most visited, from one at the root on; -1 where the tree ends.

        Args:
            action: what is done at the root.
            depth: how many actions at most.
            best: whether to go by the best values instead, as after a search for the best way.
        """
        found = self.visits.new_full((self.rows, depth), NONE, dtype=torch.long)
        node = self.roots
        there = torch.ones_like(node, dtype=torch.bool)
        for level in range(depth):
            if level:
                visits, q = self.child_visits[node], self.child_q[node]
                # Among equals the better one.
                ties = visits == visits.max(1, keepdim=True).values
                action = torch.where(ties if not best else visits > 0, q, -torch.inf).argmax(1)
                there = there & (visits.max(1).values > 0)
            found[:, level] = torch.where(there, action, NONE)
            after = self.children[node, action]
            there = there & (after >= 0)
            node = torch.where(there, after, node)
        return found


def plant(root: Root, nodes: int) -> Tree:
    """Trees of their roots alone, with room for so many nodes.

    Raises:
        WorldError: shapes do not fit, or a row has no action that can be done.
    """
    b, a = root.prior_logits.shape
    if root.value.shape != (b,) or root.embedding.shape[:1] != (b,) or not b or not a:
        raise WorldError(
            f"roots of {b} rows have values [{b}] and embeddings [{b}, ...], not "
            f"{list(root.value.shape)} and {list(root.embedding.shape)}"
        )
    check_priors(root.prior_logits)
    total, value = b * nodes, root.value

    def table(*width: int, fill: float = 0.0) -> Tensor:
        return value.new_full((total, *width), fill)

    def numbers(*width: int) -> Tensor:
        return torch.full((total, *width), NONE, dtype=torch.long, device=value.device)

    embeddings = root.embedding.new_zeros(total, *root.embedding.shape[1:])
    none = torch.zeros(total, dtype=torch.bool, device=value.device)
    tree = Tree(
        b, nodes, table(), table(), table(), table(a), numbers(a), table(a), table(a), numbers(),
        numbers(), table(), table(fill=1.0), none, embeddings,
    )  # fmt: skip
    at = tree.roots
    tree.visits[at] = 1.0
    tree.values[at] = value
    tree.raw_values[at] = value
    tree.prior_logits[at] = root.prior_logits.to(value)
    tree.embeddings[at] = root.embedding
    return tree


def check_priors(logits: Float[Tensor, "b action"]) -> None:
    """Check that every row has an action that can be done.

    Raises:
        WorldError: it has none, or a logit is not a number.
    """
    if not bool((logits.max(1).values > -torch.inf).all()) or bool((logits == torch.inf).any()):
        raise WorldError("prior logits are numbers or -inf, and one action a row can be done")


def allowed(logits: Float[Tensor, "b action"]) -> Bool[Tensor, "b action"]:
    """Which actions can be done."""
    return logits > -torch.inf
