"""Learners without backpropagation against closed forms."""

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.linear_model import Ridge
from tests.draws import normal
from tests.learning.continual.learners import INPUTS, STREAM, small

from unfrozen.learning.continual import permuted, run
from unfrozen.learning.continual.learners import Batch
from unfrozen.learning.continual.learners.local.hopfield import ward
from unfrozen.learning.continual.run import batches
from unfrozen.memory import regularised_write

ASKED = torch.cat([task.test for task in STREAM])


def learnt(learner, order=range(5), size=10):
    for number in order:
        learner.learn(batches(STREAM[number], size, number))
    return learner


def everything():
    tasks = list(STREAM)
    return torch.cat([t.train for t in tasks]), torch.cat([t.train_classes for t in tasks])


@pytest.mark.parametrize("features", [0, 30])
def test_a_streamed_ridge_is_that_of_all_images_at_once(features):
    learner = learnt(small("least-squares", features=features, ridge=0.3))
    images, classes = everything()
    keys = learner.features(INPUTS.rows(images)).double()
    values = torch.nn.functional.one_hot(learner.classes.columns(classes), 10).double()
    expected = Ridge(alpha=0.3, fit_intercept=False).fit(keys.numpy(), values.numpy())
    np.testing.assert_allclose(learner.head.T.numpy(), expected.coef_, atol=1e-8)
    # The write of an empty memory by the same rule.
    empty = torch.zeros(10, keys.shape[1], dtype=torch.float64)
    change = regularised_write(empty, keys, values, None, 0.3)
    torch.testing.assert_close(learner.head.T, change.dense(), atol=1e-8, rtol=0)


def test_a_streamed_ridge_forgets_nothing_whatever_the_order_of_tasks_and_batches():
    one = learnt(small("least-squares"))
    for order, size in (((4, 2, 0, 1, 3), 10), (range(5), 77)):
        other = learnt(small("least-squares"), order, size)
        classes = torch.arange(10)
        heads = [a.head[:, a.classes.columns(classes)] for a in (one, other)]
        torch.testing.assert_close(*heads, atol=1e-9, rtol=0)
        assert torch.equal(one.predict(ASKED), other.predict(ASKED))


def test_a_hebbian_head_answers_with_the_nearest_mean():
    learner = learnt(small("hebbian"))
    images, classes = everything()
    rows = INPUTS.rows(images).double()
    means = torch.stack([rows[classes == c].mean(0) for c in range(10)])
    found = learner.means[learner.classes.columns(torch.arange(10)), 1:]
    torch.testing.assert_close(found.double(), means, atol=1e-5, rtol=0)
    nearest = torch.cdist(INPUTS.rows(ASKED).double(), means).argmin(1)
    assert float((learner.predict(ASKED) == nearest).double().mean()) > 0.995  # but for ties


def test_a_hopfield_memory_with_room_for_all_keeps_all_and_reads_by_softmax():
    learner = learnt(small("hopfield", limit=10**6, beta=3.0))
    images, classes = everything()
    assert sorted(map(tuple, learner.patterns.tolist())) == sorted(
        map(tuple, images.flatten(1).tolist())
    )
    x, y = INPUTS.rows(ASKED).double(), INPUTS.rows(images).double()
    weights = (-3.0 / 2 * torch.cdist(x, y).square()).softmax(1)
    mass = weights @ torch.nn.functional.one_hot(classes).double()
    top = mass.topk(2).values
    clear = top[:, 0] - top[:, 1] > 1e-4
    assert torch.equal(learner.predict(ASKED)[clear], mass.argmax(1)[clear])


def test_a_full_hopfield_memory_keeps_the_number_and_on_average_the_mean_of_images():
    learner = learnt(small("hopfield", limit=14_300))  # for 20 patterns a class
    assert learner.share == 20
    images, classes = everything()
    for c in range(10):
        own = learner.labels == c
        counts = learner.counts[own]
        assert len(counts) == 20
        assert float(counts.sum()) == int((classes == c).sum())
        mean = (counts[:, None] * learner.patterns[own]).sum(0) / counts.sum()
        expected = images[classes == c].flatten(1).float().mean(0)
        # Rounding by chance errs by less than a grey value at each of many moves.
        torch.testing.assert_close(mean, expected, atol=0.6, rtol=0)


def test_images_of_one_class_leave_the_patterns_of_others_alone():
    learner = learnt(small("hopfield", limit=14_300))
    label = STREAM[0].train_classes[0]
    before = learner.patterns[learner.labels != label].clone()
    own = STREAM[0].train[STREAM[0].train_classes == label]
    learner.learn([Batch(own, label.expand(len(own)))])
    assert torch.equal(learner.patterns[learner.labels != label], before)


def test_a_class_that_comes_again_has_the_same_room_in_each_task():
    domains = permuted("digits", 4, seed=0)
    learner = small("hopfield", limit=28_300)
    assert run(learner, domains, seed=0).forgetting < 0.1
    assert learner.share == 40
    # A tenth of the images is of each class; four tasks of 1437 have the same room.
    assert learner.counts.sum() == 4 * len(domains[0].train)
    for c in range(10):
        assert int((learner.labels == c).sum()) == 40
        assert int(((learner.labels == c) & learner._open).sum()) == 10
        assert learner.tasks.tolist() == [4] * 10


def test_wards_merging_is_that_of_scipy():
    points = normal(3, 40, 5).float()
    merged, counts = ward(points, torch.ones(40), 6)
    labels = fcluster(linkage(points.double().numpy(), "ward"), 6, "maxclust")
    expected = {
        tuple(points[torch.from_numpy(labels == k)].mean(0).mul(1e4).round().tolist())
        for k in range(1, 7)
    }
    found = {tuple(row) for row in merged.mul(1e4).round().tolist()}
    distance = torch.cdist(torch.tensor(sorted(found)), torch.tensor(sorted(expected)))
    assert float(distance.min(1).values.max()) < 5
    assert sorted(counts.tolist()) == sorted(np.bincount(labels)[1:].tolist())


def test_zeroth_order_learning_moves_against_the_gradient():
    batch = next(batches(STREAM[0], 40, 0))
    learner = small("mezo", rate=1e-4, updates=300)
    learner.learn([batch])
    keys = learner.features(INPUTS.rows(batch.images))
    weight = torch.zeros(2, keys.shape[1], requires_grad=True)
    columns = learner.classes.columns(batch.classes)
    torch.nn.functional.cross_entropy(keys @ weight.T, columns).backward()
    moved = torch.nn.functional.cosine_similarity(
        learner.weight.flatten(), -weight.grad.flatten(), dim=0
    )
    # Of 130 weights, 300 directions tell most of the gradient's direction.
    assert float(moved) > 0.7
