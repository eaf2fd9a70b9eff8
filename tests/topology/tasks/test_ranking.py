"""Ranks against all orders of the tied, and AUC against scikit-learn."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.ranking import Ranks, auc, chance, ranked, ranks

scores = st.integers(0, 3).map(float)


@given(scores, st.lists(scores, max_size=5))
def test_ranks_are_means_over_all_orders_of_the_tied(true, others):
    found = ranked(ranks(torch.tensor([true]), torch.tensor([others])), at=(1, 2))
    places = []
    for order in permutations(range(len(others) + 1)):
        every = [true, *others]
        # Sorting is stable: among the tied the given order stands.
        by_score = sorted(order, key=lambda i: -every[i])
        places.append(by_score.index(0) + 1)
    places = np.array(places)
    assert found.mrr == pytest.approx((1 / places).mean())
    assert found.mean_rank == pytest.approx(places.mean())
    assert found.hits == pytest.approx({k: (places <= k).mean() for k in (1, 2)})
    assert found.queries == 1


def test_what_does_not_count_has_no_rank():
    true, others = torch.tensor([1.0, 1.0]), torch.tensor([[2.0, 0.0], [2.0, 1.0]])
    found = ranks(true, others, torch.tensor([[False, True], [True, True]]))
    assert found.better.tolist() == [0, 1]
    assert found.equal.tolist() == [0, 1]
    masked = ranks(true, others.masked_fill(others == 2, float("nan")), others != 2)
    assert masked.better.tolist() == [0, 0]


def test_guessing():
    found = chance(10)
    assert found.hits == pytest.approx({1: 0.1, 3: 0.3, 10: 1.0})
    assert found.mean_rank == 5.5
    assert found.mrr == pytest.approx(sum(1 / r for r in range(1, 11)) / 10)


@given(st.lists(scores, min_size=1, max_size=20), st.lists(scores, min_size=1, max_size=20))
def test_auc_is_that_of_scikit_learn(positive, negative):
    ours = auc(torch.tensor(positive), torch.tensor(negative))
    labels = [1] * len(positive) + [0] * len(negative)
    assert ours == pytest.approx(roc_auc_score(labels, positive + negative))


def test_what_has_no_order_is_refused():
    nan = torch.tensor([float("nan")])
    with pytest.raises(TopologyError, match="not numbers have no ranks"):
        ranks(nan, torch.zeros(1, 2))
    with pytest.raises(TopologyError, match="not numbers have no ranks"):
        ranks(torch.zeros(1), nan[None])
    with pytest.raises(TopologyError, match="not numbers have no order"):
        auc(nan, torch.zeros(1))
    with pytest.raises(TopologyError, match="there are none of one kind"):
        auc(torch.zeros(1), torch.zeros(0))
    with pytest.raises(TopologyError, match="there are no queries"):
        ranked(Ranks(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)))
