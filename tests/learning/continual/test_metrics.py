"""Metrics on matrices worked out by hand."""

import pytest
import torch

from unfrozen.errors import LearningError
from unfrozen.learning.continual import metrics

# Task 0 falls and comes back in part, task 1 falls, task 2 is best before it is learnt.
MATRIX = torch.tensor([[0.9, 0.1, 0.7], [0.4, 0.8, 0.6], [0.6, 0.5, 0.65]])
BEFORE = torch.tensor([0.1, 0.2, 0.3])


def test_average_accuracy():
    assert metrics.average_accuracy(MATRIX) == pytest.approx((0.6 + 0.5 + 0.65) / 3)


def test_forgetting_is_from_the_best_before_the_last_task():
    # Task 0: max(0.9, 0.4) - 0.6; task 1: max(0.1, 0.8) - 0.5.
    assert metrics.average_forgetting(MATRIX) == pytest.approx((0.3 + 0.3) / 2)


def test_a_task_that_only_gets_better_is_forgotten_negatively():
    rising = torch.tensor([[0.5, 0.0], [0.8, 0.9]])
    assert metrics.average_forgetting(rising) == pytest.approx(-0.3)


def test_forgetting_takes_a_task_at_its_best_not_when_it_was_learnt():
    matrix = torch.tensor([[0.5, 0.0, 0.0], [0.9, 0.9, 0.0], [0.7, 0.9, 0.9]])
    assert metrics.average_forgetting(matrix) == pytest.approx((0.2 + 0.0) / 2)
    assert metrics.backward_transfer(matrix) == pytest.approx((0.2 + 0.0) / 2)


def test_transfer():
    assert metrics.backward_transfer(MATRIX) == pytest.approx(((0.6 - 0.9) + (0.5 - 0.8)) / 2)
    # Task 1 before it: 0.1 against 0.2; task 2: 0.6 against 0.3.
    assert metrics.forward_transfer(MATRIX, BEFORE) == pytest.approx((-0.1 + 0.3) / 2)


def test_plasticity_lost_is_from_the_best_window_to_the_last():
    online = torch.tensor([0.2, 0.8, 0.6, 0.5, 0.1])
    assert metrics.plasticity_lost(online, 2) == pytest.approx(0.7 - 0.3)
    assert metrics.plasticity_lost(online, 5) == 0
    assert metrics.plasticity_lost(torch.tensor([0.1, 0.2, 0.3]), 1) == 0


def test_what_is_no_matrix_of_accuracies_is_refused():
    with pytest.raises(LearningError, match="square"):
        metrics.average_accuracy(torch.zeros(0, 0))
    for measure in (metrics.average_forgetting, metrics.backward_transfer):
        with pytest.raises(LearningError, match="2 tasks at least"):
            measure(torch.zeros(1, 1))
    with pytest.raises(LearningError, match="does not fit"):
        metrics.plasticity_lost(torch.zeros(3), 4)


def test_shapes_are_checked_without_a_type_checker(unchecked):
    with pytest.raises(LearningError, match="square"):
        metrics.average_accuracy(torch.zeros(2, 3))
    with pytest.raises(LearningError, match="as many"):
        metrics.forward_transfer(MATRIX, BEFORE[:2])
