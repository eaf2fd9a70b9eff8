"""Streams against the sets that they are made from."""

import pytest
import torch

from unfrozen.data.images import images
from unfrozen.errors import DataError, LearningError
from unfrozen.learning.continual import class_incremental, permuted, rotated
from unfrozen.learning.continual.streams import permutation, pooled, turned

DIGITS = images("digits")


def content(pictures):
    """Pictures as a sorted list, to be compared whatever their order."""
    return sorted(map(tuple, pictures.flatten(1).tolist()))


def test_classes_are_parted_among_tasks():
    stream = class_incremental("digits", 5, seed=3)
    tasks = list(stream)
    own = [set(task.train_classes.tolist()) for task in tasks]
    assert [len(classes) for classes in own] == [2] * 5
    assert set().union(*own) == set(range(10))
    assert [set(task.test_classes.tolist()) for task in tasks] == own
    assert content(torch.cat([t.train for t in tasks])) == content(DIGITS.train)
    assert content(torch.cat([t.test for t in tasks])) == content(DIGITS.test)
    for task in tasks:
        for c in task.train_classes.unique().tolist():
            expected = DIGITS.train[DIGITS.train_classes == c]
            assert torch.equal(task.train[task.train_classes == c], expected)


def test_the_order_of_classes_is_that_of_the_seed():
    def orders(seed):
        return [t.train_classes.unique().tolist() for t in class_incremental("digits", 5, seed)]

    assert orders(0) == orders(0)
    assert orders(0) != orders(1)


def test_classes_of_a_second_set_are_other_ones():
    stream = class_incremental(("digits", "digits"), 10, seed=0)
    own = [set(task.train_classes.tolist()) for task in stream]
    assert set().union(*own[:5]) == set(range(10))
    assert set().union(*own[5:]) == set(range(10, 20))


def test_few_images_of_a_class():
    for task in class_incremental("digits", 5, seed=0, per_class=7):
        assert task.train_classes.bincount().unique().tolist() in ([7], [0, 7])
        assert len(task.train) == 14


def test_validation_is_a_part_of_what_is_learnt_and_never_the_test():
    def halves(asked):
        tasks = list(class_incremental("digits", 5, seed=0, asked=asked))
        return [torch.cat(part) for part in zip(*((t.train, t.test) for t in tasks), strict=True)]

    train, held = halves("validation")
    assert content(torch.cat([train, held])) == content(DIGITS.train)
    assert len(held) == round(0.1 * len(DIGITS.train))


def test_permutations_are_bijections_and_differ():
    stream = permuted("digits", 4, seed=0)
    orders = [permutation(64, number, 0) for number in range(4)]
    assert all(order.sort().values.tolist() == list(range(64)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
    for task, order in zip(stream, orders, strict=True):
        inverse = order.argsort()
        for found, expected in ((task.train, DIGITS.train), (task.test, DIGITS.test)):
            assert torch.equal(found.flatten(1)[:, inverse].view_as(found), expected)
        assert torch.equal(task.train_classes, DIGITS.train_classes)


def test_tasks_can_be_made_in_any_order_and_again():
    stream = permuted("digits", 3, seed=5, per_task=50, per_test=20)
    last, first = stream[2], stream[0]
    assert len(last.train) == 50
    assert len(last.test) == 20
    for task, again in zip((first, last), (next(iter(stream)), stream[-1]), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(task, again, strict=True))
    # Other images in each task.
    assert not torch.equal(first.train_classes, last.train_classes)
    with pytest.raises(IndexError):
        stream[3]


def test_drawn_images_keep_their_classes():
    of = {
        tuple(picture): c
        for picture, c in zip(
            DIGITS.train.flatten(1).tolist(), DIGITS.train_classes.tolist(), strict=True
        )
    }
    task, order = permuted("digits", 2, seed=5, per_task=50)[1], permutation(64, 1, 5)
    rows = task.train.flatten(1)[:, order.argsort()].tolist()
    assert [of[tuple(row)] for row in rows] == task.train_classes.tolist()


def test_turning_by_right_angles_moves_pixels():
    pictures = DIGITS.train[:20]
    assert torch.equal(turned(pictures, 0.0), pictures)
    assert torch.equal(turned(pictures, 180.0), pictures.flip(1, 2))
    quarter = turned(pictures, 90.0)
    assert any(torch.equal(quarter, pictures.rot90(k, (1, 2))) for k in (1, 3))
    assert torch.equal(turned(quarter, -90.0), pictures)


def test_turned_tasks_have_angles_from_none_to_the_largest():
    stream = rotated("digits", 3, seed=0, largest=180.0)
    wanted = [DIGITS.test, turned(DIGITS.test, 90.0), DIGITS.test.flip(1, 2)]
    found = [task.test for task in stream]
    assert all(any(torch.equal(f, w) for f in found) for w in wanted)


def test_pooled_pixels_are_means():
    pictures = torch.tensor([[[0, 4, 9], [8, 12, 9], [9, 9, 9]]], dtype=torch.uint8)
    assert pooled(pictures, 2).tolist() == [[[6]]]
    assert pooled(pictures, 1) is pictures
    assert permuted("digits", 1, seed=0, pool=2).inputs.pixels == 16


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: class_incremental("digits", 3, seed=0),
        lambda: class_incremental("digits", 0, seed=0),
        lambda: class_incremental((), 1, seed=0),
        lambda: class_incremental(("digits", "mnist"), 10, seed=0),
        lambda: class_incremental("digits", 5, seed=0, pool=9),
        lambda: permuted("digits", 0, seed=0),
        lambda: permuted("digits", 2, seed=0, per_task=0),
        lambda: rotated("digits", 0, seed=0),
    ],
)
def test_streams_that_make_no_sense_are_refused(wrong, monkeypatch):
    monkeypatch.setattr(
        "unfrozen.learning.continual.streams.images",
        lambda name: DIGITS if name == "digits" else images_of_another_size(),
    )
    with pytest.raises(LearningError):
        wrong()


def images_of_another_size():
    from unfrozen.data.images import Images

    pictures, classes = torch.zeros(10, 9, 9, dtype=torch.uint8), torch.arange(10)
    return Images(pictures, classes, pictures, classes)


def test_unknown_names(unchecked):
    with pytest.raises(DataError):
        permuted("letters", 2, seed=0)
    with pytest.raises(LearningError, match="asked"):
        permuted("digits", 2, seed=0, asked="train")
