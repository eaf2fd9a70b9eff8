"""Trees, against brute force and against their own bookkeeping."""

import pytest
import torch
from tests.world.planning.trees.bandits import F64, Branching, bandit

from unfrozen.errors import WorldError
from unfrozen.world.planning.trees import GumbelSettings, PuctSettings, Root, gumbel, puct

SEARCHES = {
    "puct": lambda root, step, n, backup="mean": puct(
        root, step, PuctSettings(simulations=n, backup=backup)
    ),
    "gumbel": lambda root, step, n, backup="mean": gumbel(
        root, step, GumbelSettings(simulations=n, noise=0.0, backup=backup)
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_the_best_of_all_ways_is_found(name):
    problem = Branching(rows=24, actions=3, depth=4, seed=0)
    truth = problem.best()
    found = SEARCHES[name](problem.root(), problem.recurrent, 300, "max")
    assert torch.equal(found.action, truth.argmax(1))
    # The way that is read from the tree is the way of brute force, with its sum.
    path = found.tree.principal(found.action, 4, best=True)
    number, total = torch.zeros(24, dtype=torch.long), torch.zeros(24, dtype=F64)
    for d in range(4):
        number = number * 3 + path[:, d]
        total += problem.rewards[d][torch.arange(24), number]
    torch.testing.assert_close(total, truth.max(1).values)
    torch.testing.assert_close(found.value, truth.max(1).values)


@pytest.mark.parametrize("name", SEARCHES)
def test_values_and_visits_add_up(name):
    problem = Branching(rows=5, actions=2, depth=3, seed=1)
    tree = SEARCHES[name](problem.root(), problem.recurrent, 60).tree
    assert tree.visits[tree.roots].tolist() == [61.0] * 5
    for node in range(len(tree.visits)):
        if tree.visits[node] == 0:
            continue
        children = [int(c) for c in tree.children[node] if c >= 0]
        assert all(int(tree.parents[c]) == node for c in children)
        if tree.discounts[node] == 0:
            assert not children
            continue
        # A node is its own first visit, whose value was nothing, and those of its children.
        assert float(tree.visits[node]) == 1 + sum(float(tree.visits[c]) for c in children)
        below = sum(
            float(tree.visits[c] * (tree.rewards[c] + tree.discounts[c] * tree.values[c]))
            for c in children
        )
        assert float(tree.values[node] * tree.visits[node]) == pytest.approx(below, abs=1e-9)
        for action, child in enumerate(tree.children[node].tolist()):
            if child >= 0:
                assert tree.child_visits[node, action] == tree.visits[child]


@pytest.mark.parametrize("name", SEARCHES)
def test_rows_know_nothing_of_one_another(name):
    g = torch.Generator().manual_seed(2)
    logits, rewards = (torch.randn(6, 4, generator=g, dtype=F64) for _ in range(2))
    all_of_them = SEARCHES[name](*bandit(logits, rewards), 20)
    for row in range(6):
        alone = SEARCHES[name](*bandit(logits[row : row + 1], rewards[row : row + 1]), 20)
        assert torch.equal(alone.visits[0], all_of_them.visits[row])
        torch.testing.assert_close(alone.policy[0], all_of_them.policy[row])


@pytest.mark.parametrize("name", SEARCHES)
def test_what_cannot_be_done_is_never_done(name):
    g = torch.Generator().manual_seed(3)
    logits = torch.randn(50, 6, generator=g, dtype=F64)
    logits[torch.rand(50, 6, generator=g) < 0.6] = -torch.inf
    logits[:, 2] = 0.0
    rewards = torch.where(logits.isinf(), 1e6, torch.rand(50, 6, generator=g, dtype=F64))
    found = SEARCHES[name](*bandit(logits, rewards), 40)
    assert not bool(logits.isinf().gather(1, found.action[:, None]).any())
    assert float(found.visits[logits.isinf()].sum()) == 0
    assert float(found.policy[logits.isinf()].sum()) == 0


def test_roots_and_outcomes_that_do_not_fit_are_refused(unchecked):
    root, step = bandit(torch.zeros(2, 3, dtype=F64), torch.zeros(2, 3, dtype=F64))
    with pytest.raises(WorldError, match="one action a row"):
        puct(root._replace(prior_logits=torch.full((2, 3), -torch.inf)), step)
    with pytest.raises(WorldError, match=r"values \[2\]"):
        puct(root._replace(value=torch.zeros(3)), step)
    with pytest.raises(WorldError, match="the model's reward"):
        puct(root, lambda a, e: step(a, e)._replace(reward=torch.zeros(2, 1)))
    with pytest.raises(WorldError, match="at least one simulation"):
        PuctSettings(simulations=0)
    with pytest.raises(WorldError, match="'max'"):
        PuctSettings(backup="median")
    with pytest.raises(WorldError, match="constants"):
        PuctSettings(second=0.0)
    with pytest.raises(WorldError, match="at least one action"):
        GumbelSettings(considered=0)
    assert isinstance(root, Root)
