"""Cells in compressed rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells
from unfrozen.topology.complex.sets.cells import spans

LISTS = st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=12, unique=True), max_size=8)


@given(LISTS)
def test_cells_are_the_lists_that_they_were(lists):
    cells = Cells.of(lists)
    assert [cells[i].tolist() for i in range(len(cells))] == lists
    assert cells.sizes.tolist() == [len(one) for one in lists]
    assert cells.owners.tolist() == [i for i, one in enumerate(lists) for _ in one]
    ascending = Cells(cells.pointers, cells.ascending)
    assert [ascending[i].tolist() for i in range(len(cells))] == [sorted(one) for one in lists]


@given(LISTS, LISTS, st.randoms(use_true_random=False))
def test_lists_joined_and_taken_are_those_of_python(one, other, random):
    joined = Cells.join([Cells.of(one), Cells.of(other)])
    assert [joined[i].tolist() for i in range(len(joined))] == one + other
    rows = [random.randrange(len(joined)) for _ in range(5)] if len(joined) else []
    taken = joined.take(np.array(rows, np.int64))
    assert [taken[i].tolist() for i in range(len(taken))] == [(one + other)[i] for i in rows]


@given(LISTS)
def test_equal_sets_have_equal_fingerprints_and_others_others(lists):
    prints = Cells.of(lists).fingerprints.tolist()
    assert Cells.of([one[::-1] for one in lists]).fingerprints.tolist() == prints
    assert len(set(prints)) == len({frozenset(one) for one in lists})


def test_an_array_a_list_and_sets_are_the_same_cells():
    array = Cells.of(np.array([[0, 2], [1, 3]], np.int32))
    lists = Cells.of([(0, 2), {1, 3}])
    assert array.members.tolist() == lists.members.tolist() == [0, 2, 1, 3]
    assert array.pointers.tolist() == lists.pointers.tolist() == [0, 2, 4]
    assert Cells.of(array) is array
    assert Cells.of([np.array([4, 5]), range(3)]).members.tolist() == [4, 5, 0, 1, 2]


def test_cells_do_not_change_and_leave_an_array_given_as_it_is():
    given_array = np.array([[0, 1]])
    cells = Cells.of(given_array)
    given_array[0, 0] = 7
    assert cells[0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        cells.members[0] = 5


@pytest.mark.parametrize(
    "cells",
    [
        [[0.5, 1]], [["0", "1"]], [[True, False]], [[None]], [5], "ab", [[0, 2**63]],
        np.zeros((2, 2)), np.zeros(3, np.int64), np.array([[0, 2**63]], np.uint64),
        np.zeros((1, 2), bool),
    ],
)  # fmt: skip
def test_what_is_no_set_of_whole_numbers_is_refused(cells):
    with pytest.raises(TopologyError, match="whole numbers"):
        Cells.of(cells)


@pytest.mark.parametrize("cells", [[[]], [[0], []], np.zeros((2, 0), np.int64)])
def test_a_cell_without_nodes_is_refused(cells):
    with pytest.raises(TopologyError, match="every cell has a node"):
        Cells.of(cells)


@pytest.mark.parametrize(
    ("pointers", "members"), [([1, 2], [0, 1]), ([0, 1], [0, 1]), ([0, 2, 1], [0]), ([], [])]
)
def test_pointers_that_do_not_fit_are_refused(pointers, members):
    with pytest.raises(TopologyError, match=r"pointers begin at 0|every cell"):
        Cells(np.array(pointers, np.int64), np.array(members, np.int64))


def test_a_cell_that_is_not_there_is_an_index_error():
    cells = Cells.of([[0, 1], [2]])
    assert cells[-1].tolist() == [2]
    for row in (2, -3):
        with pytest.raises(IndexError, match="2 cells"):
            cells[row]


def test_no_cells_are_cells_too():
    none = Cells.of([])
    assert len(none) == len(none.fingerprints) == len(none.ascending) == len(none.owners) == 0
    assert len(Cells.join([])) == len(Cells.of(np.zeros((0, 3), np.int64))) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=6))
def test_spans_are_ranges(pairs):
    begins, sizes = (np.array([p[i] for p in pairs], np.int64) for i in (0, 1))
    assert spans(begins, sizes).tolist() == [x for b, s in pairs for x in range(b, b + s)]
