"""Which cell a set is, against dictionaries of Python's own sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import complexes
from tests.topology.lifting.drawn import rows

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells
from unfrozen.topology.lifting import located

SETS = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), max_size=25)


@given(given_=complexes(), sets=SETS)
def test_sets_are_found_at_their_rank_and_row(given_, sets):
    asked = [nodes for nodes in sets if max(nodes) < given_.n_nodes]
    where = {
        frozenset(nodes): (rank, row)
        for rank in given_.ranks
        for row, nodes in enumerate(rows(given_.cells(rank)))
    }
    found = located(given_, Cells.of(asked))
    there = [where.get(frozenset(nodes), (-1, -1)) for nodes in asked]
    assert list(zip(found.rank.tolist(), found.row.tolist(), strict=True)) == there
    with pytest.raises(TopologyError, match="sets are of nodes 0 to"):
        located(given_, Cells.of([[0, given_.n_nodes]]))
