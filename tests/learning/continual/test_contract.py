"""What every learner must satisfy."""

import pytest
import torch
from tests.learning.continual.learners import INPUTS, LIMIT, NAMES, STREAM, small

from unfrozen.errors import LearningError
from unfrozen.learning.continual import LEARNERS, Inputs, Learner, Task, make, run, run_online
from unfrozen.learning.continual.learners import UNKNOWN, Batch
from unfrozen.learning.continual.run import batches

FIRST = STREAM[0]
each = pytest.mark.parametrize("name", NAMES)


def learnt(name, tasks=1, seed=0):
    learner = small(name, seed)
    for number in range(tasks):
        learner.learn(batches(STREAM[number], 10, number))
    return learner


@each
def test_it_is_a_learner(name):
    assert isinstance(small(name), Learner)


@each
def test_nothing_learnt_nothing_known(name):
    assert small(name).predict(FIRST.test).tolist() == [UNKNOWN] * len(FIRST.test)


@each
def test_two_classes_are_told_apart_well(name):
    learner = learnt(name)
    found = learner.predict(FIRST.test)
    assert found.shape == FIRST.test_classes.shape
    assert found.dtype == torch.int64
    assert set(found.tolist()) <= set(FIRST.train_classes.tolist())
    assert float((found == FIRST.test_classes).float().mean()) > 0.8


@each
def test_answers_are_classes_that_were_met(name):
    learner = learnt(name, tasks=3)
    met = {c for task in range(3) for c in STREAM[task].train_classes.tolist()}
    assert set(learner.predict(STREAM[4].test).tolist()) <= met


@each
def test_answers_change_nothing_and_do_not_depend_on_the_batch(name):
    learner = learnt(name, tasks=2)
    whole = learner.predict(FIRST.test)
    assert torch.equal(learner.predict(FIRST.test), whole)
    parts = [learner.predict(part) for part in FIRST.test.split(7)]
    assert torch.equal(torch.cat(parts), whole)
    assert len(learner.predict(FIRST.test[:0])) == 0


@each
def test_the_same_seed_gives_the_same_and_the_global_generator_is_left_alone(name):
    before = torch.random.get_rng_state()
    one, two = learnt(name, tasks=2, seed=4), learnt(name, tasks=2, seed=4)
    assert torch.equal(torch.random.get_rng_state(), before)
    asked = torch.cat([STREAM[i].test for i in range(5)])
    assert torch.equal(one.predict(asked), two.predict(asked))
    assert one.bytes == two.bytes


@each
def test_bytes_are_counted(name):
    learner = learnt(name)
    first = learner.bytes
    assert first > 0
    for number in range(1, 5):
        learner.learn(batches(STREAM[number], 10, number))
        if LEARNERS[name].bounded:
            assert learner.bytes <= LIMIT
    if not LEARNERS[name].bounded:
        assert learner.bytes > first  # each class has something of its own
    kept = learner.bytes
    learner.predict(FIRST.test)
    assert learner.bytes == kept


@each
def test_only_those_by_backpropagation_or_in_layers_build_a_graph(name):
    saved = []
    learner = small(name)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(1) or t, lambda t: t):
        learner.learn(batches(FIRST, 10, 0))
        backwards = len(saved)
        learner.predict(FIRST.test)
    kind = LEARNERS[name]
    assert (backwards > 0) == (kind.backprop or kind.layered)
    assert len(saved) == backwards


@pytest.mark.parametrize(
    "name", [n for n, kind in LEARNERS.items() if not kind.backprop and not kind.layered]
)
def test_without_backpropagation_it_learns_where_there_are_no_gradients(name):
    with torch.inference_mode():
        learner = learnt(name)
        assert len(learner.predict(FIRST.test)) == len(FIRST.test)


@each
def test_an_empty_task_changes_nothing(name):
    learner = learnt(name)
    before = learner.predict(FIRST.test)
    learner.learn(iter(()))
    assert torch.equal(learner.predict(FIRST.test), before)


