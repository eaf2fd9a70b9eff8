"""Lifts by their names, alone and together."""

import networkx as nx
import pytest
from tests.topology.lifting.drawn import featured, rows

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting import LIFTS, lift, lift_all, rings

GRAPHS = [
    rings(featured(drawn), 4, features="mean")
    for drawn in (nx.grid_2d_graph(3, 3), nx.path_graph(4), nx.complete_graph(4))
    for drawn in [nx.convert_node_labels_to_integers(drawn)]
]


@pytest.mark.parametrize("name", LIFTS)
def test_all_together_are_as_one_by_one(name):
    together = lift_all(name, GRAPHS, features="sum")
    for one, given in zip(together, GRAPHS, strict=True):
        alone = lift(name, given, features="sum")
        for rank in alone.ranks:
            assert rows(one.cells(rank)) == rows(alone.cells(rank))
            if rank in alone.features and alone.n_cells(rank):
                assert one.features[rank].equal(alone.features[rank])


@pytest.mark.parametrize("name", LIFTS)
def test_lifts_only_add_and_keep_the_axioms(name):
    for given in GRAPHS:
        lifted = lift(name, given, features="sum")
        for rank in given.ranks:
            assert rows(lifted.cells(rank))[: given.n_cells(rank)] == rows(given.cells(rank))
        # Checked anew, with none skipped.
        checked = Complex(
            {rank: lifted.cells(rank) for rank in lifted.ranks if rank}, n_nodes=lifted.n_nodes
        )
        assert len(checked) == len(lifted)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(TopologyError, match="there are cliques, rings, balls"):
        lift("hops", GRAPHS[0])
    with pytest.raises(TopologyError, match="no lift 'hops'"):
        lift_all("hops", GRAPHS)
