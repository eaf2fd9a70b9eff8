"""What a complex keeps: order, ids, features, matrices."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from tests.topology.complexes import CUBE, complexes, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, adjacency, incidence


@given(complexes(features=True))
def test_a_complex_counts_its_cells(drawn):
    counts = {rank: len(sets(drawn, rank)) for rank in drawn.ranks}
    assert len(drawn) == sum(counts.values())
    assert counts == {rank: drawn.n_cells(rank) for rank in drawn.ranks}
    assert counts[0] == drawn.n_nodes
    assert drawn.n_cells(drawn.dim + 1) == len(drawn.cells(drawn.dim + 1)) == 0
    ids = np.concatenate([drawn.ids[rank] for rank in drawn.ranks])
    assert ids.tolist() == list(range(len(drawn)))


def test_a_complex_says_what_it_has():
    assert repr(CUBE) == "Complex(8 nodes, 12 of rank 1, 6 of rank 2)"
    assert Complex({1: [[0, 1]], 2: []}, n_nodes=4).ranks == (0, 1)


@given(complexes())
def test_a_matrix_is_made_once_and_its_transpose_is_its_own(drawn):
    for rank in drawn.ranks[1:]:
        down = drawn.incidence(0, rank)
        assert drawn.incidence(0, rank) is down
        up = drawn.neighbourhood(incidence(0, rank).T)
        np.testing.assert_array_equal(up.scipy().toarray(), down.scipy().toarray().T)


def test_more_cells_come_after_those_there_are_and_ids_stay():
    path = Complex({1: [[0, 1], [1, 2]]}, features={1: torch.ones(2, 1)})
    longer = path.with_cells(1, [[2, 0]], features=torch.zeros(1, 1))
    filled = longer.with_cells(2, [[0, 1, 2]], features=torch.full((1, 2), 5.0))
    assert sets(filled, 1) == [{0, 1}, {1, 2}, {0, 2}]
    assert {r: filled.ids[r].tolist() for r in filled.ranks} == {0: [0, 1, 2], 1: [3, 4, 5], 2: [6]}
    assert filled.features[1].flatten().tolist() == [1.0, 1.0, 0.0]
    assert filled.features[2].tolist() == [[5.0, 5.0]]
    assert path.n_cells(1) == 2


def test_more_cells_that_are_there_are_skipped_with_their_features_or_refused():
    path = Complex({1: [[0, 1], [1, 2]]}, features={1: torch.ones(2, 1)})
    more, rows = [[1, 0], [2, 0], [0, 2]], torch.tensor([[7.0], [8.0], [9.0]])
    longer = path.with_cells(1, more, features=rows, same_set="skip")
    assert sets(longer, 1) == [{0, 1}, {1, 2}, {0, 2}]
    assert longer.features[1].flatten().tolist() == [1.0, 1.0, 8.0]
    with pytest.raises(TopologyError, match="twice"):
        path.with_cells(1, more, features=rows)


@pytest.mark.parametrize(
    ("rank", "cells", "features", "said"),
    [
        (1, [[0, 2]], None, "all cells of rank 1 have features or none"),
        (2, [[0, 1, 2], [0, 1]], None, "twice"),
        (1, [[0, 9]], torch.ones(1, 1), "node 9"),
        (1, [[0, 2]], torch.ones(2, 1), "rows of features"),
        (1, [[0, 2]], torch.ones(1, 3), "3 features"),
        (0, [[3]], None, "ranks from 1 up"),
    ],
)
def test_more_cells_that_do_not_fit_are_refused(rank, cells, features, said):
    path = Complex({1: [[0, 1], [1, 2]]}, features={1: torch.ones(2, 1)})
    with pytest.raises(TopologyError, match=said):
        path.with_cells(rank, cells, features=features)


def test_features_are_a_row_a_cell():
    for rank, rows in ((1, 3), (0, 1), (2, 1)):
        with pytest.raises(TopologyError, match=f"{rows} rows of features"):
            Complex({1: [[0, 1], [1, 2]]}, features={rank: torch.zeros(rows, 2)})


def test_features_are_exchanged_and_matrices_kept():
    path = Complex({1: [[0, 1], [1, 2]]})
    matrix = path.incidence(0, 1)
    other = path.with_features(0, torch.ones(3, 2))
    assert other.incidence(0, 1) is matrix
    assert path.features == {}
    with pytest.raises(TopologyError, match="2 rows of features"):
        path.with_features(0, torch.ones(2, 2))


@given(complexes(features=True))
def test_some_cells_are_kept_with_their_features_and_ids(drawn):
    kept = {r: np.arange(0, drawn.n_cells(r), 2) for r in drawn.ranks if r % 2}
    part = drawn.restricted(kept)
    for rank in drawn.ranks:
        rows = kept.get(rank, np.arange(drawn.n_cells(rank)))
        assert sets(part, rank) == [sets(drawn, rank)[i] for i in rows]
        assert part.ids[rank].tolist() == drawn.ids[rank][rows].tolist()
        if rank in drawn.features:
            assert torch.equal(part.features[rank], drawn.features[rank][torch.from_numpy(rows)])


@given(complexes(features=True))
def test_a_skeleton_has_the_lower_ranks(drawn):
    for rank in range(drawn.dim + 2):
        skeleton = drawn.skeleton(rank)
        assert skeleton.ranks == tuple(r for r in drawn.ranks if r <= rank)
        assert all(sets(skeleton, r) == sets(drawn, r) for r in skeleton.ranks)
        assert set(skeleton.features) == {r for r in drawn.features if r <= rank}


def test_a_part_that_grows_gives_no_id_again():
    path = Complex({1: [[0, 1], [1, 2], [2, 3]]})
    part = path.restricted({1: np.array([2])}).with_cells(1, [[0, 1]])
    assert part.ids[1].tolist() == [6, 7]


@pytest.mark.parametrize(
    "ids", [{1: np.arange(5)}, {1: np.array([7, 7])}, {1: np.array([0, 9])}, {3: np.arange(1)}]
)
def test_ids_are_one_a_cell_and_no_two_alike(ids):
    with pytest.raises(TopologyError, match="ids"):
        Complex({1: [[0, 1], [1, 2]]}, ids=ids)


def test_ids_are_kept_and_skipped_with_their_cells():
    ids = {0: np.array([5, 6, 7]), 1: np.array([10, 30, 20])}
    made = Complex({1: [[0, 1], [1, 0], [1, 2]]}, ids=ids, same_set="skip")
    assert {r: own.tolist() for r, own in made.ids.items()} == {0: [5, 6, 7], 1: [10, 20]}


@given(complexes(features=True))
def test_a_complex_outlives_pickling_with_its_matrices(drawn):
    relations = [incidence(0, r) for r in drawn.ranks[1:]] + [adjacency(0)]
    for relation in relations:
        assert drawn.neighbourhood(relation).T is not None
    again = pickle.loads(pickle.dumps(drawn))
    assert all(sets(again, r) == sets(drawn, r) for r in drawn.ranks)
    assert all(torch.equal(again.features[r], rows) for r, rows in drawn.features.items())
    for relation in relations:
        one, other = (c.neighbourhood(relation).scipy().toarray() for c in (again, drawn))
        np.testing.assert_array_equal(one, other)


def test_a_complex_moves_with_its_features_and_matrices():
    moved = CUBE.with_features(0, torch.ones(8, 1)).to("meta")
    assert moved.device == torch.device("meta")
    assert moved.features[0].device.type == "meta"
    assert moved.n_cells(2) == 6


def test_what_does_not_fit_a_matrix_is_refused():
    with pytest.raises(TopologyError, match="does not fit a neighbourhood"):
        CUBE.incidence(0, 1) @ torch.ones(8, 1)


def test_cells_are_kept_by_rows_in_any_order_or_by_a_mask():
    path = Complex({1: [[0, 1], [1, 2], [2, 3]]}, features={1: torch.arange(3.0)[:, None]})
    turned = path.restricted({1: np.array([2, 0])})
    assert sets(turned, 1) == [{2, 3}, {0, 1}]
    masked = path.restricted({1: np.array([True, False, True])})
    assert sets(masked, 1) == [{0, 1}, {2, 3}]
    assert masked.features[1].flatten().tolist() == [0.0, 2.0]
    assert path.restricted({5: np.array([], np.int64)}).n_cells(1) == 3


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({1: np.array([0, 0])}, "rows of rank 1 are each of the 3 cells at most once"),
        ({1: np.array([3])}, "rows of rank 1"),
        ({1: np.array([-1])}, "rows of rank 1"),
        ({1: np.array([0.5])}, "rows of rank 1"),
        ({1: np.array([True])}, "rows of rank 1"),
        ({0: np.array([0])}, "nodes stay"),
        ({2: np.array([0])}, "rows of rank 2 are each of the 0 cells"),
    ],
)
def test_rows_that_are_not_there_or_twice_are_refused(kept, said):
    path = Complex({1: [[0, 1], [1, 2], [2, 3]]})
    with pytest.raises(TopologyError, match=said):
        path.restricted(kept)
