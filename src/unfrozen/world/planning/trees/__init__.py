"""Batched tree search over declared functions: PUCT and Gumbel, all in arrays."""

from unfrozen.world.planning.trees.discrete import TreePlan, TreeSettings, tree_search
from unfrozen.world.planning.trees.gumbel import GumbelSettings, gumbel
from unfrozen.world.planning.trees.puct import PuctSettings, puct
from unfrozen.world.planning.trees.search import Searched, SearchSettings
from unfrozen.world.planning.trees.tree import Outcome, Recurrent, Root, Tree

__all__ = [
    "GumbelSettings",
    "Outcome",
    "PuctSettings",
    "Recurrent",
    "Root",
    "SearchSettings",
    "Searched",
    "Tree",
    "TreePlan",
    "TreeSettings",
    "gumbel",
    "puct",
    "tree_search",
]
