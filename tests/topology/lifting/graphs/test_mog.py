"""Mapper against a plain one over networkx, and the shapes that it keeps."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.lifting.drawn import (
    adjacency_of,
    complex_of,
    featured,
    random_graphs,
    rows,
    sets,
)

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import average_geodesic, mapper, preimages


def _by_force(graph_, values, intervals, overlap):
    """Components of the nodes in each interval, for values in sixteenths."""
    length = 1 / (intervals - (intervals - 1) * overlap)
    found = []
    for i in range(intervals):
        low = i * length * (1 - overlap)
        inside = [v for v in graph_ if low - 1e-9 <= values[v] <= low + length + 1e-9]
        parts = nx.connected_components(graph_.subgraph(inside))
        found += sorted(sorted(part) for part in parts)
    return found


@given(
    drawn=random_graphs(least=2),
    intervals=st.integers(1, 6),
    overlap=st.sampled_from([0.0, 0.2, 0.5, 0.7]),
    seed=st.integers(0, 99),
)
def test_pieces_are_those_of_a_plain_mapper(drawn, intervals, overlap, seed):
    # Irrational but for the ends, so that no value is at the end of an interval but by chance.
    values = np.sqrt(np.random.default_rng(seed).permutation(len(drawn))) / np.sqrt(len(drawn) - 1)
    found = preimages(adjacency_of(drawn), torch.from_numpy(values), intervals, overlap)
    assert rows(found) == _by_force(drawn, values, intervals, overlap)


@pytest.mark.parametrize("intervals", [1, 3, 7, 10, 49])
def test_every_node_is_in_a_piece_without_an_overlap_too(intervals):
    drawn = adjacency_of(nx.path_graph(100))
    found = preimages(drawn, torch.arange(100.0), intervals, 0.0)
    assert np.unique(found.members).tolist() == list(range(100))
    assert np.unique(preimages(drawn, torch.ones(100), intervals).members).tolist() == list(
        range(100)
    )


def _holes(lifted):
    """Of the graph of pieces, where those are neighbours that share a node."""
    joined = nx.from_scipy_sparse_array(lifted.coadjacency(2, via=0).scipy())
    parts = nx.number_connected_components(joined)
    return joined.number_of_edges() - joined.number_of_nodes() + parts, parts


def test_the_loop_of_a_ring_and_of_a_torus_is_kept():
    ring = complex_of(nx.cycle_graph(60))
    height = torch.cos(torch.arange(60) * 2 * torch.pi / 60)
    assert _holes(mapper(ring, height, intervals=5)) == (1, 1)
    torus = nx.convert_node_labels_to_integers(nx.grid_2d_graph(60, 5, periodic=True))
    around = torch.cos(torch.arange(300) // 5 * 2 * torch.pi / 60)
    assert _holes(mapper(complex_of(torus), around, intervals=5)) == (1, 1)
    assert _holes(mapper(complex_of(nx.balanced_tree(2, 6)))) == (0, 1)


def test_mean_geodesic_distance_is_the_default():
    given_ = featured(nx.convert_node_labels_to_integers(nx.grid_2d_graph(6, 9)))
    by_default = mapper(given_, features="mean", rank=3)
    by_name = mapper(given_, average_geodesic(given_), features="mean", rank=3)
    assert rows(by_default.cells(3)) == rows(by_name.cells(3))
    first = by_default.cells(3)[0].tolist()
    assert by_default.features[3][0].equal(given_.features[0][first].mean(0))


def test_pieces_that_are_cells_already_are_skipped():
    lifted = mapper(complex_of(nx.path_graph(6)), torch.arange(6.0), intervals=6, overlap=0.1)
    assert lifted.n_cells(2) == 0
    lifted = mapper(complex_of(nx.path_graph(6)), torch.arange(6.0), intervals=2, overlap=0.0)
    assert sets(lifted.cells(2)) == {frozenset([0, 1, 2]), frozenset([3, 4, 5])}


def test_what_cannot_be_is_refused():
    path = complex_of(nx.path_graph(3))
    for values in (torch.ones(2), torch.tensor([0.0, torch.nan, 1.0])):
        with pytest.raises(TopologyError, match="finite number for each of 3"):
            mapper(path, values)
    for intervals, overlap in ((0, 0.2), (3, 1.0), (3, -0.1)):
        with pytest.raises(TopologyError, match="an interval or more"):
            mapper(path, intervals=intervals, overlap=overlap)
