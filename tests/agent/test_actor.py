"""Decisions: by habit where it is sure, else by plan, at random where nothing is known."""

import copy
import dataclasses
import itertools
import math

import pytest
import torch
from tests.agent.conftest import Walked

from unfrozen.agent import Agent, Belief, Configuration, Decision, Goal, Plan, Weights, plan
from unfrozen.agent.actor import Actor, Spent
from unfrozen.agent.chart import Network
from unfrozen.agent.protocols import Scores

OPEN = torch.ones(4, dtype=torch.bool)


@pytest.fixture
def agent(child: tuple[Agent, int]) -> Agent:
    """One that knows the town, far from place 0, at a place with two ways there and a wall."""
    found = copy.deepcopy(child[0])
    found.actor.begin()
    found.actor.spent = Spent()
    known = network(found)
    for here in range(known.graph.n):
        far = plan(known, here, place(found, 0), now=0)
        if far is None or len(far.actions) < 5:
            continue
        ways = [option.energy for option in far.options if math.isfinite(option.energy)]
        if len(ways) == 3 and ways[0] < ways[1]:
            found.chart.map.resume(here)
            return found
    raise AssertionError


def network(agent: Agent) -> Network:
    return agent.chart.network(agent.steps)


def place(agent: Agent, goal: int, kind: str = "place", name: str = "mill") -> Goal:
    return Goal(kind, name, (network(agent).node(goal),), (0.0,))


def decide(agent: Agent, goal: Goal, habits: bool = True) -> Decision:
    return agent.actor.decide(*asked(agent, goal, OPEN, agent.time, habits))


def asked(
    agent: Agent, goal: Goal, exits: torch.Tensor, time: int, habits: bool = True
) -> tuple[Belief, Network, Configuration]:
    chart = agent.chart
    belief = Belief(chart.map.code, exits, chart.place, None, time)
    mode = "explore" if goal.kind == "explore" else "pursue"
    return belief, network(agent), Configuration(mode, goal, habits=habits)


def form(agent: Agent, at: int, goal: int, action: int, times: int = 1) -> int:
    chart = agent.chart
    for _ in range(times):
        found = agent.habits.form(chart.key(at), chart.key(goal), action, time=agent.time)
    return found


def test_a_plan_is_kept_until_it_ends(agent: Agent) -> None:
    goal = place(agent, 0)
    first = decide(agent, goal)
    assert first.mode == "plan"
    assert first.plan is not None
    for at, action in enumerate(first.plan.actions):
        found = decide(agent, goal)
        assert (found.plan, found.at, found.action) == (first.plan, at, action)
        agent.actor.moved(agent.chart.place, action)
    assert agent.actor.spent.plans == 1
    # It should have been there: another plan is made.
    assert decide(agent, goal).at == 0
    assert agent.actor.spent.plans == 2


def test_a_plan_is_made_anew_when_something_is_found_blocked(agent: Agent) -> None:
    goal = place(agent, 0)
    first = decide(agent, goal)
    steps = agent.chart.both_ways(agent.chart.place, first.action)
    ids = agent.steps.blocked(steps, time=agent.time)
    agent.actor.was_blocked(learnt=True)
    second = decide(agent, goal)
    assert second.action != first.action
    assert first.plan is not None
    assert second.plan is not None
    assert second.plan.energy > first.plan.energy
    # Of both sides of the step, that of here is in the way.
    assert second.cites == (("memory", ids[0]),)


def test_a_plan_is_made_anew_when_the_goal_is_known_to_be_elsewhere(agent: Agent) -> None:
    # Of two neighbours of here, one and then the other.
    found, here = network(agent), agent.chart.place
    rows = [r for r in range(len(found.graph)) if int(found.places[found.graph.source[r]]) == here]
    near = [
        (int(found.actions[r]), int(to)) for r in rows
        if (to := found.places[found.graph.target[r]]) >= 0
    ]  # fmt: skip
    (_, first), far = near[0], 0
    assert decide(agent, place(agent, far, "person", "baker"), habits=False).action is not None
    moved = place(agent, first, "person", "baker")
    second = decide(agent, moved, habits=False)
    assert second.plan is not None
    assert second.plan.places == (first,)
    assert agent.actor.pursuit is not None
    assert agent.actor.pursuit.goal == moved


def test_a_sure_habit_is_followed_without_a_plan(agent: Agent) -> None:
    goal, here = place(agent, 0), agent.chart.place
    action = decide(agent, goal, habits=False).action
    agent.actor.begin()
    which = form(agent, here, 0, action)
    found = decide(agent, goal)
    assert (found.mode, found.action, found.plan) == ("habit", action, None)
    assert found.cites == (("habit", which),)
    assert agent.actor.spent.recalls == 1
    # The goal comes from facts, by whatever mode it is gone for.
    told = decide(agent, dataclasses.replace(goal, sources=((5, 1.0),)))
    assert (told.mode, told.cites) == ("habit", (("habit", which), ("fact", 5)))
    # Not by one without habits, nor for a place that is not just one, nor to explore.
    assert decide(agent, goal, habits=False).mode == "plan"
    agent.actor.begin()
    twice = Goal("place", "mill", (*goal.nodes, 1), (0.0, 0.0))
    assert decide(agent, twice).mode == "plan"
    agent.actor.begin()
    assert decide(agent, place(agent, 0, "explore")).mode == "plan"


def test_habits_that_lead_nowhere_are_not_followed(agent: Agent) -> None:
    goal, here = place(agent, 0), agent.chart.place
    shut = next(a for a in range(4) if network(agent).edge(here, a) < 0)
    agent.actor.begin()
    form(agent, here, 0, shut)
    assert decide(agent, goal).mode == "plan"


