"""Many complexes lifted as one against each lifted alone."""

import networkx as nx
import numpy as np
import pytest
import torch
from tests.topology.lifting.drawn import complex_of, featured, rows

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting import as_one, augment, cliques, rings

GRAPHS = [
    nx.path_graph(3), nx.complete_graph(5), nx.empty_graph(2), nx.cycle_graph(6),
    nx.gnp_random_graph(9, 0.5, seed=0), nx.complete_graph(4),
]  # fmt: skip


def _same(one: Complex, other: Complex):
    assert one.ranks == other.ranks
    for rank in one.ranks:
        assert rows(one.cells(rank)) == rows(other.cells(rank))
        assert one.ids[rank].tolist() == other.ids[rank].tolist()
        assert (rank in one.features) == (rank in other.features)
        if rank in one.features:
            assert one.features[rank].equal(other.features[rank])


def test_as_one_is_as_one_by_one():
    given = [featured(drawn) for drawn in GRAPHS]
    found = as_one(lambda whole: cliques(whole, 4, features="sum"), given)
    for one, drawn in zip(found, GRAPHS, strict=True):
        alone = cliques(featured(drawn), 4, features="sum")
        for rank in range(2, 5):
            assert one.features[rank].equal(alone.features[rank])
        _same(one, alone)
    assert as_one(rings, []) == []


def test_cells_that_were_there_come_before_the_new():
    given = [augment(complex_of(drawn), 2, [[0, 1, 2]]) for drawn in (GRAPHS[1], GRAPHS[5])]
    found = as_one(rings, given)
    for one, alone in zip(found, map(rings, given), strict=True):
        _same(one, alone)
    assert rows(found[1].cells(2))[0] == [0, 1, 2]


def test_ids_go_on_from_those_of_each():
    grown = complex_of(nx.complete_graph(4)).restricted({1: np.array([0, 1, 3, 5])})
    given = [grown, complex_of(nx.complete_graph(3))]
    for one, alone in zip(as_one(cliques, given), map(cliques, given), strict=True):
        _same(one, alone)


def test_what_cannot_be_is_refused():
    given = [featured(nx.path_graph(3)), complex_of(nx.path_graph(3))]
    with pytest.raises(TopologyError, match="have features of it or none"):
        as_one(rings, given)
    with pytest.raises(TopologyError, match="nodes of two complexes"):
        as_one(lambda whole: augment(whole, 2, [[0, 1, 5]]), [given[1], given[1]])
    assert torch.equal(as_one(rings, given[:1])[0].features[0], given[0].features[0])
