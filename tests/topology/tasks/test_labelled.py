"""Sets of complexes with what is to be told of them."""

import numpy as np
import pytest
import torch

from unfrozen.data.graphs import Graphs, graphs
from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting import rings
from unfrozen.topology.tasks.labelled import (
    CellLabelled,
    Labelled,
    from_graphs,
    standardised,
    with_ones,
)


def test_mutag_as_complexes():
    found = from_graphs(graphs("MUTAG"))
    assert len(found) == 188
    assert found.n_classes == 2
    assert sum(each.n_nodes for each in found.complexes) == 3371
    assert sum(each.n_cells(1) for each in found.complexes) == 3721
    assert {each.features[0].shape[1] for each in found.complexes} == {7}
    lifted = found.lifted(rings)
    # Molecules are planar: rings are edges - nodes + 1 of a connected one, where none is long.
    assert sum(each.n_cells(2) for each in lifted.complexes) == 538 == 3721 - 3371 + 188
    assert [len(each) for each in found.targets] == [1] * 188


def test_loops_are_left_out():
    edges = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 1]])
    found = from_graphs(Graphs("one", (torch.ones(2, 1),), (edges,), torch.tensor([0]), "here"))
    assert found.complexes[0].n_cells(1) == 1


def test_nodes_without_features_get_one():
    bare = Complex({1: [[0, 1]]})
    assert with_ones(bare).features[0].tolist() == [[1.0], [1.0]]
    own = Complex({1: [[0, 1]]}, features={0: torch.zeros(2, 3)})
    assert with_ones(own) is own


def test_features_are_standardised_by_those_learnt_from():
    draw = torch.Generator().manual_seed(0)
    complexes = [
        Complex({1: [[0, 1], [1, 2]]}, features={0: 5 * torch.randn(3, 2, generator=draw) + 1})
        for _ in range(6)
    ]
    found = standardised(complexes, torch.tensor([0, 2, 3]))
    rows = torch.cat([found[i].features[0] for i in (0, 2, 3)])
    torch.testing.assert_close(rows.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(rows.std(0), torch.ones(2))
    old = torch.cat([complexes[i].features[0] for i in (0, 2, 3)])
    expected = (complexes[1].features[0] - old.mean(0)) / old.std(0)
    torch.testing.assert_close(found[1].features[0], expected)
    # A feature that is always the same is only shifted.
    alike = [Complex({1: [[0, 1]]}, features={0: torch.full((2, 1), 3.0)})] * 2
    assert not standardised(alike, torch.tensor([0]))[1].features[0].any()


def test_what_does_not_fit_is_refused():
    path = Complex({1: [[0, 1], [1, 2]]})
    with pytest.raises(TopologyError, match="x has 1 complexes and 2 classes"):
        Labelled("x", (path,), torch.zeros(2, dtype=torch.int64), "here")
    with pytest.raises(TopologyError, match="x has 0 complexes"):
        Labelled("x", (), torch.zeros(0, dtype=torch.int64), "here")
    for rank, n in ((1, 3), (2, 1)):
        with pytest.raises(TopologyError, match=f"cells of rank {rank} and classes in other"):
            CellLabelled("x", (path,), rank, (torch.zeros(n, dtype=torch.int64),), 2, "here")
    fits = CellLabelled("x", (path,), 1, (torch.from_numpy(np.array([0, 1])),), 2, "here")
    assert len(fits.lifted(rings)) == len(fits) == 1
