"""Ways over landmarks that were never walked: a tree of what a model foresees, grown from here.

Where walls stand elsewhere than ever before, no map of transitions is of use, but latents of places
still are.  From the present state the model pushes in all directions; each push that ends nearer to
a landmark where no other has been adds a node, with the latent that was foreseen, and is pushed on
from.  Nothing is ever set to the landmark itself: what is pressed against a wall lies nearest to a
landmark inside of it, and would go on from there on the other side.  So the tree goes where the
model can go, and a way in it is a row of actions.  For the same reason it has come to its goal only
when a push passes nearer to it than the other side of a wall is.

Source: novelty among cells as in Go-Explore (Ecoffet et al. 2021) and rapidly exploring trees
(LaValle 1998), in latents of a world model instead of states of a simulator.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.distances import neighbours
from unfrozen.world.model import Dynamics, rollout


@dataclass(frozen=True)
class ImagineSettings:
    """How a tree is grown.

    Attributes:
        directions: of pushes, evenly around.
        steps: of a push.
        speed: of each step, in units of the action.
        at_once: nodes of each tree that are pushed on from together, nearest to the root first.
        rounds: in which that is done, at most.
        ahead: nodes from the root to the sub-goal.
        near: how near a push has to pass the goal to have come to it, as a share of a step.
    """

    directions: int = 16
    steps: int = 2
    speed: float = 1.5
    at_once: int = 24
    rounds: int = 60
    ahead: int = 3
    near: float = 0.5

    def __post_init__(self) -> None:
        whole = (self.directions, self.steps, self.at_once, self.rounds, self.ahead)
        if min(whole) < 1 or not all(0 < x < math.inf for x in (self.speed, self.near)):
            raise WorldError("a tree has directions, steps, rounds, speed and nearness above zero")

    def pushes(self) -> Float[Tensor, "m t 2"]:
        """All pushes."""
        angle = torch.arange(self.directions) * (2 * math.pi / self.directions)
        way = self.speed * torch.stack([angle.cos(), angle.sin()], 1)
        return way[:, None].expand(-1, self.steps, -1)


class Imagined(NamedTuple):
    """A tree for each row, a node for each landmark that it came to.

    Attributes:
        states: that were foreseen there.
        parents: the landmark that each was reached from; its own at the root, -1 where the tree has
            not been.
        depths: pushes from the root.
        nearest: the node from which a push passed nearest to the goal.
        arrived: whether that is near enough.
    """

    states: Float[Tensor, "b n d"]
    parents: Int[Tensor, "b n"]
    depths: Float[Tensor, "b n"]
    nearest: Int[Tensor, " b"]
    arrived: Bool[Tensor, " b"]

    def way(self, row: int) -> list[int]:
        """Landmarks from the root to the node from which the goal is nearest."""
        found = [int(self.nearest[row])]
        while int(self.parents[row, found[-1]]) != found[-1]:
            found.append(int(self.parents[row, found[-1]]))
        return found[::-1]

    def ahead(self, goal: Float[Tensor, "b d"], nodes: int) -> Float[Tensor, "b d"]:
        """States so many nodes from the root on the way; the goal itself if it is not farther."""
        rows = torch.arange(len(goal), device=goal.device)
        at, left = self.nearest, self.depths[rows, self.nearest] - nodes
        for _ in range(int(left.max().clamp(min=0))):
            at = torch.where(left > 0, self.parents[rows, at], at)
            left = left - 1
        farther = self.depths[rows, self.nearest] > nodes
        near = torch.where(self.arrived[:, None], goal, self.states[rows, self.nearest])
        return torch.where(farther[:, None], self.states[rows, at], near)


@torch.no_grad()
def imagine(
    dynamics: Dynamics,
    landmarks: Float[Tensor, "n d"],
    start: Float[Tensor, "b d"],
    goal: Float[Tensor, "b d"],
    settings: ImagineSettings = ImagineSettings(),
) -> Imagined:
    """Grow a tree from each start, until it has come to its goal or can go nowhere new.

    Args:
        dynamics: the model; states of one row are side by side.
        landmarks: latents of places, of whatever walls.
        start: the roots.
        goal: one a root.
        settings: how.

    Raises:
        WorldError: shapes do not fit.
    """
    if start.shape != goal.shape or start.shape[1] != landmarks.shape[1] or not len(landmarks):
        raise WorldError(
            f"starts {list(start.shape)}, goals {list(goal.shape)} and landmarks "
            f"{list(landmarks.shape)} are of one width, and there is one goal a start"
        )
    b, d, n = *start.shape, len(landmarks)
    device, rows = start.device, torch.arange(len(start), device=start.device)
    pushes = settings.pushes().to(start)
    m, most = len(pushes), min(settings.at_once, n)
    root = neighbours(start, landmarks).indices[:, 0]
    states, parents = start.new_zeros(b, n, d), torch.full((b, n), -1, device=device)
    depths = start.new_full((b, n), torch.inf)
    states[rows, root], parents[rows, root], depths[rows, root] = start, root, 0.0
    waiting, nearest, least = depths.clone(), root, (start - goal).norm(dim=1)
    near = settings.near * _stride(dynamics, start, pushes)
    for _ in range(settings.rounds):
        waiting[least <= near] = torch.inf
        if not bool(waiting.isfinite().any()):
            break
        depth, node = waiting.topk(most, largest=False)
        waiting.scatter_(1, node, torch.inf)
        origin = states.gather(1, node[..., None].expand(-1, -1, d))
        begin = origin[:, :, None].expand(-1, -1, m, -1).reshape(-1, d)
        tried = pushes.expand(b * most, -1, -1, -1).flatten(0, 1)
        ways = rollout(dynamics, begin, tried).view(b, most * m, -1, d)
        # Padding is pushed too, and leads nowhere.
        real = depth.isfinite().repeat_interleave(m, 1)
        passed = (ways - goal[:, None, None]).norm(dim=-1).amin(-1).masked_fill(~real, torch.inf)
        closest, which = passed.min(1)
        closer = closest < least
        nearest = torch.where(closer, node.gather(1, which[:, None] // m)[:, 0], nearest)
        least = torch.where(closer, closest, least)
        ends = ways[:, :, -1]
        cells = neighbours(ends.flatten(0, 1), landmarks).indices[:, 0].view(b, -1)
        new = real & (parents.gather(1, cells) < 0)
        # The first push that comes to a landmark, in the order of depth, makes its node.
        order = torch.where(new, torch.arange(new.shape[1], device=device), new.shape[1])
        first = order.new_full((b, n), new.shape[1]).scatter_reduce(1, cells, order, "amin")
        row, cell = (first < new.shape[1]).nonzero(as_tuple=True)
        push = first[row, cell]
        states[row, cell] = ends[row, push]
        parents[row, cell] = node[row, push // m]
        depths[row, cell] = waiting[row, cell] = depth[row, push // m] + 1
    return Imagined(states, parents, depths, nearest, least <= near)


def _stride(
    dynamics: Dynamics, start: Float[Tensor, "b d"], pushes: Float[Tensor, "m t 2"]
) -> Float[Tensor, " b"]:
    """How far a step goes: where half of the ways are blocked, the others still tell."""
    m = len(pushes)
    begin = start[:, None].expand(-1, m, -1).flatten(0, 1)
    after = dynamics.step(begin, pushes[:, 0].repeat(len(start), 1))
    return (after - begin).norm(dim=1).view(-1, m).quantile(0.75, 1)
