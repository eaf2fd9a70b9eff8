"""Folds and areas that classifiers are measured with."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.papers.classification import auc, standardised, stratified_folds


@given(
    counts=st.lists(st.integers(4, 30), min_size=1, max_size=4),
    folds=st.integers(2, 4),
    seed=st.integers(0, 100),
)
def test_every_fold_has_its_share_of_every_class(counts, folds, seed):
    classes = torch.cat([torch.full((n,), i) for i, n in enumerate(counts)])
    found = stratified_folds(classes, folds, seed)
    for kind, n in enumerate(counts):
        sizes = torch.bincount(found[classes == kind], minlength=folds)
        assert int(sizes.sum()) == n
        assert int(sizes.max() - sizes.min()) <= 1
    assert torch.equal(found, stratified_folds(classes, folds, seed))


def test_rows_are_scaled_by_those_that_were_seen():
    generator = torch.Generator().manual_seed(0)
    seen = 3 * torch.randn(200, 4, generator=generator) + 5
    found = standardised(seen, seen)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(0), torch.ones(4))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4])
def test_what_is_constant_in_training_is_not_blown_up(value):
    # Elephants: a colour that no training picture had made the loss of the others infinite.
    seen = torch.full((50, 1), value)
    torch.testing.assert_close(
        standardised(torch.tensor([[value], [value + 2.0]]), seen), torch.tensor([[0.0], [2.0]])
    )


@given(
    scores=st.lists(st.integers(0, 5), min_size=4, max_size=20),
    data=st.data(),
)
def test_the_area_is_the_share_of_pairs_in_order(scores, data):
    labels = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    if len(set(labels)) < 2:
        return
    pairs = [
        1.0 if p > n else 0.5 if p == n else 0.0
        for p, is_p in zip(scores, labels, strict=True)
        if is_p
        for n, is_n in zip(scores, labels, strict=True)
        if not is_n
    ]
    found = auc(torch.tensor(scores).float(), torch.tensor(labels))
    assert found == pytest.approx(sum(pairs) / len(pairs))


def test_classes_smaller_than_the_number_of_folds_leave_no_fold_empty():
    classes = torch.arange(30).repeat_interleave(9)

    sizes = torch.bincount(stratified_folds(classes, 10, 0), minlength=10)

    assert sizes.tolist() == [27] * 10
