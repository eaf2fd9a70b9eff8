"""Hypergraphs of XGI, there and back."""

import sys

import numpy as np
import pytest
import torch
import xgi
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import CUBE, complexes, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.exchange import Foreign, from_xgi, to_xgi

EDGES = st.lists(
    st.lists(st.sampled_from("abcdef"), min_size=2, max_size=5, unique=True),
    min_size=1, max_size=8, unique_by=frozenset,
)  # fmt: skip


def same(one, other):
    assert list(one.nodes) == list(other.nodes)
    assert list(one.edges) == list(other.edges)
    assert one.edges.members(dtype=dict) == other.edges.members(dtype=dict)
    assert all(one.nodes[n] == other.nodes[n] for n in one.nodes)
    assert all(one.edges[e] == other.edges[e] for e in one.edges)


@given(EDGES)
def test_a_hypergraph_comes_back_with_all_that_it_has(edges):
    other = xgi.Hypergraph({f"edge {i}": edge for i, edge in enumerate(edges)})
    other["name"] = "a hypergraph"
    other.set_node_attributes({n: {"charge": i / 2} for i, n in enumerate(other.nodes)})
    other.set_edge_attributes({e: {"place": [1.0, i / 2]} for i, e in enumerate(other.edges)})
    there = from_xgi(other)
    back = to_xgi(there)
    same(other, back)
    assert back["name"] == "a hypergraph"
    np.testing.assert_array_equal(
        there.complex.incidence(0, 1).scipy().toarray(),
        xgi.incidence_matrix(other, sparse=False),
    )


@given(complexes(features=True))
def test_any_complex_comes_back_by_its_ranks(drawn):
    there = from_xgi(
        to_xgi(drawn), ranks="attribute" if drawn.ranks[1:] not in ((), (1,)) else "one"
    )
    assert there.complex.ranks == drawn.ranks
    for rank in drawn.ranks:
        assert sets(there.complex, rank) == sets(drawn, rank)
        assert list(there.labels[rank]) == drawn.ids[rank].tolist()
        if rank in drawn.features:
            assert torch.equal(there.complex.features[rank], drawn.features[rank])


def test_simplices_have_ranks_by_their_sizes():
    other = xgi.SimplicialComplex([[0, 1, 2], [2, 3]])
    there = from_xgi(other, ranks="size")
    assert set(sets(there.complex, 2)) == {frozenset([0, 1, 2])}
    assert len(sets(there.complex, 1)) == 4


def test_repeated_and_single_edges_are_skipped_when_asked():
    other = xgi.Hypergraph({"a": [0, 1], "b": [1, 0], "c": [1], "d": [1, 2]})
    with pytest.raises(TopologyError, match="there twice"):
        from_xgi(other)
    there = from_xgi(other, same_set="skip")
    assert there.labels[1] == ("a", "d")
    assert sets(there.complex, 1) == [{0, 1}, {1, 2}]


def empty():
    other = xgi.Hypergraph([[0, 1]])
    other.add_edge([], idx="none")
    return other


def words():
    other = xgi.Hypergraph([[0, 1]])
    other.set_edge_attributes({0: {"name": "a"}})
    return other


@pytest.mark.parametrize(
    ("other", "settings", "said"),
    [
        (xgi.DiHypergraph([([0], [1])]), {}, "no heads and tails"),
        (empty(), {}, "edge 'none' has none"),
        (words(), {}, "attribute 'name'"),
        (xgi.Hypergraph([[0, 1]]), {"ranks": "attribute"}, "edge 0 has no rank from 1 up"),
        (xgi.Hypergraph(), {}, "at least one node"),
    ],
)
def test_what_cannot_be_kept_is_refused(other, settings, said):
    with pytest.raises(TopologyError, match=said):
        from_xgi(other, **settings)


def test_labels_and_names_that_would_be_lost_are_refused():
    two = Complex({1: [[0, 1]], 2: [[0, 1, 2]]})
    with pytest.raises(TopologyError, match="label 'e' is of two cells"):
        to_xgi(Foreign(two, {1: ["e"], 2: ["e"]}))
    from unfrozen.topology.exchange import Column

    ranked = Foreign(two.with_features(1, torch.ones(1, 1)), {}, {1: (Column("rank"),)})
    with pytest.raises(TopologyError, match="'rank' would be lost"):
        to_xgi(ranked)


def test_without_the_library_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgi", None)
    with pytest.raises(TopologyError, match=r"pip install 'unfrozen\[topology\]'"):
        to_xgi(CUBE)
