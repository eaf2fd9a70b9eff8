"""Knowledge graphs as complexes: no triple is lost."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.lifting.drawn import rows, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import knowledge

TRIPLES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=20
)


@given(triples=TRIPLES)
def test_every_triple_is_told_from_its_cell(triples):
    known = knowledge(torch.tensor(triples), 6, 4)
    pairs = {frozenset((head, tail)) for head, _, tail in triples if head != tail}
    assert sets(known.complex.cells(1)) == pairs
    told = []
    for rank, row, along, relation in zip(
        *known.cell, known.along.tolist(), known.relation.tolist(), strict=True
    ):
        nodes = known.complex.cells(int(rank))[int(row)].tolist()
        head, tail = (nodes[0], nodes[-1]) if along else (nodes[-1], nodes[0])
        told.append((head, relation, tail))
    assert told == triples


@given(triples=TRIPLES)
def test_counts_are_of_all_that_is_said_of_a_cell(triples):
    known = knowledge(torch.tensor(triples), 6, 4, features=True)
    for rank in (0, 1):
        counts = known.counts(rank)
        for nodes, row in zip(rows(known.complex.cells(rank)), counts, strict=True):
            ways = [(nodes[0], nodes[-1]), (nodes[-1], nodes[0])]
            if rank == 0:
                ways[1] = (-1, -1)
            there = [triples.count((head, r, tail)) for head, tail in ways for r in range(4)]
            assert row.tolist() == there
    if known.complex.n_cells(1):
        assert known.complex.features[1].equal(known.counts())


def test_entities_have_features_and_may_be_unrelated():
    x = torch.eye(5)
    known = knowledge(torch.tensor([[3, 1, 0], [0, 0, 3]]), nodes=x)
    assert known.complex.features[0] is x
    assert (known.complex.n_nodes, known.n_relations) == (5, 2)
    assert rows(known.complex.cells(1)) == [[3, 0]]
    assert known.along.tolist() == [True, False]


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="a triple or more"):
        knowledge(torch.zeros(0, 3, dtype=torch.int64))
    for triple in ([0, 0, 4], [0, 3, 1], [-1, 0, 1]):
        with pytest.raises(TopologyError, match="entities 0 to 3 and relations 0 to 2"):
            knowledge(torch.tensor([triple]), 4, 3)
