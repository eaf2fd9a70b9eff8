"""Plans against a search that tries everything, over small networks drawn by hand and by chance."""

import dataclasses
import heapq
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.agent import Goal, Weights, plan
from unfrozen.agent.chart import Network
from unfrozen.agent.memories import Evidence
from unfrozen.errors import AgentError
from unfrozen.world.planning.landmarks import LandmarkGraph

NOW, HALF_LIFE, CLOSED = 1000, 200.0, 1.0
Edges = list[tuple[int, int, float, float]]
"""Source, target, strength of the belief that it is blocked, and since when."""


def network(n: int, edges: Edges, frontier: tuple[int, ...] = ()) -> Network:
    """Places 0 to n-1; an edge's action is its number among those of its source."""
    source, target = (torch.tensor([e[k] for e in edges], dtype=torch.long) for k in (0, 1))
    strength, held = (torch.tensor([e[k] for e in edges], dtype=torch.float64) for k in (2, 3))
    sources = source.tolist()
    actions = torch.tensor([sources[:k].count(s) for k, s in enumerate(sources)])
    known = torch.where(held.isfinite(), 100 + torch.arange(len(edges)), -1)
    never, length = torch.full_like(held, -math.inf), torch.ones(len(edges))
    graph = LandmarkGraph(
        torch.eye(n), source, target, torch.arange(len(edges)), torch.ones_like(source), length,
        length, torch.full_like(source, -1), never, strength, held, next_id=len(edges),
    )  # fmt: skip
    places = torch.arange(n)
    places[list(frontier)] = -1
    evidence = Evidence(strength, held, known, never)
    return Network(graph, places, actions, evidence, torch.tensor(frontier, dtype=torch.long))


def free(found: Network, slots: tuple[int, ...] | None = None) -> Network:
    """The same without some evidence, or without any."""
    gone = torch.ones(len(found.graph), dtype=torch.bool)
    if slots is not None:
        gone = torch.isin(found.evidence.source, torch.tensor(slots))
    strengths = torch.where(gone, 0.0, found.graph.strengths)
    blocked = torch.where(gone, -math.inf, found.graph.blocked)
    source = torch.where(gone, -1, found.evidence.source)
    return dataclasses.replace(
        found,
        graph=dataclasses.replace(found.graph, strengths=strengths, blocked=blocked),
        evidence=found.evidence._replace(strength=strengths, held=blocked, source=source),
    )


def costs(
    edges: Edges, opened: float = -math.inf, effort: float = 1.0, memory: float = 1.0
) -> dict[tuple[int, int], float]:
    """What each step costs; those believed shut after a time are left out, others are tested."""
    found = {}
    for source, target, strength, since in edges:
        faded = strength * 2 ** (-(NOW - since) / HALF_LIFE) if math.isfinite(since) else 0.0
        if faded < CLOSED:
            found[source, target] = effort + memory * faded
        elif since <= opened:
            found[source, target] = effort
    return found


def far(cost: dict[tuple[int, int], float], start: int) -> dict[int, float]:
    """The least energy to each place, by trying all ways, the cheapest first."""
    done, queue = dict[int, float](), [(0.0, start)]
    while queue:
        energy, at = heapq.heappop(queue)
        if at not in done:
            done[at] = energy
            queue += [(energy + c, t) for (s, t), c in cost.items() if s == at]
            heapq.heapify(queue)
    return done


@st.composite
def drawn(draw: st.DrawFn) -> tuple[int, Edges]:
    n = draw(st.integers(3, 8))
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, min_size=2, max_size=2 * n))
    edges: Edges = []
    for source, target in chosen:
        since = draw(st.sampled_from((-math.inf, -math.inf, 100.0, 500.0, 990.0)))
        edges.append((source, target, 3.0 if math.isfinite(since) else 0.0, since))
    return n, edges


