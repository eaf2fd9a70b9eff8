"""Sums of terms: weights, names, and what each part came from."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.energy import descend
from unfrozen.errors import WorldError
from unfrozen.world.costs import (
    Constraint,
    Critic,
    Danger,
    Effort,
    Goal,
    Memory,
    Novelty,
    Slots,
    Source,
    TotalCost,
)

F64 = torch.float64


def everything(seed, rows=3, times=4, width=2):
    """One term of each kind, and futures."""
    g = torch.Generator().manual_seed(seed)
    states = torch.randn(rows, times, width, generator=g, dtype=F64)
    actions = torch.randn(rows, times, 1, generator=g, dtype=F64)
    keys = torch.randn(30, width, generator=g, dtype=F64)
    strengths = torch.rand(30, generator=g, dtype=F64)
    slots = Slots(keys, strengths, tuple(range(100, 130)))
    cost = TotalCost((
        Goal(torch.randn(rows, width, generator=g, dtype=F64), weight=0.7, id="harbour"),
        Effort(weight=0.1),
        Danger(lambda s: s[..., 0].relu()),
        Critic(lambda s: s.square().sum(-1), weight=2.0, over="last"),
        Constraint(lambda s, a: 1 - a[..., 0], kind="barrier", weight=0.3),
        Memory(slots, width=0.8, weight=5.0),
        Novelty(slots, weight=0.5),
    ))  # fmt: skip
    return cost, states, actions


@given(seed=st.integers(0, 10_000), most=st.integers(1, 40))
def test_attributions_add_up_to_the_total(seed, most):
    cost, states, actions = everything(seed)
    scored = cost.score(states, actions)
    torch.testing.assert_close(cost(states, actions), scored.total)
    for row, told in enumerate(cost.attribute(states, actions, most=most)):
        assert [a.term for a in told] == list(cost.weights)
        for each in told:
            part = float(scored.parts[each.term][row].sum())
            assert each.amount == pytest.approx(part, rel=1e-9, abs=1e-9)
            assert sum(s.share for s in each.sources) == pytest.approx(part, rel=1e-9, abs=1e-9)
        assert sum(a.amount for a in told) == pytest.approx(float(scored.total[row]), rel=1e-9)


def test_terms_are_named_and_weighted():
    cost, states, actions = everything(0)
    told = {a.term: a for a in cost.attribute(states, actions)[0]}
    assert told["goal"].sources == (Source("goal", "harbour", told["goal"].amount),)
    assert {s.kind for s in told["memory"].sources} == {"memory"}
    assert told["memory"].sources[0].share >= told["memory"].sources[1].share
    doubled = cost.reweighted({"goal": 1.4, "novelty": 0.0})
    before, after = cost.score(states, actions), doubled.score(states, actions)
    torch.testing.assert_close(after.parts["goal"], 2 * before.parts["goal"])
    torch.testing.assert_close(doubled(states, actions), after.total)
    assert float(after.parts["novelty"].abs().max()) == 0


def test_a_descent_follows_the_total():
    goal = torch.tensor([1.0, -2.0], dtype=F64)
    cost = TotalCost((Goal(goal), Effort(weight=0.25)))

    def energy(a):
        return cost(a, a)

    end = descend(energy, torch.zeros(3, 2, 2, dtype=F64), 200, 0.1).state
    # min |a - g|^2 + |a|^2 / 4 is at g / 1.25.
    torch.testing.assert_close(end, (goal / 1.25).expand(3, 2, 2))


def test_costs_for_many_starts_are_laid_out_start_by_start():
    cost, states, actions = everything(3)
    goals = cost.terms[0].goal
    four = cost(states.repeat_interleave(4, 0), actions.repeat_interleave(4, 0))
    torch.testing.assert_close(four, cost(states, actions).repeat_interleave(4))
    single = TotalCost((Goal(goals[1]),))
    several = TotalCost((Goal(goals),))
    torch.testing.assert_close(several(states, actions)[1], single(states[1:2], actions[1:2])[0])


def test_what_makes_no_cost_is_refused():
    cost, states, actions = everything(0)
    with pytest.raises(WorldError, match="at least one term"):
        TotalCost(())
    with pytest.raises(WorldError, match="'effort'"):
        TotalCost((Effort(), Effort()))
    with pytest.raises(WorldError, match="cannot be changed"):
        cost.reweighted({"effort": 0.0})
    with pytest.raises(WorldError, match="no term 'gaol'"):
        cost.reweighted({"gaol": 1.0})
    with pytest.raises(WorldError, match="finite"):
        Effort(weight=float("nan"))
    with pytest.raises(WorldError, match="do not share 4 rows"):
        cost(states[[0, 1, 2, 0]], actions[[0, 1, 2, 0]])


def test_a_term_of_another_shape_is_refused(unchecked):
    _, states, actions = everything(0)
    with pytest.raises(WorldError, match="one number a row and time"):
        TotalCost((Danger(lambda s: s),))(states, actions)
    with pytest.raises(WorldError, match="the width 2"):
        TotalCost((Goal(torch.zeros(3)),))(states, actions)
