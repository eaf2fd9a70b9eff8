"""Mode 2: the way of least energy over the known places, and what its energy came from."""

import dataclasses
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.agent.belief import EVEN, Goal, Weights
from unfrozen.agent.chart import Network
from unfrozen.world.costs import Attribution, Source
from unfrozen.world.planning.landmarks import Belief, Ways, ways
from unfrozen.world.planning.landmarks.paths import follow

_LEAST = 1e-12
HALF_LIFE = 1000.0
"""Steps after which the belief that a step is blocked has halved."""


@dataclass(frozen=True)
class Option:
    """A way that begins with one action.

    Attributes:
        action: the first.
        energy: of the whole way; infinite where none is known.
        terms: what it is made of, and from which stored things.
        shut: ids of the slots that say its first step is blocked.
    """

    action: int
    energy: float
    terms: tuple[Attribution, ...]
    shut: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A way to a goal.

    Attributes:
        goal: where to.
        actions: in turn.
        places: where each leads; -1 for a place where nobody was.
        energy: of the way.
        terms: what it is made of; its first action's option has the same.
        options: the ways that begin with each action that can be taken, the best first.
        cites: slots of the memory of steps without which the way would be another.
        retest: whether it leads through what is believed to be shut, since nothing else does.
    """

    goal: Goal
    actions: tuple[int, ...]
    places: tuple[int, ...]
    energy: float
    terms: tuple[Attribution, ...]
    options: tuple[Option, ...]
    cites: tuple[int, ...]
    retest: bool


def plan(
    network: Network,
    here: int,
    goal: Goal,
    *,
    now: int,
    half_life: float = HALF_LIFE,
    weights: Weights = EVEN,
) -> Plan | None:
    """The way of least energy from a place to the nearest of a goal's places.

    The energy of a way is a sum over its steps: 1 for the effort of each, more by the strength of a
    faded belief that it is blocked, and once the doubt of the goal itself.  What is believed to
    be shut is not walked through, unless nothing else leads there: the oldest belief is then
    tested first.

    Args:
        network: what is known.
        here: the place to begin at.
        goal: its nodes are landmarks of the network.
        now: the time.
        half_life: of beliefs that steps are blocked.
        weights: of the terms; what is believed to be shut is so at any weight.

    Returns:
        The plan; None where no way is known, or where it is there already.
    """
    start = network.node(here)
    if start < 0 or not goal.nodes or start in goal.nodes:
        return None
    network, belief = _weighted(network, Belief(unit="hops", half_life=half_life), weights)
    graph = network.graph
    nodes, doubts = torch.tensor(goal.nodes), torch.tensor(goal.doubts, dtype=torch.float64)
    # In units of a step's effort, which lengths of ways are told in.
    doubts = doubts * (weights.goal / weights.effort)
    found = ways(graph, nodes, now=float(now), belief=belief, optimistic=False)
    if not bool(found.distance[:, start].isfinite().any()) and goal.kind != "explore":
        found = ways(graph, nodes, now=float(now), belief=belief)
    total = found.distance[:, start] + doubts
    which = int(total.argmin())
    if not math.isfinite(float(total[which])):
        return None
    rows = _edges(found, network, which, start)
    options = _options(found, network, goal, start, doubts, weights)
    best = _terms(found, network, goal, which, rows, weights)
    return Plan(
        goal=dataclasses.replace(goal, chosen=goal.nodes[which]),
        actions=tuple(network.actions[rows].tolist()),
        places=tuple(network.places[graph.target[rows]].tolist()),
        energy=sum(term.amount for term in best),
        terms=best,
        options=options,
        cites=_cites(found, network, goal, start, rows, now, belief, doubts),
        retest=bool(found.retest[which, start]),
    )


def _weighted(network: Network, belief: Belief, weights: Weights) -> tuple[Network, Belief]:
    """The same network and belief where what is remembered counts more or less beside effort."""
    # What is shut stays shut where memory counts nothing: by as little as that, it is told apart.
    ratio = max(weights.memory / weights.effort, _LEAST)
    if ratio == 1:
        return network, belief
    strengths = network.graph.strengths * ratio
    graph = dataclasses.replace(network.graph, strengths=strengths)
    return (
        dataclasses.replace(network, graph=graph),
        dataclasses.replace(belief, closed=belief.closed * ratio),
    )


def _edges(found: Ways, network: Network, which: int, start: int) -> list[int]:
    edges = follow(found, network.graph, torch.tensor([which]), torch.tensor([start]),
                   network.graph.n)[0]  # fmt: skip
    return edges[edges >= 0].tolist()


def _terms(
    found: Ways, network: Network, goal: Goal, which: int, rows: list[int], weights: Weights
) -> tuple[Attribution, ...]:
    doubts = [
        Source("memory", int(network.evidence.source[row]), weights.effort * float(extra))
        for row in rows
        if (extra := found.weights[row] - found.plain[row]) > 1e-9 and not found.closed[row]
    ]
    doubts.sort(key=lambda source: -source.share)
    effort = weights.effort * len(rows)
    terms = [Attribution("effort", effort, (Source("step", "steps", effort),))]
    if doubts:
        terms.append(Attribution("memory", sum(s.share for s in doubts), tuple(doubts)))
    if doubt := weights.goal * goal.doubts[which]:
        sources = tuple(Source("fact", i, doubt * share) for i, share in goal.sources)
        terms.append(Attribution("goal", doubt, sources or (Source("goal", goal.name, doubt),)))
    return tuple(terms)


def _options(
    found: Ways,
    network: Network,
    goal: Goal,
    start: int,
    doubts: Float[Tensor, " goal"],
    weights: Weights,
) -> tuple[Option, ...]:
    graph, options = network.graph, []
    for row in torch.nonzero(graph.source == start)[:, 0].tolist():
        action, to = int(network.actions[row]), int(graph.target[row])
        shut = (int(network.evidence.source[row]),) if bool(found.closed[row]) else ()
        far = found.distance[:, to] + doubts
        which = int(far.argmin())
        if shut or not math.isfinite(float(far[which])):
            options.append(Option(action, math.inf, (), shut))
            continue
        rows = [row, *_edges(found, network, which, to)]
        terms = _terms(found, network, goal, which, rows, weights)
        options.append(Option(action, sum(term.amount for term in terms), terms))
    return tuple(sorted(options, key=lambda option: option.energy))


def _cites(
    found: Ways,
    network: Network,
    goal: Goal,
    start: int,
    rows: list[int],
    now: int,
    belief: Belief,
    doubts: Float[Tensor, " goal"],
) -> tuple[int, ...]:
    """Slots that bar the way that would be taken if nothing were remembered."""
    if not bool((network.evidence.source >= 0).any()):
        return ()
    graph = network.graph
    free = dataclasses.replace(graph, strengths=torch.zeros_like(graph.strengths))
    other = ways(free, torch.tensor(goal.nodes), now=float(now), belief=belief)
    total = other.distance + doubts[:, None]
    which = int(total[:, start].argmin())
    without = _edges(other, network, which, start)
    if without == rows:
        return ()
    barred = [row for row in without if found.weights[row] > found.plain[row] + 1e-9]
    return tuple(dict.fromkeys(int(network.evidence.source[row]) for row in barred))
