"""Two levels: the way over the map, and MPPI from here to a landmark on it.

The upper level says which landmark a few hops ahead to go to; the lower one how.  Two hops ahead
is what works: one is reached before the plan ends, four lie behind walls that the lower level's
distance knows nothing of.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.costs import Goal, Term, TotalCost
from unfrozen.world.model import Dynamics
from unfrozen.world.planning.continuous.mppi import MppiSettings, mppi
from unfrozen.world.planning.landmarks.evidence import Belief
from unfrozen.world.planning.landmarks.graph import LandmarkGraph
from unfrozen.world.planning.landmarks.paths import Ways, follow, ways
from unfrozen.world.planning.plan import Plan


@dataclass(frozen=True, kw_only=True)
class LandmarkSettings:
    """How to plan on two levels.

    Attributes:
        lower: how to plan to the landmark.
        hops: how many edges ahead it lies.
        belief: how evidence turns into lengths.
    """

    lower: MppiSettings
    hops: int = 2
    belief: Belief = Belief()

    def __post_init__(self) -> None:
        if self.hops < 1:
            raise WorldError(f"a landmark to go to lies at least one hop ahead, not {self.hops}")


@dataclass(frozen=True)
class SubGoals:
    """What the upper level asks of the lower one.

    Attributes:
        latent: where to go; the goal itself if it is near, or if no way to it is known.
        node: the landmark it is; -1 if it is the goal itself.
        here: the landmark where each row starts.
        reachable: whether a way is known.
        retest: whether the way goes through an edge that is believed to be closed.
        distance: of the way, from landmark to landmark.
        ways: from every landmark to the goals.
        which: row by row, the number of its goal among them.
    """

    latent: Float[Tensor, "b d"]
    node: Int[Tensor, " b"]
    here: Int[Tensor, " b"]
    reachable: Bool[Tensor, " b"]
    retest: Bool[Tensor, " b"]
    distance: Float[Tensor, " b"]
    ways: Ways
    which: Int[Tensor, " b"]


@dataclass(frozen=True)
class LandmarkPlan(Plan):
    """A plan to landmarks.

    Attributes:
        subgoals: where the plans go, and why.
    """

    subgoals: SubGoals | None = None


def subgoals(
    graph: LandmarkGraph,
    start: Float[Tensor, "b d"],
    goal: Float[Tensor, "b d"],
    *,
    now: float,
    hops: int = 2,
    belief: Belief = Belief(),
) -> SubGoals:
    """The landmark so many hops ahead of each start, on its way to its goal.

    Args:
        graph: the map.
        start: where each row is.
        goal: where it wants to be.
        now: the time.
        hops: how far ahead; the goal itself if it is not farther.
        belief: how evidence turns into lengths.

    Raises:
        WorldError: shapes do not fit.
    """
    if start.shape != goal.shape:
        raise WorldError(
            f"there is one goal a start: {list(start.shape)} starts, {list(goal.shape)} goals"
        )
    here, node = graph.place(start), graph.place(goal)
    unique, which = node.unique(return_inverse=True)
    found = ways(graph, unique, now=now, belief=belief)
    edges = follow(found, graph, which, here, hops)
    # As many hops as asked for, and not yet there.
    after = graph.target[edges[:, -1]] if len(graph) else here
    ahead = (edges[:, -1] >= 0) & (after != node)
    latent = torch.where(ahead[:, None], graph.landmarks[after].to(goal), goal)
    distance = found.distance[which, here]
    return SubGoals(
        latent,
        torch.where(ahead, after, -1),
        here,
        distance.isfinite(),
        found.retest[which, here],
        distance,
        found,
        which,
    )


def landmark_plan(
    dynamics: Dynamics,
    graph: LandmarkGraph,
    start: Float[Tensor, "b d"],
    goal: Float[Tensor, "b d"],
    settings: LandmarkSettings,
    *,
    now: float,
    terms: tuple[Term, ...] = (),
    actions: Float[Tensor, "b t a"] | None = None,
    proposals: Float[Tensor, "b p t a"] | None = None,
    generator: torch.Generator | None = None,
    trace: int = 0,
) -> LandmarkPlan:
    """Choose the landmark to go to, and plan there by MPPI.

    Args:
        dynamics: the model.
        graph: the map.
        start: where each row is.
        goal: where it wants to be.
        settings: how to plan.
        now: the time, in the unit of the map's evidence.
        terms: of the lower level's cost, besides the goal.
        actions: the first mean, such as `Plan.shifted`.
        proposals: plans to try in the first round.
        generator: draws the noise.
        trace: how many candidates to keep of each round.

    Raises:
        WorldError: shapes do not fit, or a term is called "goal".
    """
    upper = subgoals(graph, start, goal, now=now, hops=settings.hops, belief=settings.belief)
    cost = TotalCost((Goal(upper.latent, id="sub-goal"), *terms))
    plan = mppi(
        dynamics,
        cost,
        start,
        settings.lower,
        actions=actions,
        proposals=proposals,
        generator=generator,
        trace=trace,
    )
    return LandmarkPlan(**vars(plan), subgoals=upper)
