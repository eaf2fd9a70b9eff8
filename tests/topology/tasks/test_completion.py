"""Hidden cells: what is true by brute force, and what pairs can say of it at best."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.completion import (
    Completion,
    explained_by_pairs,
    pair_counts,
    zero_sum,
)


def _numbers(task, modulus, copies):
    """Kind and hidden number of each node, where nodes are in their first order."""
    side = modulus * copies
    return [(v // side, v % side // copies, v % copies) for v in range(task.n_nodes)]


@pytest.mark.parametrize(("modulus", "copies"), [(2, 3), (3, 3), (2, 4), (5, 3)])
def test_cells_are_the_triples_that_sum_to_zero(modulus, copies):
    task = zero_sum(modulus, copies)
    told = _numbers(task, modulus, copies)
    known, chosen, asked = set(), set(), set()
    side = range(modulus * copies)
    for x, y, z in product(side, side, side):
        cell = (x, y + len(side), z + 2 * len(side))
        numbers = [told[v] for v in cell]
        if sum(a for _, a, _ in numbers) % modulus == 0:
            part = sum(i for _, _, i in numbers) % copies
            {0: asked, 1: chosen}.get(part, known).add(cell)
    assert set(map(tuple, task.known.tolist())) == known
    assert set(map(tuple, task.validation.tolist())) == chosen
    assert set(map(tuple, task.asked.tolist())) == asked
    assert task.kinds.tolist() == [kind for kind, _, _ in told]


@pytest.mark.parametrize(("modulus", "copies", "seed"), [(2, 3, None), (3, 3, 1), (4, 5, 2)])
def test_all_pairs_are_alike(modulus, copies, seed):
    task = zero_sum(modulus, copies, seed=seed)
    for cells, often in ((task.known, copies - 2), (task.validation, 1), (task.asked, 1)):
        pairs, counts = pair_counts(cells)
        assert set(counts.tolist()) == {often}
        assert (task.kinds[pairs[:, 0]] != task.kinds[pairs[:, 1]]).all()
        # All pairs of different kinds are there.
        assert len(pairs) == 3 * (modulus * copies) ** 2
    assert set(task.expansion().features[1].ravel().tolist()) == {float(copies - 2)}


def _all_triples(task):
    sides = [np.flatnonzero(task.kinds == kind) for kind in range(3)]
    return np.array(list(product(*sides)))


@given(st.integers(0, 10_000))
def test_no_sum_over_pairs_tells_true_from_false(seed):
    task = zero_sum(3, 3, seed=5)
    triples = _all_triples(task)
    table = np.random.default_rng(seed).standard_normal((task.n_nodes, task.n_nodes))
    scores = sum(table[np.sort(triples[:, [i, j]], 1).T[0], np.sort(triples[:, [i, j]], 1).T[1]]
                 for i, j in combinations(range(3), 2))  # fmt: skip
    true = task.true(triples)
    assert scores[true].mean() == pytest.approx(scores[~true].mean())


def test_pairs_explain_nothing_of_zero_sums_and_all_of_a_sum_over_pairs():
    task = zero_sum(3, 3, seed=0)
    triples = _all_triples(task)
    assert explained_by_pairs(triples, task.true(triples).astype(float)) < 1e-9
    x = np.random.default_rng(0).standard_normal(task.n_nodes)
    sums = np.array([sum(x[a] * x[b] for a, b in combinations(t, 2)) for t in triples])
    assert explained_by_pairs(triples, sums) == pytest.approx(1.0)
    with pytest.raises(TopologyError, match="all the same"):
        explained_by_pairs(triples, np.ones(len(triples)))


def test_what_pairs_explain_is_the_least_squares_of_numpy():
    draw = np.random.default_rng(1)
    cells = np.array(list(combinations(range(7), 3)))
    values = draw.standard_normal(len(cells))
    pairs = list(combinations(range(7), 2))
    design = np.array([[set(p) <= set(c) for p in pairs] for c in cells.tolist()], float)
    left = values - values.mean()
    fitted = design @ np.linalg.lstsq(design, left, rcond=None)[0]
    expected = 1 - ((left - fitted) ** 2).sum() / (left**2).sum()
    assert explained_by_pairs(cells, values) == pytest.approx(expected)


@given(st.integers(0, 1000))
def test_false_candidates_are_false(seed):
    task = zero_sum(3, 3, seed=3)
    found = task.corrupted(task.asked, 5, seed)
    assert found.shape == (len(task.asked), 5, 3)
    every = {frozenset(c) for c in task.every.tolist()}
    for cell, corrupted in zip(task.asked.tolist(), found.tolist(), strict=True):
        for other in corrupted:
            assert frozenset(other) not in every
            assert sum(a != b for a, b in zip(cell, other, strict=True)) == 1
            assert sorted(task.kinds[other]) == [0, 1, 2]
    np.testing.assert_array_equal(found, task.corrupted(task.asked, 5, seed))


def test_false_candidates_are_drawn_evenly():
    task = zero_sum(2, 3)
    drawn = task.corrupted(task.asked[:1], 6000, 0)[0]
    sets, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(sets) == 9  # of each member three others have the other number
    assert counts.min() > 560


def test_all_candidates_for_a_member():
    task = zero_sum(3, 3, seed=3)
    found = task.candidates(task.asked, 1)
    assert found.sets.shape == (len(task.asked), task.n_nodes, 3)
    for i, cell in enumerate(task.asked.tolist()):
        for v in range(task.n_nodes):
            other = [cell[0], v, cell[2]]
            assert found.sets[i, v].tolist() == other
            right = task.kinds[v] == task.kinds[cell[1]]
            assert found.false[i, v] == (right and not task.true(np.array([other]))[0])
    # Of nine of the kind, those three that have the number are true.
    assert found.false.sum(1).tolist() == [6] * len(task.asked)


def test_cells_of_other_kinds_of_completion():
    task = Completion(
        "own", np.zeros(5, np.int64), np.array([[0, 1]]), np.array([[3, 2]]), np.array([[4, 1]])
    )
    assert task.true(np.array([[1, 0], [2, 3], [1, 4], [0, 2]])).tolist() == [True] * 3 + [False]
    assert repr(task.complex()) == "Complex(5 nodes, 1 of rank 1)"
    whole = task.complex(task.every)
    assert repr(whole) == "Complex(5 nodes, 3 of rank 1)"
    found = task.candidates(np.array([[0, 1]]), 0)
    assert found.false[0].tolist() == [False, False, True, True, False]
    full = np.array(list(combinations(range(3), 2)))
    with pytest.raises(TopologyError, match="3 cells have hardly any false candidates"):
        Completion("full", np.zeros(3, np.int64), full, full[:0], full[:0]).corrupted(full, 1, 0)


def test_what_is_seen_besides():
    none = np.zeros((0, 3), np.int64)
    context = {1: np.array([[3, 0], [0, 1]])}
    task = Completion("x", np.zeros(4, np.int64), np.array([[0, 1, 2]]), none, none, context)
    assert repr(task.complex()) == "Complex(4 nodes, 2 of rank 1, 1 of rank 2)"
    unknown = Completion("x", np.zeros(4, np.int64), none, none, np.array([[0, 1, 2]]))
    assert unknown.expansion().n_cells(1) == 0
    graph = task.expansion()
    edges = graph.cells(1).members.reshape(-1, 2).tolist()
    counts = graph.features[1].ravel().tolist()
    pairs = {(0, 1): 2, (0, 2): 1, (0, 3): 1, (1, 2): 1}
    assert dict(zip(map(tuple, edges), counts, strict=True)) == pairs


def test_what_is_no_completion_is_refused():
    kinds, none = np.zeros(3, np.int64), np.zeros((0, 2), np.int64)
    cell = np.array([[0, 1]])
    with pytest.raises(TopologyError, match="cells are of nodes 0 to 2"):
        Completion("x", kinds, np.array([[0, 3]]), none, none)
    with pytest.raises(TopologyError, match="a node twice"):
        Completion("x", kinds, np.array([[1, 1]]), none, none)
    with pytest.raises(TopologyError, match="a cell is there twice"):
        Completion("x", kinds, cell, none, cell[:, ::-1])
    with pytest.raises(TopologyError, match="too many to number"):
        Completion("x", np.zeros(1000, np.int64), np.arange(8)[None], *[np.arange(8)[None][:0]] * 2)
    with pytest.raises(TopologyError, match="members 0 to 1, not 2"):
        Completion("x", kinds, cell, none, none).candidates(cell, 2)
    with pytest.raises(TopologyError, match="two numbers or more"):
        zero_sum(1, 3)
