"""Complexes that break an axiom are refused; nothing is re-ranked or left out unasked."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import sets, sets_by_rank

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({1: [[0, 1], [2, 3], [1, 0]]}, r"\[0, 1\] is cell 0 of rank 1 and 2 of rank 1"),
        ({1: [[0, 1]], 2: [[2, 3], [1, 0]]}, r"\[0, 1\] is cell 0 of rank 1 and 1 of rank 2"),
        ({1: [[0, 1], [2]]}, r"\[2\] is cell 2 of rank 0 and 1 of rank 1"),
        ({1: [[0, 1, 2]], 2: [[3, 4], [1, 2]]}, r"\[1, 2\] \(cell 1\) is part of \[0, 1, 2\]"),
        ({1: [[0, 1, 2]], 3: [[1, 2]]}, "1 cells of rank 3 lie within cells of rank 1"),
        ({1: [[0, 1], [1, 2, 1]]}, r"cell 1 of rank 1, \[1, 2, 1\], has a node twice"),
        ({1: [[0, 1], [4, -2]]}, "cell 1 of rank 1 has node -2"),
        ({1: [[]]}, "every cell has a node"),
        ({0: [[0]]}, "ranks from 1 up"),
        ({-1: [[0, 1]]}, "ranks from 1 up"),
        ({}, "at least one node"),
    ],
)
def test_what_breaks_an_axiom_is_refused(cells, said):
    with pytest.raises(TopologyError, match=said):
        Complex(cells)


@pytest.mark.parametrize("rank", [1.0, "1", None])
def test_ranks_are_whole_numbers(rank, unchecked):
    with pytest.raises(TopologyError, match="whole number"):
        Complex({rank: [[0, 1]]})


def test_the_cell_that_is_named_has_the_node_that_is_named():
    with pytest.raises(TopologyError, match="cell 1 of rank 2 has node 9, and nodes are 0 to 4"):
        Complex({1: [[0, 1]], 2: [[2, 3], [0, 9], [1, 12]]}, n_nodes=5)
    with pytest.raises(TopologyError, match="cell 0 of rank 1 has node 9"):
        Complex({1: [[0, 9], [-1, 2]]}, n_nodes=5)


def test_cells_of_one_rank_may_nest_and_ranks_may_have_gaps():
    nested = Complex({2: [[0, 1], [0, 1, 2]], 7: [[0, 1, 2, 3]]})
    assert nested.ranks == (0, 2, 7)
    assert nested.dim == 7


@given(sets_by_rank(), st.data())
def test_a_cell_too_many_is_refused_and_a_part_ranked_too_high_as_well(drawn, data):
    n, cells = drawn
    if not cells:
        return
    rank = data.draw(st.sampled_from(sorted(cells)))
    again = data.draw(st.sampled_from(cells[rank]))
    other = data.draw(st.integers(1, 6))
    with pytest.raises(TopologyError):
        Complex({**cells, other: [*cells.get(other, []), again]}, n_nodes=n)
    if len(again) > 2 and set(again[1:]) not in [set(x) for of in cells.values() for x in of]:
        high = rank + 1
        with pytest.raises(TopologyError, match="part of"):
            Complex({**cells, high: [*cells.get(high, []), again[1:]]}, n_nodes=n)


@given(sets_by_rank())
def test_what_is_a_complex_keeps_its_cells_as_given(drawn):
    n, cells = drawn
    made = Complex(cells, n_nodes=n)
    assert {r: [made.cells(r)[i].tolist() for i in range(made.n_cells(r))] for r in cells} == cells
    assert len(made) == n + sum(len(of) for of in cells.values())


def test_skipped_repeats_keep_the_first_at_the_lowest_rank_and_its_features():
    made = Complex(
        {1: [[0, 1], [2], [1, 0], [1, 2]], 2: [[2, 1], [0, 1, 2]]},
        features={1: torch.tensor([[0.0], [1.0], [2.0], [3.0]]), 2: torch.tensor([[4.0], [5.0]])},
        same_set="skip",
    )
    assert sets(made, 1) == [{0, 1}, {1, 2}]
    assert sets(made, 2) == [{0, 1, 2}]
    assert made.features[1].flatten().tolist() == [0.0, 3.0]
    assert made.features[2].flatten().tolist() == [5.0]


def test_skipping_repeats_still_refuses_a_part_ranked_above_the_whole():
    with pytest.raises(TopologyError, match="part of"):
        Complex({1: [[0, 1, 2], [2, 1, 0]], 2: [[0, 1]]}, same_set="skip")


def test_sets_that_share_a_fingerprint_are_told_apart(monkeypatch):
    from unfrozen.topology.complex.sets import cells as module

    monkeypatch.setattr(module, "_scrambled", lambda nodes: nodes.astype("uint64"))
    made = Complex({1: [[0, 3], [1, 2], [0, 4], [3, 1]]})
    assert made.n_cells(1) == 4
    with pytest.raises(TopologyError, match=r"\[1, 2\] is cell 1 of rank 1 and 4 of rank 1"):
        Complex({1: [[0, 3], [1, 2], [0, 4], [3, 1], [2, 1]]})
