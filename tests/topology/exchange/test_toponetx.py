"""Complexes of TopoNetX, there and back."""

import sys

import numpy as np
import pytest
import toponetx as tnx
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import CUBE, PROJECTIVE, TETRAHEDRON, complexes, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.exchange import from_toponetx, to_toponetx


def named(foreign, rank):
    """The cells of a rank, by the labels of their nodes."""
    return [frozenset(foreign.labels[0][i] for i in cell) for cell in sets(foreign.complex, rank)]


@given(complexes(features=True))
def test_a_combinatorial_complex_comes_back(drawn):
    other = to_toponetx(drawn)
    there = from_toponetx(other)
    assert there.complex.ranks == drawn.ranks
    for rank in drawn.ranks:
        assert named(there, rank) == sets(drawn, rank)
        assert (rank in there.complex.features) == (rank in drawn.features)
        if rank in drawn.features:
            assert torch.equal(there.complex.features[rank], drawn.features[rank])
    again = to_toponetx(there)
    assert again.cells.hyperedge_dict == other.cells.hyperedge_dict


def test_attributes_of_a_combinatorial_complex_are_kept():
    other = tnx.CombinatorialComplex()
    for node in "abc":
        other.add_node(node)
    other.add_cell(["a", "b"], rank=1, place=[1.0, 2.0])
    other.add_cell(["a", "b", "c"], rank=3)
    for i, node in enumerate("abc"):
        other.add_node(node, charge=i / 2)
    there = from_toponetx(other)
    assert there.labels == {0: ("a", "b", "c"), 1: (frozenset("ab"),), 3: (frozenset("abc"),)}
    assert there.complex.features[0].tolist() == [[0.0], [0.5], [1.0]]
    assert there.complex.features[1].tolist() == [[1.0, 2.0]]
    back = to_toponetx(there)
    assert back.cells.hyperedge_dict == other.cells.hyperedge_dict


def test_weights_that_say_something_are_kept():
    other = tnx.CombinatorialComplex()
    other.add_cell([0, 1], rank=1, weight=2.5)
    other.add_cell([1, 2], rank=1, weight=1.0)
    there = from_toponetx(other)
    assert there.complex.features[1].flatten().tolist() == [2.5, 1.0]
    assert 0 not in there.complex.features


@pytest.mark.parametrize("surface", [PROJECTIVE, TETRAHEDRON])
def test_a_simplicial_complex_comes_back_with_the_orientation_of_its_simplices(surface):
    other = to_toponetx(surface.with_features(2, torch.ones(surface.n_cells(2), 1)), "simplicial")
    there = from_toponetx(other)
    assert named(there, 1) == [frozenset(s) for s in other.skeleton(1)]
    for rank in (1, 2):
        ours = there.complex.incidence(rank - 1, rank, signed=True).scipy().toarray()
        rows, columns, matrix = other.incidence_matrix(rank, signed=True, index=True)
        key = (lambda label: (label,)) if rank == 1 else (lambda label: label)
        rows = [rows[key(label)] for label in there.labels[rank - 1]]
        columns = [columns[label] for label in there.labels[rank]]
        np.testing.assert_array_equal(ours, matrix.toarray()[np.ix_(rows, columns)])
    again = from_toponetx(to_toponetx(there, "simplicial"))
    assert again.labels == there.labels
    assert torch.equal(again.complex.features[2], there.complex.features[2])


def test_a_cell_complex_comes_back_with_its_polygons_as_they_go_round():
    edges = CUBE.with_features(1, torch.arange(12.0)[:, None])
    other = to_toponetx(edges, "cell")
    there = from_toponetx(other)
    faces = [CUBE.cells(2)[i].tolist() for i in range(6)]
    assert [list(label) for label in there.labels[2]] == faces
    ours = there.complex.incidence(1, 2, signed=True).scipy().toarray()
    assert not (there.complex.incidence(0, 1, signed=True).scipy().toarray() @ ours).any()
    weights = {
        cell: float(x) for cell, x in zip(sets(CUBE, 1), edges.features[1].flatten(), strict=True)
    }
    found = there.complex.features[1].flatten().tolist()
    assert [weights[cell] for cell in named(there, 1)] == found
    assert from_toponetx(to_toponetx(there, "cell")).labels == there.labels


def two_polygons():
    other = tnx.CellComplex(regular=True)
    other.add_cell([0, 1, 2, 3], rank=2)
    other.add_cell([0, 2, 1, 3], rank=2)
    return other


def words():
    other = tnx.SimplicialComplex([[0, 1]])
    other.set_simplex_attributes({(0,): {"name": "a"}, (1,): {"name": "b"}})
    return other


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (two_polygons(), "there twice"),
        (words(), "attribute 'name'"),
        (tnx.PathComplex([[0, 1]]), "PathComplex is none of"),
        (tnx.ColoredHyperGraph([[0, 1]], ranks=1), "ColoredHyperGraph is none of"),
    ],
)
def test_what_cannot_be_taken_is_refused(other, said):
    with pytest.raises(TopologyError, match=said):
        from_toponetx(other)


def test_words_are_left_out_when_asked():
    assert from_toponetx(words(), leave_out=["name"]).complex.n_cells(1) == 1


@pytest.mark.parametrize(
    ("cells", "kind", "said"),
    [
        (CUBE, "simplicial", "cells of rank 2 are not all simplices of 3 nodes"),
        (Complex({1: [[0, 1], [1, 2]], 2: [[0, 1, 2]]}), "simplicial", "1 faces of simplices"),
        (Complex({3: [[0, 1]]}), "cell", "ranks 0 to 2"),
        (Complex({1: [[0, 1, 2]]}), "cell", "join two nodes"),
        (Complex({1: [[0, 1], [1, 2]], 2: [[0, 1, 2]]}), "cell", "has 2 of its 3 edges"),
    ],
)
def test_what_toponetx_would_change_is_refused(cells, kind, said):
    with pytest.raises(TopologyError, match=said):
        to_toponetx(cells, kind)


@given(st.sampled_from([TETRAHEDRON, PROJECTIVE]), st.randoms(use_true_random=False))
def test_cells_in_another_order_are_the_same_complex(surface, random):
    rows = [surface.cells(2)[i].tolist() for i in range(surface.n_cells(2))]
    random.shuffle(rows)
    there = from_toponetx(tnx.SimplicialComplex(rows))
    assert set(named(there, 2)) == set(sets(surface, 2))
    assert set(named(there, 1)) == set(sets(surface, 1))


def test_without_the_library_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "toponetx", None)
    for call in (lambda: from_toponetx(None), lambda: to_toponetx(CUBE)):
        with pytest.raises(TopologyError, match="pip install 'toponetx'"):
            call()
