"""A critic from the map: far away what the way is long, near the goal the distance itself.

    V(s, g) = |s - g|                                 in the goal's cell or beside it,
    V(s, g) = min_i |s - l_i| + D(l_i, l_g) + |l_g - g|   elsewhere,

with D the shortest way.  The minimum runs over the nearest landmark of s and those of the next
nearest to which an open edge leads from it: so the value slopes within a cell, and does not look
through walls.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.costs import Shares
from unfrozen.world.costs.base import per_start
from unfrozen.world.distances import neighbours
from unfrozen.world.planning.landmarks.evidence import Belief
from unfrozen.world.planning.landmarks.graph import LandmarkGraph
from unfrozen.world.planning.landmarks.paths import Ways, follow, ways


@dataclass(frozen=True, eq=False)
class GraphCritic:
    """How far it is to goals over a map; a value for `Critic` that explains itself by edges.

    Make it with `graph_critic`.

    Attributes:
        graph: the map.
        goal: one a start.
        ways: to the goals' landmarks.
        nodes: the goals' landmarks.
        which: row by row, the number of its goal among the ways.
        neighbours: how many landmarks near a state are asked, at most.
        lost: what a state costs from which no way is known.
        beside: whether a landmark is another one, or an open edge leads there.
    """

    graph: LandmarkGraph
    goal: Float[Tensor, "starts d"]
    ways: Ways
    nodes: Int[Tensor, " starts"]
    which: Int[Tensor, " starts"]
    neighbours: int
    lost: float
    beside: Bool[Tensor, "n n"]

    def __call__(self, states: Float[Tensor, "b t d"]) -> Float[Tensor, "b t"]:
        """The value of each state; rows are laid out start by start, as terms have them."""
        return self._judge(states)[0]

    def shares(self, states: Float[Tensor, "b t d"]) -> tuple[Shares, ...]:
        """The edges of the ways, and the landmarks from which they begin."""
        value, near, first, which = self._judge(states)
        b, t = value.shape
        if not len(self.graph):
            return (Shares("landmark", ("nearest",), value.sum(1, keepdim=True)),)
        flat, starts = which.expand(b, t).flatten(), first.flatten()
        edges = follow(self.ways, self.graph, flat, starts, self.graph.n)
        taken = (edges >= 0) & ~near.flatten()[:, None]
        retest = self.ways.retest[flat, starts][:, None]
        tested = retest & self.ways.closed[edges]
        cost = torch.where(tested, self.ways.plain[edges], self.ways.weights[edges]) * taken
        by_edge = cost.new_zeros(b * t, len(self.graph) + 1)
        by_edge = by_edge.scatter_add(1, edges + 1, cost).view(b, t, -1).sum(1)[:, 1:]
        by_edge = by_edge.to(value)
        # What is left is the way to the first landmark and from the last, or all of it.
        rest = value.sum(1) - by_edge.sum(1)
        used = by_edge.any(0).nonzero()[:, 0]
        return (
            Shares("edge", self.graph.ids[used].tolist(), by_edge[:, used]),
            Shares("landmark", ("nearest",), rest[:, None]),
        )

    def _judge(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Values, whether the distance itself was taken, the first landmark, the way's number."""
        b, t, _ = states.shape
        goal = per_start(self.goal, states, "the goal of the critic")
        row = torch.arange(len(self.goal), device=states.device).repeat_interleave(
            b // len(self.goal)
        )
        which, node = self.which[row][:, None], self.nodes[row]
        k = min(self.neighbours, self.graph.n)
        squared, index = neighbours(states.flatten(0, 1), self.graph.landmarks, k)
        tiny = torch.finfo(squared.dtype).tiny
        away = (squared + tiny).sqrt().view(b, t, k)
        index = index.view(b, t, k)
        last = (self.graph.landmarks[node] - goal[:, 0]).norm(dim=1)
        far = self.ways.distance[which[..., None], index].to(states)
        far = torch.where(self.beside[index[..., :1], index], far, torch.inf)
        over, best = (away + far).min(2)
        over = torch.where(over.isfinite(), over + last[:, None], self.lost + away[..., 0])
        direct = ((states - goal).square().sum(2) + tiny).sqrt()
        first = index.gather(2, best[..., None])[..., 0]
        at = index[..., 0]
        near = at == node[:, None]
        if len(self.graph):
            # Beside the goal's cell: the next edge from here leads into it, and is open.
            edge = self.ways.edge[which, at]
            beside = (edge >= 0) & (self.graph.target[edge] == node[:, None])
            near = near | (beside & ~self.ways.retest[which, at])
        return torch.where(near, direct, over), near, first, which


def graph_critic(
    graph: LandmarkGraph,
    goal: Float[Tensor, "starts d"],
    *,
    now: float,
    belief: Belief = Belief(),
    neighbours: int = 4,
    lost: float | None = None,
) -> GraphCritic:
    """The critic of these goals, as the map is believed to be now.

    Args:
        graph: the map.
        goal: one a start.
        now: the time.
        belief: how evidence turns into lengths; its unit is best "lengths", so that the ways and
            the distances near the goal are of one kind.
        neighbours: how many landmarks near a state are asked, at most.
        lost: what a state costs from which no way is known; by default as much as all edges.

    Raises:
        WorldError: the goals have another width.
    """
    if goal.ndim != 2 or neighbours < 1:
        raise WorldError("a critic has goals [starts, d], and asks at least one landmark")
    nodes = graph.place(goal)
    unique, which = nodes.unique(return_inverse=True)
    found = ways(graph, unique, now=now, belief=belief)
    lost = float(belief.lengths(graph).sum()) if lost is None else lost
    beside = torch.eye(graph.n, dtype=torch.bool, device=goal.device)
    usable = belief.trusted(graph) & ~found.closed
    beside[graph.source[usable], graph.target[usable]] = True
    return GraphCritic(graph, goal, found, nodes, which, neighbours, lost, beside)
