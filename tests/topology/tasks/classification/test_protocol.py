"""The protocol: folds against scikit-learn, and that nothing is chosen by what is asked."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold
from torch import nn

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.tasks.classification import (
    CELL_SPACE,
    GRAPH_SPACE,
    Family,
    TrainSettings,
    cross_validate,
    family,
    folds,
    peak,
)
from unfrozen.topology.tasks.labelled import Labelled, Parts


@given(st.integers(2, 5), st.integers(0, 100), st.lists(st.integers(6, 15), min_size=2, max_size=3))
def test_folds_ask_each_once_and_each_class_in_its_share(n, seed, sizes):
    classes = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    classes = classes[torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))]
    found = folds(classes, n, validation=0.2, seed=seed)
    asked = torch.cat([part.test for part in found]).sort().values
    assert asked.tolist() == list(range(len(classes)))
    theirs = StratifiedKFold(n).split(classes, classes)
    counts = sorted(len(test) for _, test in theirs)
    assert sorted(len(part.test) for part in found) == counts
    for part in found:
        rows = torch.cat([part.train, part.validation, part.test]).sort().values
        assert rows.tolist() == list(range(len(classes)))
        for which, size in enumerate(sizes):
            own = int((classes[part.test] == which).sum())
            assert own in (size // n, -(-size // n))
            chosen = int((classes[part.validation] == which).sum())
            assert abs(chosen - (size - own) / 5) < 1
    again = folds(classes, n, validation=0.2, seed=seed)
    assert [part.test.tolist() for part in again] == [part.test.tolist() for part in found]


class Said(nn.Module):
    """Says of each complex what its features say, for the part in which a choice is right."""

    def __init__(self, column):
        super().__init__()
        self.column = column
        self.idle = nn.Parameter(torch.zeros(()))

    def forward(self, batch):
        first = batch.split(0, batch.complex.features[0])
        said = torch.stack([rows[0, self.column] for rows in first])
        return torch.stack([-said, said], 1) + self.idle


def _told(n=12):
    """Column 0 is right where one is to choose and wrong where one is asked; 1 the other way."""
    classes = torch.arange(n) % 2
    parts = Parts(torch.arange(4), torch.arange(4, 8), torch.arange(8, n))
    made = []
    for i, own in enumerate(classes.tolist()):
        sign = 2.0 * own - 1
        columns = [sign, -sign] if i < 8 else [-sign, sign]
        made.append(Complex({1: [[0, 1]]}, features={0: torch.tensor([columns] * 2)}))
    return Labelled("told", tuple(made), classes, "here"), parts


def test_what_is_asked_chooses_nothing():
    data, parts = _told()
    heard = []
    which = Family(
        "said",
        {"column": (1, 0)},
        lambda _: data,
        lambda _, choice, __: Said(choice["column"]),
        lambda _: TrainSettings(epochs=2, learning_rate=1e-9),
    )
    found = cross_validate(which, [parts], trials=2, done=lambda *one: heard.append(one))
    assert len(heard) == len(found.folds[0]) == 2
    best = found.folds[0][0]
    assert best.choice == {"column": 0}
    assert best.fitted.validation.accuracy == 1.0
    assert found.accuracies == (0.0,)
    assert found.folds[0][1].fitted.test.accuracy == 1.0
    assert (found.mean, found.deviation, found.family) == (0.0, 0.0, "said")


def test_the_peak_is_that_of_the_mean_curve(monkeypatch):
    from unfrozen.topology.tasks.classification import protocol

    curves = {0: (0.1, 0.9, 0.5), 1: (0.2, 0.3, 0.8)}
    asked = []

    def run(own, choice, part, seed):
        asked.append(own.settings(choice).patience)
        return type("Run", (), {"test_curve": curves[int(part.test[0])]})

    monkeypatch.setattr(protocol, "_run", run)
    none = torch.zeros(0, dtype=torch.int64)
    parts = [Parts(none, none, torch.tensor([i])) for i in (0, 1)]
    plain = Family("x", {}, lambda _: None, lambda *_: None, lambda _: TrainSettings())
    mean, deviation = peak(plain, parts, {})
    assert mean == pytest.approx(0.65)  # at the last epoch, where neither fold but the second peaks
    assert deviation == pytest.approx(0.15 * 2**0.5)
    assert asked == [None, None]


def test_choices_are_drawn_once_each():
    data, _ = _told()
    made = family("graphs", data, GRAPH_SPACE)
    every = made.choices(10_000, 0)
    size = 1
    for values in GRAPH_SPACE.values():
        size *= len(values)
    assert len(every) == len({tuple(one.items()) for one in every}) == size
    some = made.choices(5, 3)
    assert len(some) == 5
    assert some == made.choices(5, 3) != made.choices(5, 4)
    # Both sides choose among as many.
    assert {k: len(v) for k, v in GRAPH_SPACE.items()} == {k: len(v) for k, v in CELL_SPACE.items()}
    with pytest.raises(TopologyError, match="one trial or more"):
        made.choices(0, 0)


@pytest.mark.parametrize("space", [GRAPH_SPACE, CELL_SPACE])
def test_a_family_is_searched_from_end_to_end(space):
    data, parts = _told()
    lifts = {"pairs": lambda x: x.with_cells(2, []), "none": lambda x: x}
    short = TrainSettings(epochs=1)
    small = {**space, "width": (8,), "layers": (1,)}
    made = family("short", data, small, lifts if space is CELL_SPACE else None, short)
    found = cross_validate(made, [parts], trials=2, seed=1)
    assert all(trial.fitted.epochs == 1 for trial in found.folds[0])
    rates = {trial.choice["learning_rate"] for trial in found.folds[0]}
    assert {made.settings(t.choice).learning_rate for t in found.folds[0]} == rates
    assert ("lift" in found.folds[0][0].choice) == (space is CELL_SPACE)
    again = cross_validate(made, [parts], trials=2, seed=1)
    assert again == found


def test_folds_that_cannot_be_are_refused():
    classes = torch.tensor([0, 0, 0, 1, 1])
    for n in (1, 3):
        with pytest.raises(
            TopologyError, match=f"a class has 2 complexes, which are not {n} folds"
        ):
            folds(classes, n)
    with pytest.raises(TopologyError, match="the share to choose by"):
        folds(classes, 2, validation=1.0)