def test_a_habit_through_a_shut_step_waits_until_that_is_long_ago(agent: Agent) -> None:
    goal, here = place(agent, 0), agent.chart.place
    action = decide(agent, goal, habits=False).action
    agent.actor.begin()
    form(agent, here, 0, action)
    agent.steps.blocked(agent.chart.both_ways(here, action), time=agent.time)
    assert decide(agent, goal).mode == "plan"
    agent.actor.begin()
    agent.time += round(agent.actor.half_life)
    assert decide(agent, goal).mode == "habit"


def test_a_habit_that_leads_in_a_circle_is_given_up_and_forgotten(agent: Agent) -> None:
    goal, here = place(agent, 0), agent.chart.place
    action = decide(agent, goal, habits=False).action
    agent.actor.begin()
    form(agent, here, 0, action)
    assert decide(agent, goal).mode == "habit"
    agent.actor.moved(here, action)
    assert decide(agent, goal).mode == "plan"
    assert not len(agent.habits.slots)


def test_a_blocked_way_ends_the_habits_of_the_errand(agent: Agent) -> None:
    goal, here = place(agent, 0), agent.chart.place
    action = decide(agent, goal, habits=False).action
    agent.actor.begin()
    form(agent, here, 0, action)
    decide(agent, goal)
    agent.actor.moved(here, action)
    agent.actor.was_blocked(learnt=True)
    assert decide(agent, goal).mode == "plan"
    assert agent.actor.pursuit is not None
    assert agent.actor.pursuit.trail == []


def test_habits_that_lead_on_and_on_are_left_for_plans(agent: Agent) -> None:
    goal, here = place(agent, 0), agent.chart.place
    form(agent, here, 0, decide(agent, goal, habits=False).action)
    agent.actor.begin()
    assert decide(agent, goal).mode == "habit"
    for _ in range(network(agent).graph.n):
        # Other places each time, as far as the actor is told.
        agent.actor.moved(-1, 0)
    assert decide(agent, goal).mode == "habit"
    agent.actor.moved(-1, 0)
    assert decide(agent, goal).mode == "plan"


def test_plans_that_bring_it_no_nearer_are_an_impasse(agent: Agent) -> None:
    goal, patience = place(agent, 0), agent.configurator.settings.patience
    decide(agent, goal, habits=False)
    for _ in range(patience):
        assert agent.configurator.impasses == 0
        agent.actor.was_blocked(learnt=False)
        decide(agent, goal, habits=False)
    assert agent.configurator.impasses == 0
    agent.actor.was_blocked(learnt=False)
    decide(agent, goal, habits=False)
    assert agent.configurator.impasses == 1


def test_what_is_learnt_is_a_gain(agent: Agent) -> None:
    goal = place(agent, 0)
    for _ in range(3 * agent.configurator.settings.patience):
        decide(agent, goal, habits=False)
        agent.actor.was_blocked(learnt=True)
    assert agent.configurator.impasses == 0


def test_where_no_way_is_known_the_unknown_is_gone_for(walked: Walked) -> None:
    agent = copy.deepcopy(walked.agent)
    agent.actor.begin()
    found = decide(agent, Goal("search", "baker", (), ()))
    assert found.mode == "plan"
    assert found.plan is not None
    assert found.plan.goal.kind == "explore"
    assert found.plan.places[-1] == -1


def test_at_a_loss_any_opening_is_taken_but_the_way_back(agent: Agent) -> None:
    agent.chart.map.resume_beside(agent.chart.map.code, 0)
    actor = Actor(agent.chart, agent.habits, agent.configurator, 1000.0, seed=0)
    goal, exits = Goal("explore", ""), torch.tensor([True, False, True, True])
    taken = list[int]()
    for time in range(60):
        found = actor.decide(*asked(agent, goal, exits, time))
        assert found.mode == "random"
        taken.append(found.action)
    assert set(taken) == {0, 2, 3}
    # East and west are each other's way back; north, which would take south back, is shut.
    assert all({one, other} != {0, 2} for one, other in itertools.pairwise(taken))
    # Drawn by the time, whatever was drawn before.
    again = Actor(agent.chart, agent.habits, agent.configurator, 1000.0, seed=0)
    again.last = None
    assert again.decide(*asked(agent, goal, exits, 0)).action == taken[0]
    dead_end = torch.tensor([False, True, False, False])
    assert actor.decide(*asked(agent, goal, dead_end, 99)).action == 1
    nothing = torch.zeros(4, dtype=torch.bool)
    assert actor.decide(*asked(agent, goal, nothing, 99)).action == 0


def test_another_planner_can_take_the_place_of_ours(agent: Agent) -> None:
    asked_for = list[Weights]()

    def longest(
        network: Network, here: int, goal: Goal, *, now: int, half_life: float, weights: Weights
    ) -> Plan | None:
        asked_for.append(weights)
        made = plan(network, here, goal, now=now, half_life=half_life, weights=weights)
        assert made is not None
        finite = [option for option in made.options if math.isfinite(option.energy)]
        return dataclasses.replace(made, actions=(finite[-1].action,))

    assert isinstance(longest, Scores)
    goal = place(agent, 0)
    ours = decide(agent, goal)
    other = Actor(agent.chart, agent.habits, agent.configurator, 1000.0, 0, longest)
    belief, known, configuration = asked(agent, goal, OPEN, agent.time)
    heavy = dataclasses.replace(configuration, weights=Weights(memory=3.0))
    found = other.decide(belief, known, heavy)
    assert found.action != ours.action
    assert asked_for == [Weights(memory=3.0)]
    assert found.configuration is heavy
