"""Grow the trees of a batch at once: descend, expand, back up; a loop over simulations only.

What the trees grow over is declared by the caller as in mctx: roots, and a function from actions
and embeddings to rewards, discounts, priors, values and embeddings.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.planning.trees.tree import (
    Outcome,
    Recurrent,
    Root,
    Select,
    Tree,
    allowed,
    plant,
)


@dataclass(frozen=True)
class Searched:
    """What a search found, a row a root.

    Attributes:
        action: to be done.
        policy: over the actions, to learn from: visits of PUCT, the improved policy of Gumbel.
        visits: of the root's actions.
        q: their values, reward + discount * value; those without visits as the rule completes them.
        value: of the root, as the search has it.
        tree: all of it.
    """

    action: Int[Tensor, " b"]
    policy: Float[Tensor, "b action"]
    visits: Float[Tensor, "b action"]
    q: Float[Tensor, "b action"]
    value: Float[Tensor, " b"]
    tree: Tree


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """What both rules share.

    Attributes:
        simulations: how often a tree is descended; each takes one step of the model.
        depth: no node lies deeper; the number of simulations by default.
        backup: a node is worth the "mean" of what was found below it, or its best child ("max").
            The latter searches for the best way in worlds without chance: it leaves out what is
            known to its end, so that no simulation is wasted and the best way is found once all
            is known; but it believes every value that is too high.
    """

    simulations: int = 64
    depth: int | None = None
    backup: Literal["mean", "max"] = "mean"

    def __post_init__(self) -> None:
        if self.simulations < 1 or (self.depth is not None and self.depth < 1):
            raise WorldError("a search has at least one simulation, to a depth of at least one")
        if self.backup not in ("mean", "max"):
            raise WorldError(f"values are backed up by 'mean' or 'max', not by {self.backup!r}")


@torch.no_grad()
def grow(
    root: Root,
    recurrent: Recurrent,
    settings: SearchSettings,
    select: Select,
) -> Tree:
    """Trees after all simulations.

    Args:
        root: what is known of the states to plan from.
        recurrent: what actions lead to.
        settings: how often and how deep.
        select: chooses the action at a node.

    Raises:
        WorldError: shapes of roots or outcomes do not fit.
    """
    tree = plant(root, settings.simulations + 1)
    deepest = settings.depth or settings.simulations
    greedy = settings.backup == "max"
    for simulation in range(settings.simulations):
        if greedy and bool(tree.known[tree.roots].all()):
            break
        nodes, actions, active = _descend(tree, select, deepest)
        depth = active.sum(0) - 1
        rows = torch.arange(tree.rows, device=depth.device)
        parent, action = nodes[depth, rows], actions[depth, rows]
        leaf = _expand(tree, recurrent, parent, action, simulation + 1)
        if greedy:
            tree.known[leaf] |= (tree.discounts[leaf] == 0) | (depth + 1 >= deepest)
        _back_up(tree, nodes, actions, active, leaf, greedy)
    return tree


def _descend(
    tree: Tree, select: Select, deepest: int
) -> tuple[Int[Tensor, "depth b"], Int[Tensor, "depth b"], Bool[Tensor, "depth b"]]:
    """The nodes and actions on the way down, until a child is missing, terminal or too deep."""
    node = tree.roots
    going = torch.ones_like(node, dtype=torch.bool)
    nodes, actions, active = [], [], []
    for depth in range(deepest):
        action = select(tree.view(node), depth)
        nodes.append(node)
        actions.append(action)
        active.append(going)
        after = tree.children[node, action]
        # Nothing below a state that ends the episode can matter.
        going = going & (after >= 0) & (tree.discounts[after] != 0)
        if not bool(going.any()):
            break
        node = torch.where(going, after, node)
    return torch.stack(nodes), torch.stack(actions), torch.stack(active)


def _expand(
    tree: Tree,
    recurrent: Recurrent,
    parent: Int[Tensor, " b"],
    action: Int[Tensor, " b"],
    number: int,
) -> Int[Tensor, " b"]:
    """Ask the model what the actions lead to; a child that was there is judged once more."""
    outcome = recurrent(action, tree.embeddings[parent])
    _check(outcome, tree)
    old = tree.children[parent, action]
    leaf = torch.where(old >= 0, old, tree.roots + number)
    tree.children[parent, action] = leaf
    tree.parents[leaf] = parent
    tree.actions[leaf] = action
    tree.rewards[leaf] = outcome.reward
    tree.discounts[leaf] = outcome.discount
    tree.prior_logits[leaf] = outcome.prior_logits
    tree.raw_values[leaf] = outcome.value
    tree.embeddings[leaf] = outcome.embedding
    return leaf


def _back_up(
    tree: Tree,
    nodes: Int[Tensor, "depth b"],
    actions: Int[Tensor, "depth b"],
    active: Bool[Tensor, "depth b"],
    leaf: Int[Tensor, " b"],
    greedy: bool,
) -> None:
    """Let the leaf's value reach the root, and edges know what their nodes are worth."""
    found, child = tree.raw_values[leaf], leaf
    _add(tree, leaf, found, torch.ones_like(found))
    for node, action, on in zip(nodes.flip(0), actions.flip(0), active.flip(0), strict=True):
        one = on.to(found.dtype)
        reward, discount = tree.rewards[child], tree.discounts[child]
        found = torch.where(on, reward + discount * found, found)
        _add(tree, node, found, one)
        q = reward + discount * tree.values[child]
        tree.child_q[node, action] = torch.where(on, q, tree.child_q[node, action])
        tree.child_visits[node, action] += one
        if greedy:
            seen = tree.child_visits[node] > 0
            best = tree.child_q[node].masked_fill(~seen, -torch.inf).max(1).values
            tree.values[node] = torch.where(on, best, tree.values[node])
            all_known = ~(allowed(tree.prior_logits[node]) & tree.unknown(node)).any(1)
            tree.known[node] |= on & all_known
        child = torch.where(on, node, child)


def _add(tree: Tree, node: Tensor, found: Tensor, weight: Tensor) -> None:
    visits = tree.visits[node] + weight
    mean = tree.values[node]
    tree.values[node] = mean + weight * (found - mean) / visits
    tree.visits[node] = visits


def _check(outcome: Outcome, tree: Tree) -> None:
    b, a = tree.rows, tree.prior_logits.shape[1]
    wanted = {
        "reward": (b,), "discount": (b,), "prior_logits": (b, a), "value": (b,),
        "embedding": (b, *tree.embeddings.shape[1:]),
    }  # fmt: skip
    for name, shape in wanted.items():
        part = getattr(outcome, name)
        if part.shape != shape:
            raise WorldError(
                f"the model's {name} has shape {list(shape)} here, not {list(part.shape)}"
            )