@each
def test_classes_may_have_any_numbers(name):
    learner = small(name)
    classes = FIRST.train_classes * 100 + 7
    learner.learn(batches(FIRST._replace(train_classes=classes), 10, 0))
    right = learner.predict(FIRST.test) == FIRST.test_classes * 100 + 7
    assert float(right.float().mean()) > 0.8


@each
def test_batches_are_taken_one_by_one(name):
    """So that each can be asked before it is learnt."""
    found = run_online(small(name), STREAM, seed=0)
    assert found.accuracy.shape == (5,)
    assert len(found.seconds) == 5
    # The first batch of a task of new classes is answered with old ones.
    assert 0.3 < float(found.accuracy[0]) < 1


@each
def test_images_of_another_size_are_refused(name):
    wrong = Batch(torch.zeros(2, 9, 9, dtype=torch.uint8), torch.tensor([0, 1]))
    with pytest.raises(LearningError, match="8 by 8"):
        small(name).learn([wrong])
    with pytest.raises(LearningError, match="8 by 8"):
        learnt(name).predict(wrong.images)


WRONG = [
    ("fine-tuning", {"rate": 0.0}),
    ("fine-tuning", {"hidden": ()}),
    ("fine-tuning", {"hidden": (0,)}),
    ("fine-tuning", {"optimizer": "newton"}),
    ("fine-tuning", {"updates": 0}),
    ("replay", {"limit": 100}),
    ("replay", {"replayed": 0}),
    ("ewc", {"strength": -1.0}),
    ("ewc", {"samples": 0}),
    ("continual-backprop", {"decay": 1.0}),
    ("continual-backprop", {"replacement": -0.1}),
    ("continual-backprop", {"maturity": -1}),
    ("least-squares", {"ridge": 0.0}),
    ("least-squares", {"features": -1}),
    ("hebbian", {"features": -1}),
    ("hopfield", {"limit": 10}),
    ("hopfield", {"beta": float("inf")}),
    ("mezo", {"eps": 0.0}),
    ("mezo", {"updates": 0}),
    ("mezo", {"momentum": 0.9}),
    ("nobody", {}),
]


@pytest.mark.parametrize(("name", "settings"), WRONG)
def test_settings_that_make_no_sense_are_refused(name, settings):
    with pytest.raises(LearningError):
        make(name, INPUTS, 0, **settings)


def test_a_limit_may_turn_out_too_small_for_all_classes():
    learner = small("hopfield", limit=300)
    many = (batch for number in range(5) for batch in batches(STREAM[number], 10, number))
    with pytest.raises(LearningError, match="room"):
        learner.learn(many)


def test_a_run_tells_what_was_known_when():
    told = []
    found = run(small("hebbian"), STREAM, seed=0, progress=lambda i, row: told.append((i, row)))
    assert found.matrix.shape == (5, 5)
    assert found.before.tolist() == [0] * 5
    assert [i for i, _ in told] == list(range(5))
    assert torch.equal(torch.stack([row for _, row in told]), found.matrix)
    # Classes that have not come are never answered.
    assert float(found.matrix.triu(1).abs().max()) == 0
    assert found.average_accuracy > 0.8
    assert -0.01 < found.forgetting < 0.15
    assert found.backward_transfer <= 0
    assert found.forward_transfer == 0
    assert len(found.bytes) == len(found.seconds) == 5


def test_every_image_comes_once():
    task = Task(*FIRST)
    rows = torch.cat([batch.images for batch in batches(task, 32, 1)])
    assert sorted(map(tuple, rows.flatten(1).tolist())) == sorted(
        map(tuple, task.train.flatten(1).tolist())
    )
    with pytest.raises(LearningError):
        next(batches(task, 0, 1))


def test_inputs_are_from_black_to_white():
    rows = Inputs(1, 2, 16).rows(torch.tensor([[[0, 16]]], dtype=torch.uint8))
    assert rows.tolist() == [[0.0, 1.0]]
