"""Hypergraphs in the dictionaries of HyperNetX, there and back."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import complexes, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.exchange import Column, Foreign, from_hypernetx, to_hypernetx

SYSTEMS = st.dictionaries(
    st.sampled_from("uvwxyz"),
    st.lists(st.integers(0, 6), min_size=2, max_size=5, unique=True),
    min_size=1,
).filter(lambda system: len({frozenset(x) for x in system.values()}) == len(system))


@given(SYSTEMS)
def test_dictionaries_come_back(system):
    nodes = dict.fromkeys([*(v for own in system.values() for v in own), 99])
    of_nodes = {node: {"charge": node / 2} for node in nodes}
    of_edges = {edge: {"place": [1.0, 2.0]} for edge in system}
    there = from_hypernetx(system, node_properties=of_nodes, edge_properties=of_edges)
    assert there.labels == {0: tuple(nodes), 1: tuple(system)}
    back = to_hypernetx(there)
    assert back.setsystem == system
    assert back.node_properties == of_nodes
    assert back.edge_properties == of_edges


@given(complexes(features=True))
def test_any_complex_comes_back_by_its_ranks(drawn):
    there = from_hypernetx(**to_hypernetx(drawn)._asdict())
    assert there.complex.ranks == drawn.ranks
    back = there.complex
    for rank in drawn.ranks[1:]:
        assert {frozenset(there.labels[0][i] for i in x) for x in sets(back, rank)} == set(
            sets(drawn, rank)
        )
        if rank in drawn.features:
            assert torch.equal(back.features[rank], drawn.features[rank])


def test_repeated_and_single_edges_are_skipped_when_asked():
    system = {"a": [0, 1], "b": (1, 0), "c": {1}, "d": [1, 2]}
    with pytest.raises(TopologyError, match="there twice"):
        from_hypernetx(system)
    assert from_hypernetx(system, same_set="skip").labels[1] == ("a", "d")


@pytest.mark.parametrize(
    ("system", "properties", "said"),
    [
        ({"a": []}, {}, "edge 'a' has none"),
        ({"a": [0, 0]}, {}, "node twice"),
        ({}, {}, "at least one node"),
        ({"a": [0, 1]}, {"a": {"name": "x"}}, "attribute 'name'"),
        ({"a": [0, 1]}, {"b": {}}, "properties of 'b' are of no edge"),
        ({"a": [0, 1]}, {"a": {"rank": 0}}, "edge 'a' has no rank from 1 up"),
        ({"a": [0, 1]}, {"a": {"rank": 1.5}}, "edge 'a' has no rank from 1 up"),
    ],
)
def test_what_cannot_be_kept_is_refused(system, properties, said):
    with pytest.raises(TopologyError, match=said):
        from_hypernetx(system, edge_properties=properties)


def test_an_object_is_asked_for_its_dictionary(unchecked):
    with pytest.raises(TopologyError, match=r"hypergraph\.incidence_dict, not as a object"):
        from_hypernetx(object())


def test_what_dictionaries_cannot_keep_is_refused():
    two = Complex({1: [[0, 1]], 2: [[0, 1, 2]]})
    with pytest.raises(TopologyError, match="label 'e' is of two cells"):
        to_hypernetx(Foreign(two, {1: ["e"], 2: ["e"]}))
    with pytest.raises(TopologyError, match="'rank' would be lost"):
        to_hypernetx(Foreign(two.with_features(1, torch.ones(1, 1)), {}, {1: (Column("rank"),)}))
    with pytest.raises(TopologyError, match="no attributes of the whole, as 'name'"):
        to_hypernetx(replace(Foreign(two, {}), rest={"name": "x"}))
