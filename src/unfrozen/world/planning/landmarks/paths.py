"""Shortest ways over a map, to many goals at once, and what to do when every way is closed.

For each goal, one run of Dijkstra's algorithm from the goal backwards gives all landmarks their
distance and their next edge.  Closed edges are left out.  Where no way is left, the world must have
changed again: closed edges are opened in the order of their evidence, the oldest first, until there
is a way (optimism: the oldest belief is the likeliest to be wrong).
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.planning.landmarks.evidence import Belief
from unfrozen.world.planning.landmarks.graph import LandmarkGraph


@dataclass(frozen=True)
class Ways:
    """The way from every landmark to each goal.

    Attributes:
        goals: landmarks.
        distance: infinite where there is no way.
        edge: the row of the next edge; -1 at the goal and where there is no way.
        retest: whether the way goes through an edge that is believed to be closed.
        weights: what each edge costs on a way that does not test it again.
        plain: what it costs otherwise.
        closed: which edges are believed to be closed.
    """

    goals: Int[Tensor, " g"]
    distance: Float[Tensor, "g n"]
    edge: Int[Tensor, "g n"]
    retest: Bool[Tensor, "g n"]
    weights: Float[Tensor, " edge"]
    plain: Float[Tensor, " edge"]
    closed: Bool[Tensor, " edge"]


def ways(
    graph: LandmarkGraph,
    goals: Int[Tensor, " g"],
    *,
    now: float,
    belief: Belief = Belief(),
    optimistic: bool = True,
) -> Ways:
    """The ways to all goals, as the map is believed to be now.

    Args:
        graph: the map.
        goals: landmarks.
        now: the time, in the unit of the evidence.
        belief: how evidence turns into lengths.
        optimistic: whether closed edges are tested again where every way is closed.

    Raises:
        WorldError: a goal is no landmark.
    """
    if len(goals) and not (int(goals.min()) >= 0 and int(goals.max()) < graph.n):
        raise WorldError(f"goals are landmarks, numbers from 0 to {graph.n - 1}")
    strength = belief.strengths(graph, now)
    plain = belief.lengths(graph)
    trusted = belief.trusted(graph)
    closed = (strength >= belief.closed) & trusted
    weights = plain * (1 + strength)
    open_now = trusted & ~closed
    distance, edge = _backwards(graph, goals, weights, open_now)
    retest = torch.zeros_like(distance, dtype=torch.bool)
    if optimistic and bool(closed.any()):
        for moment in graph.blocked[closed].unique().tolist():
            missing = distance.isinf()
            if not bool(missing.any()):
                break
            opened = closed & (graph.blocked <= moment)
            hopeful = torch.where(opened, plain, weights)
            further, by = _backwards(graph, goals, hopeful, open_now | opened)
            found = missing & further.isfinite()
            distance = torch.where(found, further, distance)
            edge = torch.where(found, by, edge)
            retest = retest | found
    return Ways(goals, distance, edge, retest, weights, plain, closed)


def follow(
    ways: Ways, graph: LandmarkGraph, which: Int[Tensor, " b"], start: Int[Tensor, " b"], hops: int
) -> Int[Tensor, "b hop"]:
    """The edges of the ways from landmarks on, at most so many; -1 after the end.

    Args:
        ways: to the goals.
        graph: the map they are of.
        which: row by row, the number of its goal among them.
        start: row by row, the landmark to begin at.
        hops: how many edges.
    """
    taken = start.new_full((len(start), hops), -1)
    at = start
    for hop in range(hops):
        edge = ways.edge[which, at]
        there = edge >= 0
        if not bool(there.any()):
            return taken
        taken[:, hop] = edge
        at = torch.where(there, graph.target[edge], at)
    return taken


def route(
    graph: LandmarkGraph, ways: Ways, which: int, start: int
) -> tuple[int, ...]:  # fmt: skip
    """The landmarks of one way from its start to its goal; the start alone if there is none."""
    edges = follow(ways, graph, torch.tensor([which]), torch.tensor([start]), graph.n)[0]
    return (start, *graph.target[edges[edges >= 0]].tolist())


def _backwards(
    graph: LandmarkGraph, goals: Tensor, weights: Tensor, kept: Tensor
) -> tuple[Float[Tensor, "g n"], Int[Tensor, "g n"]]:
    """Distances to the goals and the next edges on the way, over some of the edges."""
    n, device = graph.n, graph.landmarks.device
    rows = kept.nonzero()[:, 0].cpu().numpy()
    if not len(goals) or not len(rows):
        distance = torch.full((len(goals), n), torch.inf, dtype=torch.float64, device=device)
        distance[torch.arange(len(goals)), goals] = 0.0
        return distance, torch.full((len(goals), n), -1, device=device)
    source, target = graph.source.cpu().numpy()[rows], graph.target.cpu().numpy()[rows]
    # A zero is no edge to a sparse matrix.
    lengths = np.maximum(weights.cpu().numpy()[rows], 1e-12)
    reverse = csr_array((lengths, (target, source)), shape=(n, n))
    distance, towards = dijkstra(reverse, indices=goals.cpu().numpy(), return_predecessors=True)
    # The edge from each landmark to the next one on the way.
    keys = source * n + target
    order = np.argsort(keys)
    wanted = np.arange(n) * n + np.maximum(towards, 0)
    place = np.searchsorted(keys[order], wanted).clip(max=len(order) - 1)
    edge = np.where(towards >= 0, rows[order[place]], -1)
    return torch.from_numpy(distance).to(device), torch.from_numpy(edge).to(device)
