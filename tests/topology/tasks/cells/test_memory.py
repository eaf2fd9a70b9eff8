"""Relations recalled from some of their members, against looking through all cells."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells
from unfrozen.topology.tasks.cells import CellMemory
from unfrozen.topology.tasks.completion import zero_sum
from unfrozen.topology.tasks.steiner import bose


@given(
    st.lists(st.sets(st.integers(0, 7), min_size=2, max_size=4), min_size=1, max_size=12),
    st.data(),
)
def test_shares_are_those_of_the_cells_that_have_all_that_is_given(sets, data):
    cells = [sorted(one) for one in sets]
    memory = CellMemory(8)
    memory.write(Cells.of(cells))
    given_ = data.draw(st.sets(st.sampled_from(data.draw(st.sampled_from(cells))), min_size=1))
    found = memory.recall([sorted(given_)])
    having = [one for one in cells if given_ <= set(one)]
    expected = [sum(v in one for one in having) / len(having) for v in range(8)]
    torch.testing.assert_close(found.shares[0], torch.tensor(expected))
    left = [v for v in range(8) if v not in given_]
    best = max(expected[v] for v in left)
    assert expected[int(found.members[0, 0])] == pytest.approx(best)


def test_two_members_of_a_steiner_system_recall_the_third():
    system = bose(15)
    memory = CellMemory(15)
    memory.write(Cells.of(system))
    pairs = [list(pair) for pair in combinations(range(15), 2)]
    found = memory.recall(pairs)
    third = {tuple(sorted(t)): t for t in system.tolist()}
    for pair, member in zip(pairs, found.members[:, 0].tolist(), strict=True):
        assert tuple(sorted([*pair, member])) in third
    torch.testing.assert_close(found.shares.sum(1), torch.full((105,), 3.0))


def test_what_is_hidden_is_not_recalled():
    """A memory knows what it was told: of zero sums, all other copies but those hidden."""
    task = zero_sum(3, 4, seed=0)
    memory = CellMemory(task.n_nodes)
    memory.write(Cells.of(task.known))
    third = memory.recall(task.known[:, :2].tolist(), missing=2).members
    recalled = (third == torch.from_numpy(task.known[:, 2:])).any(1)
    assert bool(recalled.all())  # two copies of four are known for each pair
    hidden = memory.recall(task.asked[:, :2].tolist(), missing=2).members
    assert not bool((hidden == torch.from_numpy(task.asked[:, 2:])).any())


def test_what_is_forgotten_is_as_though_it_had_never_been():
    memory, other = CellMemory(6), CellMemory(6)
    first, second = Cells.of([[0, 1, 2]]), Cells.of([[0, 3, 4], [1, 5]])
    memory.write(first)
    written = memory.write(second)
    memory.forget(written)
    other.write(first)
    asked = [[0], [1, 2], [5, 0]]
    assert torch.equal(memory.recall(asked).shares, other.recall(asked).shares)


def test_random_codes_recall_the_more_the_wider_they_are():
    task = zero_sum(4, 4, seed=1)
    cells = Cells.of(task.known[::4])
    given_ = [cells[i][:2].tolist() for i in range(len(cells))]
    exact = CellMemory(task.n_nodes)
    exact.write(cells)
    truth = exact.recall(given_).shares
    wrong = []
    for width in (8, 64, 512):
        memory = CellMemory(
            task.n_nodes, width=width, beta=8.0, generator=torch.Generator().manual_seed(0)
        )
        memory.write(cells)
        wrong.append(float((memory.recall(given_).shares - truth).abs().mean()))
    assert wrong[0] > wrong[1] > wrong[2]
    assert wrong[2] < 0.01


def test_softmax_is_near_where_a_member_counts_much():
    memory = CellMemory(6, beta=20.0, alpha=1.0)
    memory.write(Cells.of([[0, 1, 2], [0, 1, 3], [0, 4, 5]]))
    found = memory.recall([[0, 1]], missing=2)
    np.testing.assert_allclose(found.shares[0], [1, 1, 0.5, 0.5, 0, 0], atol=1e-6)
    assert sorted(found.members[0].tolist()) == [2, 3]


def test_what_cannot_be_recalled_is_refused():
    memory = CellMemory(4)
    with pytest.raises(TopologyError, match="the memory is empty"):
        memory.recall([[0]])
    with pytest.raises(TopologyError, match="no cells to store"):
        memory.write(Cells.of(np.zeros((0, 2), np.int64)))
    with pytest.raises(TopologyError, match="sets are of one node or more, of 0 to 3"):
        memory.write(Cells.of([[0, 4]]))
    memory.write(Cells.of([[0, 1, 2]]))
    for wrong in ([[]], [[0], [-1]]):
        with pytest.raises(TopologyError, match="sets are of one node or more"):
            memory.recall(wrong)
    for missing in (0, 3):
        with pytest.raises(TopologyError, match=f"there are not {missing} nodes besides"):
            memory.recall([[0, 1], [2]], missing=missing)
    with pytest.raises(TopologyError, match="random codes need a generator"):
        CellMemory(4, width=3)
