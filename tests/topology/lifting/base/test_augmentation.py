"""More cells on a complex: what is skipped, what is refused, and features."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import complexes
from tests.topology.lifting.drawn import complex_of, featured, rows

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells
from unfrozen.topology.lifting import augment
from unfrozen.topology.lifting.base import reduced

PATH = featured(nx.path_graph(5), dtype=torch.float64)


@given(
    given_=complexes(),
    more=st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True), max_size=5),
)
def test_what_is_there_already_is_skipped_as_the_core_skips_it(given_, more):
    whole = [*more, list(range(given_.n_nodes))]
    by_core = given_.with_cells(given_.dim + 1, whole[-1:], same_set="skip")
    ours = augment(given_, given_.dim + 1, whole[-1:])
    assert rows(ours.cells(given_.dim + 1)) == rows(by_core.cells(given_.dim + 1))
    # One or two of the first two nodes: the nodes are there, the pair may be.
    pairs = complex_of(nx.empty_graph(2))
    assert augment(pairs, 1, more).n_cells(1) == any(len(nodes) == 2 for nodes in more)


def test_features_are_reduced_skipped_with_their_cells_and_carried_on():
    made = augment(PATH, 2, [[0, 1, 2], [1, 0], [2, 3, 4]], "mean")
    assert made.features[2].tolist() == [[2, 3], [6, 7]]
    assert made.features[2].dtype == torch.float64
    own = torch.tensor([[1.0], [2.0], [3.0]])
    made = augment(PATH, 2, [[0, 1, 2], [1, 0], [2, 3, 4]], own)
    assert made.features[2].tolist() == [[1.0], [3.0]]
    again = augment(made, 2, [[2, 1, 0], [1, 2, 3]], own[:2])
    assert again.features[2].tolist() == [[1.0], [3.0], [2.0]]
    assert rows(again.cells(2))[2] == [1, 2, 3]


def test_gradients_go_to_the_nodes():
    x = torch.ones(5, 1, requires_grad=True)
    given_ = complex_of(nx.path_graph(5), features={0: x})
    augment(given_, 2, [[0, 1, 2], [2, 3, 4]], "mean").features[2].sum().backward()
    torch.testing.assert_close(x.grad.flatten(), torch.tensor([1.0, 1, 2, 1, 1]) / 3)


def test_features_of_sets_are_sums_and_means():
    cells = Cells.of([[4], [0, 1], [3, 1, 2]])
    x = PATH.features[0]
    for how in ("sum", "mean"):
        there = torch.stack([getattr(x[torch.tensor(row)], how)(0) for row in rows(cells)])
        torch.testing.assert_close(reduced(PATH, cells, how), there)
    assert reduced(PATH, Cells.of(np.zeros((0, 3), np.int64)), "mean").shape == (0, 2)


def test_what_cannot_be_is_refused(unchecked):
    with pytest.raises(TopologyError, match="are there twice"):
        augment(PATH, 2, [[0, 1]], same_set="refuse")
    with pytest.raises(TopologyError, match="lie within cells of rank 1"):
        augment(augment(PATH, 1, [[0, 1, 2, 3]]), 2, [[0, 1, 2]])
    with pytest.raises(TopologyError, match="1 rows of features are not one for each of 2"):
        augment(PATH, 2, [[0, 1, 2], [2, 3, 4]], torch.ones(1, 2))
    with pytest.raises(TopologyError, match="1 features do not fit the 2 of rank 2"):
        augment(augment(PATH, 2, [[0, 1, 2]], "sum"), 2, [[2, 3, 4]], torch.ones(1, 1))
    with pytest.raises(TopologyError, match="which have none"):
        augment(complex_of(nx.path_graph(3)), 2, [[0, 1, 2]], "mean")
    with pytest.raises(TopologyError, match="'sum' or 'mean', not 'max'"):
        augment(PATH, 2, [[0, 1, 2]], "max")
    with pytest.raises(TopologyError, match="has node 7"):
        augment(PATH, 2, [[0, 1, 7]])