@given(world=drawn(), goals=st.sets(st.integers(1, 7), min_size=1, max_size=3), data=st.data())
def test_plans_cost_what_the_best_of_all_ways_costs(
    world: tuple[int, Edges], goals: set[int], data: st.DataObject
) -> None:
    n, edges = world
    nodes = tuple(sorted(goal for goal in goals if goal < n))
    doubts = tuple(data.draw(st.sampled_from((0.0, 0.5, 2.5))) for _ in nodes)
    if not nodes:
        return
    made = network(n, edges)
    found = plan(made, 0, Goal("person", "baker", nodes, doubts), now=NOW, half_life=HALF_LIFE)
    reached = far(costs(edges), 0)
    ways = [reached[node] + d for node, d in zip(nodes, doubts, strict=True) if node in reached]
    if ways:
        assert found is not None
        assert found.energy == pytest.approx(min(ways))
        assert not found.retest
    elif found is None:
        # Not even with everything open that is believed to be shut.
        assert not set(nodes) & set(far(costs(edges, NOW), 0))
        return
    else:
        assert found.retest
    # The actions lead where the plan says, and end at a goal.
    at, taken = 0, {(s, a): t for s, a, t in zip(
        made.graph.source.tolist(), made.actions.tolist(), made.graph.target.tolist(), strict=True
    )}  # fmt: skip
    for action, to in zip(found.actions, found.places, strict=True):
        at = taken[at, action]
        assert at == to
    assert at == found.goal.chosen
    assert at in nodes
    # Terms add up, to what they come from.
    for term in found.terms:
        assert sum(source.share for source in term.sources) == pytest.approx(term.amount)


@given(world=drawn(), goal=st.integers(1, 2))
def test_what_is_cited_is_what_bars_the_way(world: tuple[int, Edges], goal: int) -> None:
    n, edges = world
    made, wanted = network(n, edges), Goal("place", "mill", (goal,), (0.0,))
    found = plan(made, 0, wanted, now=NOW, half_life=HALF_LIFE)
    bare = plan(free(made), 0, wanted, now=NOW, half_life=HALF_LIFE)
    if found is None:
        assert bare is None
        return
    assert bare is not None
    assert bare.cites == ()
    assert bare.energy <= found.energy + 1e-9
    without = plan(free(made, found.cites), 0, wanted, now=NOW, half_life=HALF_LIFE)
    assert without is not None
    if found.cites:
        # Without what is cited the way is another, as good as if nothing were remembered.
        assert bare.actions != found.actions
        assert without.energy == pytest.approx(bare.energy)
    elif found.actions != bare.actions:
        # Of ways that are alike any may be taken.
        assert found.energy == pytest.approx(bare.energy)


@given(world=drawn(), goal=st.integers(1, 2))
def test_options_are_the_ways_that_begin_with_each_step(
    world: tuple[int, Edges], goal: int
) -> None:
    n, edges = world
    made = network(n, edges)
    found = plan(made, 0, Goal("place", "mill", (goal,), (0.25,)), now=NOW, half_life=HALF_LIFE)
    if found is None or found.retest:
        return
    cost = costs(edges)
    first = [edge for edge in edges if edge[0] == 0]
    assert sorted(option.action for option in found.options) == list(range(len(first)))
    for option in found.options:
        source, target = first[option.action][:2]
        beyond = far(cost, target).get(goal, math.inf)
        expected = cost.get((source, target), math.inf) + beyond + 0.25
        assert option.energy == pytest.approx(expected)
        assert bool(option.shut) == ((source, target) not in cost)
    energies = [option.energy for option in found.options]
    assert energies == sorted(energies)
    assert energies[0] == pytest.approx(found.energy)
    chosen = next(o for o in found.options if o.action == found.actions[0])
    assert chosen.terms == found.terms


def ring(shut: dict[tuple[int, int], float]) -> Network:
    """Six places round a ring, both ways; some steps were found shut."""
    pairs = [(k, (k + d) % 6) for k in range(6) for d in (1, -1)]
    return network(
        6, [(a, b, 3.0, shut[a, b]) if (a, b) in shut else (a, b, 0.0, -math.inf) for a, b in pairs]
    )


def test_a_shut_step_is_walked_around_and_the_memory_of_it_is_cited() -> None:
    goal = Goal("place", "mill", (2,), (0.0,))
    direct = plan(ring({}), 0, goal, now=NOW)
    assert direct is not None
    assert (direct.places, direct.cites, direct.energy) == ((1, 2), (), 2.0)
    round_about = plan(ring({(1, 2): 999.0}), 0, goal, now=NOW)
    assert round_about is not None
    assert round_about.places == (5, 4, 3, 2)
    # The third edge of the list: from 1 on.
    assert round_about.cites == (102,)
    assert not round_about.retest


def test_a_faded_belief_is_a_doubt_that_costs_and_is_named() -> None:
    # Two half-lives take 3 to 3/4, below what shuts a step.
    found = plan(
        ring({(1, 2): NOW - 400.0}), 0, Goal("place", "m", (2,), (0.0,)), now=NOW, half_life=200.0
    )
    assert found is not None
    assert found.places == (1, 2)
    assert found.energy == pytest.approx(2.75)
    assert {term.term: term.amount for term in found.terms} == pytest.approx(
        {"effort": 2.0, "memory": 0.75}
    )
    (source,) = found.terms[1].sources
    assert (source.kind, source.id) == ("memory", 102)


