"""Balls against shortest paths of networkx."""

import networkx as nx
import pytest
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
from unfrozen.topology.lifting import balls, located, neighbourhoods


@given(drawn=random_graphs(), hops=st.integers(1, 4))
def test_balls_are_what_is_within_so_many_steps(drawn, hops):
    found = neighbourhoods(adjacency_of(drawn), hops)
    for node in drawn:
        near = nx.single_source_shortest_path_length(drawn, node, cutoff=hops)
        assert rows(found)[node] == sorted(near)


@given(drawn=random_graphs(), hops=st.integers(1, 3))
def test_a_ball_is_one_cell_of_the_lowest_rank(drawn, hops):
    given_ = complex_of(drawn)
    lifted = balls(given_, hops)
    every = {frozenset(row) for row in rows(neighbourhoods(adjacency_of(drawn), hops))}
    edges = {frozenset(edge) for edge in drawn.edges}
    assert sets(lifted.cells(2)) == {ball for ball in every if len(ball) > 1} - edges
    # Where the ball of each node went is told.
    where = located(lifted, neighbourhoods(adjacency_of(drawn), hops))
    for ball, rank, row in zip(
        rows(neighbourhoods(adjacency_of(drawn), hops)), *where, strict=True
    ):
        assert set(lifted.cells(int(rank))[int(row)].tolist()) == set(ball)


def test_balls_have_features_and_a_rank():
    lifted = balls(featured(nx.path_graph(4)), rank=3, features="mean")
    assert rows(lifted.cells(3)) == [[0, 1, 2], [1, 2, 3]]
    assert lifted.features[3].tolist() == [[2, 3], [4, 5]]


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="0 hops"):
        balls(complex_of(nx.path_graph(4)), 0)
    with pytest.raises(TopologyError, match="balls of 2 hops have more than 45 nodes"):
        balls(complex_of(nx.star_graph(9)), 2, most=45)
