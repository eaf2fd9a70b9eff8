"""Complexes with the names of another library."""

import pytest
import torch
from tests.topology.complexes import CUBE

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, GrowingComplex
from unfrozen.topology.exchange.foreign import Column, Foreign, Named, assemble


def test_a_complex_by_itself_is_called_by_its_ids_also_when_it_has_grown():
    growing = GrowingComplex(CUBE)
    growing.retire(8)
    new = growing.add(1, [0, 6])
    foreign = Foreign.of(growing.snapshot())
    assert foreign.labels[1] == (*range(9, 20), new)
    assert [cell.label for cell in foreign.named(1)] == list(foreign.labels[1])
    assert foreign.named(1)[-1] == Named(1, new, [0, 6], {})


def test_cells_are_told_by_the_names_of_their_nodes():
    path = Complex({1: [[0, 1], [2, 1]]}, features={1: torch.tensor([[1.0, 2.0], [3.0, 4.0]])})
    foreign = Foreign.of(Foreign(path, {0: "abc"}, {1: (Column("x"), Column("y", 1))}))
    assert foreign.named(1) == [
        Named(1, 3, ["a", "b"], {"x": 1.0, "y": [2.0]}),
        Named(1, 4, ["c", "b"], {"x": 3.0, "y": [4.0]}),
    ]


def test_sets_take_their_nodes_in_the_order_of_nodes_and_lists_in_their_own():
    nodes = [Named(0, label, (label,), {}) for label in ("z", "y", "x")]
    cells = [Named(1, "set", frozenset("xyz"), {}), Named(1, "list", ["x", "z"], {})]
    found = assemble(nodes, cells).complex.cells(1)
    assert found[0].tolist() == [0, 1, 2]
    assert found[1].tolist() == [2, 0]


def test_cells_of_nodes_that_are_not_there_are_refused():
    nodes = [Named(0, "a", ("a",), {})]
    with pytest.raises(TopologyError, match="cell 'e' of rank 1 has node 'b', which is not there"):
        assemble(nodes, [Named(1, "e", ["a", "b"], {})])