def test_where_everything_is_shut_the_oldest_belief_is_tested() -> None:
    goal = Goal("place", "mill", (2,), (0.0,))
    found = plan(ring({(1, 2): 990.0, (4, 3): 900.0}), 0, goal, now=NOW)
    assert found is not None
    assert found.retest
    assert found.places == (5, 4, 3, 2)
    younger = plan(ring({(1, 2): 900.0, (4, 3): 990.0}), 0, goal, now=NOW)
    assert younger is not None
    assert younger.places == (1, 2)
    # The unknown is not worth it: what is shut stays so.
    assert plan(ring({(1, 2): 990.0, (4, 3): 900.0}), 0,
                dataclasses.replace(goal, kind="explore"), now=NOW) is None  # fmt: skip


def test_the_doubt_of_a_goal_chooses_among_places_and_cites_its_facts() -> None:
    nodes, sources = (1, 3), ((7, 0.75), (8, 0.25))
    near = plan(ring({}), 0, Goal("person", "b", nodes, (1.5, 0.0), sources), now=NOW)
    assert near is not None
    assert near.goal.chosen == 1
    assert near.energy == pytest.approx(2.5)
    assert [(s.kind, s.id, s.share) for s in near.terms[-1].sources] == [
        ("fact", 7, 1.125), ("fact", 8, 0.375),
    ]  # fmt: skip
    further = plan(ring({}), 0, Goal("person", "b", nodes, (2.5, 0.0), sources), now=NOW)
    assert further is not None
    assert further.goal.chosen == 3


def test_there_is_no_plan_from_nowhere_to_nowhere_or_to_where_one_is() -> None:
    made = ring({})
    for here, nodes in ((-1, (1,)), (6, (1,)), (0, ()), (0, (0, 1))):
        goal = Goal("place", "mill", nodes, (0.0,) * len(nodes))
        assert plan(made, here, goal, now=NOW) is None
    alone = network(3, [(0, 1, 0.0, -math.inf)])
    assert plan(alone, 0, Goal("place", "mill", (2,), (0.0,)), now=NOW) is None


def test_a_way_into_the_unknown_ends_at_no_place() -> None:
    made = network(3, [(0, 1, 0.0, -math.inf), (1, 2, 0.0, -math.inf)], frontier=(2,))
    found = plan(made, 0, Goal("explore", "", (2,), (0.5,)), now=NOW)
    assert found is not None
    assert found.places == (1, -1)
    assert found.terms[-1].sources[0].kind == "goal"


@given(
    world=drawn(),
    each=st.tuples(*(st.sampled_from(v) for v in ((0.5, 1.0, 3.0), (0.0, 0.5, 4.0), (0.0, 2.0)))),
)
def test_weights_make_terms_count_more_or_less(
    world: tuple[int, Edges], each: tuple[float, float, float]
) -> None:
    n, edges = world
    nodes, doubts = (1, 2), (0.5, 1.0)
    effort, memory, goal = each
    weights = Weights(effort, memory, goal)
    made = network(n, edges)
    found = plan(
        made, 0, Goal("explore", "", nodes, doubts), now=NOW, half_life=HALF_LIFE, weights=weights
    )
    way = far(costs(edges, effort=effort, memory=memory), 0)
    energies = [way[node] + goal * doubt for node, doubt in zip(nodes, doubts, strict=True)
                if node in way]  # fmt: skip
    if not energies:
        assert found is None
        return
    assert found is not None
    assert found.energy == pytest.approx(min(energies))
    assert found.energy == pytest.approx(found.options[0].energy)
    named = {term.term: term for term in found.terms}
    assert named["effort"].amount == pytest.approx(effort * len(found.actions))
    for term in found.terms:
        assert sum(source.share for source in term.sources) == pytest.approx(term.amount)


def test_what_counts_is_finite_and_effort_costs() -> None:
    for wrong in ({"effort": 0.0}, {"memory": -1.0}, {"goal": math.inf}):
        with pytest.raises(AgentError, match="weights of energies"):
            Weights(**wrong)


def test_what_is_shut_stays_shut_where_memory_counts_nothing() -> None:
    # Past what is shut it is one step, and round it two; what is only doubted costs nothing more.
    edges: Edges = [(0, 2, 3.0, 999.0), (0, 1, 0.9, 999.0), (1, 2, 0.0, -math.inf)]
    goal = Goal("place", "mill", (2,), (0.0,))
    found = plan(network(3, edges), 0, goal, now=NOW, weights=Weights(memory=0.0))
    assert found is not None
    assert found.places == (1, 2)
    assert found.energy == pytest.approx(2.0)
