"""A complex in numbers, beside those of networkx and of definitions."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from tests.topology.complexes import CUBE, by_definition, complexes, sets
from tests.topology.lifting.drawn import complex_of

from unfrozen.errors import TopologyError
from unfrozen.topology import statistics
from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.complex.sets.axioms import repeated
from unfrozen.topology.statistics import measure


@given(complexes(most=20))
def test_numbers_are_those_of_definitions(complex_):
    found = measure(complex_)
    for rank in complex_.ranks:
        sizes = [len(each) for each in sets(complex_, rank)]
        told = {c.least: c.cells for c in found.cells if c.rank == rank}
        assert told == {size: sizes.count(size) for size in sizes}
    joined = nx.empty_graph(complex_.n_nodes)
    for rank in complex_.ranks[1:]:
        for each in sets(complex_, rank):
            nx.add_path(joined, each)
    assert found.components == nx.number_connected_components(joined)
    assert found.euler == sum((-1) ** r * len(sets(complex_, r)) for r in complex_.ranks)
    relations = [relation for relation, _ in statistics.relations(complex_)]
    assert [str(r) for r in relations] == [n.matrix for n in found.neighbours]
    for relation, own in zip(relations, found.neighbours, strict=True):
        degrees = by_definition(complex_, relation).sum(1)
        assert own.rank == relation.target
        assert (own.least, own.most) == (degrees.min(), degrees.max())
        assert own.mean == pytest.approx(degrees.mean(), abs=1e-3)
        assert (own.entries, own.without) == (degrees.sum(), (degrees == 0).sum())


def test_relations_are_between_all_ranks_and_through_the_next():
    told = [n.matrix for n in measure(CUBE).neighbours]
    assert told == [
        "B(0,1)", "B(0,1)ᵀ", "B(0,2)", "B(0,2)ᵀ", "B(1,2)", "B(1,2)ᵀ",
        "A(0 by 1)", "A(1 by 2)", "coA(1 by 0)", "coA(2 by 1)",
    ]  # fmt: skip


def test_very_many_sizes_are_told_in_spans():
    made = Complex({2: [list(range(size)) for size in range(2, 42)]})
    found = [c for c in measure(made).cells if c.rank == 2]
    assert sum(c.cells for c in found) == 40
    assert len(found) == 12
    assert (found[0].least, found[-1].most) == (2, 41)
    assert all(one.most < other.least for one, other in pairwise(found))


def test_matrices_that_are_too_large_are_not_made(monkeypatch):
    monkeypatch.setattr(statistics, "_PRODUCTS", 99)
    found = {n.matrix: n for n in measure(complex_of(nx.star_graph(10))).neighbours}
    assert found["A(0 by 1)"].entries == 20
    assert found["coA(1 by 0)"].entries is None
    assert "coA(1 by 0)" not in {str(r) for r in complex_of(nx.star_graph(10)).matrices}


def test_a_complex_that_was_trusted_wrongly_is_found_out():
    twice = Cells.of([[0, 1], [1, 0]])
    assert repeated(twice).tolist() == [False, True]
    nodes = Cells.of(np.arange(2)[:, None])
    with pytest.raises(TopologyError, match="there twice"):
        measure(Complex.trusted({0: nodes, 1: twice}))


def test_work_is_told_from_its_beginning_to_its_end():
    told = []
    measure(CUBE, lambda *step: told.append(step))
    assert told[0] == ("Measuring", 0, 12)
    assert told[-1] == ("Measuring", 12, 12)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
