"""Scorers: they see sets, and what each can and cannot say."""

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.cells import SCORERS
from unfrozen.topology.tasks.completion import explained_by_pairs, zero_sum


def _made(name, width=4, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return SCORERS[name](width, generator=draw), torch.randn(6, width, generator=draw)


@pytest.mark.parametrize("name", SCORERS)
@given(seed=st.integers(0, 1000), size=st.integers(1, 4))
def test_members_have_no_order(name, seed, size):
    scorer, nodes = _made(name, seed=seed)
    cell = torch.randperm(6, generator=torch.Generator().manual_seed(seed))[:size]
    every = torch.stack([cell[list(order)] for order in permutations(range(size))])
    scores = scorer(nodes, every)
    torch.testing.assert_close(scores, scores[:1].expand(len(every)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SCORERS)
def test_sets_are_scored_one_by_one(name):
    scorer, nodes = _made(name)
    cells = torch.randint(6, (2, 5, 3), generator=torch.Generator().manual_seed(1))
    found = scorer(nodes, cells)
    assert found.shape == (2, 5)
    torch.testing.assert_close(scorer(nodes, cells[1, 3]), found[1, 3])


def test_the_score_of_pairs_is_that_of_distmult():
    scorer, nodes = _made("pairs")
    a, b, c = nodes[0], nodes[2], nodes[5]
    expected = sum((x * scorer.relation * y).sum() for x, y in ((a, b), (a, c), (b, c)))
    torch.testing.assert_close(scorer(nodes, torch.tensor([5, 0, 2])), expected)


def test_the_score_of_products_is_the_tensor_of_factors():
    scorer, nodes = _made("product")
    tensor = torch.einsum("id,jd,kd->ijk", nodes, nodes, nodes)
    cells = torch.cartesian_prod(*[torch.arange(6)] * 3)
    torch.testing.assert_close(scorer(nodes, cells), tensor.ravel())


def test_products_say_what_sums_over_pairs_cannot():
    """Characters of the group of numbers: their product is real and highest where sums are 0."""
    task = zero_sum(4, 3)
    angle = 2 * torch.pi * (torch.arange(task.n_nodes) % 12 // 3).double() / 4
    # Two features, whose products are cos cos cos and so on: the real part of the character.
    kinds = torch.from_numpy(task.kinds)
    signs = torch.tensor([[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]])
    columns = []
    for use in signs:
        sine = use[kinds] == 1
        columns.append(torch.where(sine, angle.sin(), angle.cos()))
    nodes = torch.stack(columns, 1)
    # cos(a + b + c) = ccc - ssc - scs - css
    nodes[kinds == 0] *= torch.tensor([1.0, -1, -1, -1]).double()
    side = torch.arange(12)
    cells = torch.cartesian_prod(side, side + 12, side + 24)
    scorer = SCORERS["product"](4, generator=torch.Generator().manual_seed(0))
    scores = scorer(nodes, cells)
    true = torch.from_numpy(task.true(cells.numpy()))
    torch.testing.assert_close(scores[true], torch.ones_like(scores[true]))
    assert float(scores[~true].max()) < 0.01
    assert explained_by_pairs(cells.numpy(), true.double().numpy()) < 1e-9


def test_what_is_no_set_of_nodes_is_refused():
    scorer, nodes = _made("set")
    with pytest.raises(TopologyError, match="one node or more of 4 features, not of 2 of 3"):
        scorer(nodes[:, :3], torch.tensor([0, 1]))
    with pytest.raises(TopologyError, match="not of 0 of 4"):
        scorer(nodes, torch.zeros(2, 0, dtype=torch.int64))
