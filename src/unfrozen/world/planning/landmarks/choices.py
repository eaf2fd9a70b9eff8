"""The map as something to search a tree over: an action is the next edge."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.world.planning.landmarks.evidence import Belief
from unfrozen.world.planning.landmarks.graph import LandmarkGraph
from unfrozen.world.planning.trees.tree import Outcome, Recurrent, Root


def choices(
    graph: LandmarkGraph,
    start: Int[Tensor, " b"],
    goal: Int[Tensor, " b"],
    *,
    now: float,
    belief: Belief = Belief(),
) -> tuple[Root, Recurrent, Int[Tensor, "n out"]]:
    """Roots and recurrent function of a search from landmarks to landmarks.

    A reward is minus what the edge costs, a value minus the distance in latent space, which never
    says too much where edges cost their lengths.  Closed edges cannot be taken, and the goal ends
    the search; so does a landmark with no way on, as long a way as all edges together.

    Args:
        graph: the map.
        start: where each row is.
        goal: where it wants to be.
        now: the time.
        belief: how evidence turns into lengths.

    Returns:
        The roots, the function, and the landmark each action leads to, -1 where there is none.
    """
    strength = belief.strengths(graph, now)
    kept = (belief.trusted(graph) & (strength < belief.closed)).nonzero()[:, 0]
    kept = kept[graph.source[kept].argsort(stable=True)]
    source = graph.source[kept]
    degree = torch.bincount(source, minlength=graph.n)
    width = max(1, int(degree.max()))
    # The number of each edge among those that leave the same landmark.
    number = torch.arange(len(kept), device=kept.device) - (degree.cumsum(0) - degree)[source]
    target = torch.full((graph.n, width), -1, device=kept.device)
    target[source, number] = graph.target[kept]
    landmarks = graph.landmarks
    cost = landmarks.new_zeros(graph.n, width)
    weights = belief.lengths(graph) * (1 + strength)
    cost[source, number] = weights[kept].to(landmarks)
    logits = torch.where(target >= 0, 0.0, -torch.inf).to(landmarks)
    stuck = degree == 0
    # A row of nothing but -inf is no prior.
    logits[stuck] = 0.0
    far = float(weights.sum())

    def value(node: Tensor, towards: Tensor) -> Float[Tensor, " b"]:
        away = (landmarks[node] - landmarks[towards]).norm(dim=1)
        lost = stuck[node] & (node != towards)
        return torch.where(lost, -far, -away)

    def recurrent(action: Tensor, embedding: Tensor) -> Outcome:
        node, towards = embedding.unbind(1)
        after = target[node, action]
        blind = after < 0
        after = torch.where(blind, node, after)
        reward = torch.where(blind, -far, -cost[node, action])
        ends = blind | (after == towards) | stuck[after]
        worth = torch.where(blind, 0.0, value(after, towards))
        discount = torch.where(ends, 0.0, 1.0).to(reward)
        # Where it ends, what is known of the end comes with the reward.
        reward = torch.where(ends, reward + worth, reward)
        return Outcome(reward, discount, logits[after], worth, torch.stack([after, towards], 1))

    root = Root(logits[start], value(start, goal), torch.stack([start, goal], 1))
    return root, recurrent, target
