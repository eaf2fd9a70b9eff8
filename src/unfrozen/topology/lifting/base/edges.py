"""Graphs as complexes of nodes and edges: what lifts begin with."""

from typing import Literal

import networkx as nx
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex

SameEdge = Literal["refuse", "first", "sum", "mean"]
"""What becomes of features that are given several times for an edge."""


def graph(
    edges: Int[Tensor, "2 _"],
    n_nodes: int | None = None,
    *,
    nodes: Float[Tensor, "node _"] | None = None,
    features: Float[Tensor, "edge _"] | None = None,
    same_edge: SameEdge = "refuse",
) -> Complex:
    """A graph as a complex of rank 1.

    An edge has two nodes and no direction of its own: one that is given several times, such as both
    ways, is there once, at its first place and in its first direction.

    Args:
        edges: from the nodes in the first row to those in the second.
        n_nodes: how many nodes there are; by default as many as have features, or as edges name.
        nodes: their features.
        features: of the edges.
        same_edge: what becomes of features of an edge given several times, where they differ.

    Raises:
        TopologyError: an edge goes from a node to itself, its features differ, or there is not a
            row of features for each.

    Example:
        >>> graph(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        Complex(3 nodes, 2 of rank 1)
    """
    pairs = edges.detach().cpu().numpy().astype(np.int64)
    loops = np.flatnonzero(pairs[0] == pairs[1])
    if len(loops):
        raise TopologyError(
            f"edge {loops[0]} goes from node {pairs[0, loops[0]]} to itself, and a set of one node "
            "is that node: leave such edges out"
        )
    if features is not None and len(features) != pairs.shape[1]:
        raise TopologyError(f"{len(features)} rows of features for {pairs.shape[1]} edges")
    if n_nodes is None and nodes is not None:
        n_nodes = len(nodes)
    keys = pairs.min(0) * (int(pairs.max(initial=0)) + 1) + pairs.max(0)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rows = {} if nodes is None else {0: nodes}
    if features is not None:
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        rows[1] = _once(features, first[order], place[which], pairs, same_edge)
    return Complex({1: pairs.T[first[order]]}, n_nodes=n_nodes, features=rows)


def from_networkx(
    given: nx.Graph,
    *,
    nodes: str | None = None,
    features: str | None = None,
    same_edge: SameEdge = "refuse",
) -> Complex:
    """The same of a graph of networkx, its nodes numbered as it lists them.

    Args:
        given: any graph; directions are those of the edges, and parallel edges one.
        nodes: name of the nodes' features, a number or a list of them each.
        features: name of the edges' features, likewise.
        same_edge: as for `graph`.

    Raises:
        TopologyError: as for `graph`, or a node or edge lacks the features, or they are no numbers.

    Example:
        >>> from_networkx(nx.cycle_graph(4))
        Complex(4 nodes, 4 of rank 1)
    """
    place = {node: at for at, node in enumerate(given)}
    ends = [(place[tail], place[head]) for tail, head in given.edges()]
    return graph(
        torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T,
        len(place),
        nodes=_rows([data for _, data in given.nodes(data=True)], nodes, "node"),
        features=_rows([data for _, _, data in given.edges(data=True)], features, "edge"),
        same_edge=same_edge,
    )


def _once(
    features: Tensor,
    first: np.ndarray,
    which: np.ndarray,
    pairs: np.ndarray,
    same_edge: SameEdge,
) -> Tensor:
    """One row for each edge."""
    own = features[torch.from_numpy(first).to(features.device)]
    if len(first) == len(which) or same_edge == "first":
        return own
    of = torch.from_numpy(which).to(features.device)
    differ = (features != own[of]).any(1)
    if not bool(differ.any()):
        # Nothing is lost; what is given both ways is not counted twice.
        return own
    if same_edge == "refuse":
        row = int(differ.nonzero()[0])
        raise TopologyError(
            f"edge {pairs[:, row].tolist()} is given several times with different features: choose "
            "same_edge='first', 'sum' or 'mean'"
        )
    total = torch.zeros_like(own).index_add_(0, of, features)
    return total if same_edge == "sum" else total / torch.bincount(of).to(total)[:, None]


def _rows(data: list[dict[str, object]], name: str | None, what: str) -> Tensor | None:
    if name is None:
        return None
    values = [each.get(name) for each in data]
    if any(value is None for value in values):
        raise TopologyError(f"{what} {values.index(None)} has no {name!r}")
    try:
        rows = torch.tensor(np.array(values, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise TopologyError(f"{name!r} of the {what}s are not numbers: {error}") from error
    return rows.reshape(len(values), -1)
