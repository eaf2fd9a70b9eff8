"""What is believed of edges now: found blocked or open, and how long ago.

Evidence carries its time, and the later one wins: an edge that was taken after it was found blocked
is open; one that was found blocked is believed to be so the less the longer that is ago, and is
tried again when the belief has faded.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.distances import squared_distances
from unfrozen.world.planning.landmarks.graph import LandmarkGraph


@dataclass(frozen=True, kw_only=True)
class Belief:
    """How evidence turns into the lengths that paths are made of.

    Attributes:
        unit: what an edge costs: its "lengths" in latent space, its mean "steps", or 1 ("hops").
        least_count: edges taken less often are not trusted.
        half_life: the time after which a belief that an edge is blocked has halved.
        closed: the strength from which on an edge is not planned through.  Below it, it is longer
            by its strength as a share of its length.
    """

    unit: Literal["lengths", "steps", "hops"] = "lengths"
    least_count: int = 1
    half_life: float = 1000.0
    closed: float = 1.0

    def __post_init__(self) -> None:
        if self.unit not in ("lengths", "steps", "hops"):
            raise WorldError(f"edges cost 'lengths', 'steps' or 'hops', not {self.unit!r}")
        if not self.half_life > 0 or not self.closed > 0:
            raise WorldError("a belief has a positive half-life, and closes at a positive strength")

    def strengths(self, graph: LandmarkGraph, now: float) -> Float[Tensor, " edge"]:
        """How strongly each edge is believed to be blocked at this time."""
        age = (now - graph.blocked).clamp(min=0)
        faded = graph.strengths * torch.exp2(-age / self.half_life)
        return torch.where(graph.verified > graph.blocked, 0.0, faded)

    def trusted(self, graph: LandmarkGraph) -> Bool[Tensor, " edge"]:
        """Which edges were taken often enough."""
        return graph.counts >= self.least_count

    def lengths(self, graph: LandmarkGraph) -> Float[Tensor, " edge"]:
        """What edges cost where nothing speaks against them."""
        if self.unit == "hops":
            return torch.ones_like(graph.verified)
        return getattr(graph, self.unit).to(graph.verified)


def block(
    graph: LandmarkGraph,
    before: Float[Tensor, "k d"],
    after: Float[Tensor, "k d"],
    *,
    time: float,
    belief: Belief = Belief(),
    strength: float = 3.0,
    width: float | None = None,
) -> LandmarkGraph:
    """The map after steps that did not lead where they were thought to.

    Edges near such a step, in either direction, are believed to be blocked by
    strength exp(-(|l_i - before|^2 + |l_j - after|^2) / 2 width^2), added to what was believed.

    Args:
        graph: the map so far.
        before: where each step began.
        after: where it was thought to lead.
        time: when this was.
        belief: how what was believed before has faded.
        strength: of one piece of evidence; above `belief.closed`, the edge is closed for
            half_life log2(strength / closed).
        width: of the kernel, in the latents' unit; half the mean length of an edge by default.

    Raises:
        WorldError: shapes do not fit, or a number is not positive.
    """
    if before.shape != after.shape or before.ndim != 2 or not strength > 0:
        raise WorldError(
            "blocked steps lead from latents [k, d] to as many, and have a positive strength: not "
            f"{list(before.shape)} to {list(after.shape)}, {strength}"
        )
    felt = _felt(graph, before, after, width).sum(0)
    return add_strength(graph, strength * felt.to(graph.strengths), time=time, belief=belief)


def clear(
    graph: LandmarkGraph,
    before: Float[Tensor, "k d"],
    after: Float[Tensor, "k d"],
    *,
    width: float | None = None,
) -> LandmarkGraph:
    """The map after steps that went well where it might have been thought otherwise.

    Each takes away the share exp(-...) of the belief that edges near it are blocked, so that a door
    found open is open for all edges that lead through it.

    Args:
        graph: the map so far.
        before: where each step began.
        after: where it led.
        width: of the kernel, as for `block`.
    """
    left = (1 - _felt(graph, before, after, width)).clamp(min=0).prod(0)
    return dataclasses.replace(graph, strengths=graph.strengths * left.to(graph.strengths))


def block_edges(
    graph: LandmarkGraph,
    ids: Int[Tensor, " k"],
    *,
    time: float,
    belief: Belief = Belief(),
    strength: float = 3.0,
) -> LandmarkGraph:
    """The map after these very edges were found blocked, or were told to be.

    Raises:
        WorldError: there is no such edge.
    """
    hit = torch.isin(graph.ids, ids.to(graph.ids))
    if int(hit.sum()) != len(ids.unique()):
        raise WorldError("some of these edges are not in the map")
    return add_strength(graph, strength * hit.to(graph.strengths), time=time, belief=belief)


def add_strength(
    graph: LandmarkGraph, added: Float[Tensor, " edge"], *, time: float, belief: Belief
) -> LandmarkGraph:
    """The map with so much more belief that edges are blocked.

    Edges that are hardly touched keep the time of their evidence.

    Raises:
        WorldError: the time is not finite.
    """
    if not math.isfinite(time):
        raise WorldError(f"evidence has a finite time, not {time}")
    touched = added > 0.01 * added.max() if len(added) else added > 0
    known = belief.strengths(graph, time)
    return dataclasses.replace(
        graph,
        strengths=torch.where(touched, known + added, graph.strengths),
        blocked=torch.where(touched, time, graph.blocked),
    )


def _felt(
    graph: LandmarkGraph, before: Tensor, after: Tensor, width: float | None
) -> Float[Tensor, "k edge"]:
    if width is None:
        width = float(graph.lengths.mean()) / 2 if len(graph) else 1.0
    if not 0 < width < math.inf:
        raise WorldError(f"the width of evidence is positive, not {width}")
    from_before = squared_distances(before, graph.landmarks)
    from_after = squared_distances(after, graph.landmarks)
    there = from_before[:, graph.source] + from_after[:, graph.target]
    back = from_before[:, graph.target] + from_after[:, graph.source]
    return (torch.minimum(there, back) / (-2 * width**2)).exp()
