"""Colour refinement against networkx, against a reference that never numbers, and exactly."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.tasks.graphs import with_rings, with_triangles

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, adjacency, incidence
from unfrozen.topology.tasks.refinement import (
    cellular,
    expressivity,
    immediate,
    refine,
    strongly_regular_failures,
    unseparated,
)
from unfrozen.topology.tasks.strongly_regular import FAMILIES, circular_skip_links

GRAPH = (adjacency(0),)


def _complex(graph):
    edges = [sorted(edge) for edge in graph.edges]
    return Complex({1: edges} if edges else {}, n_nodes=len(graph))


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=6), st.integers(2, 7))
def test_graphs_are_told_apart_as_by_networkx(seeds, n):
    graphs = [nx.gnp_random_graph(n, 0.4, seed=seed) for seed in seeds]
    ours = refine([_complex(graph) for graph in graphs], GRAPH).kinds(len(graphs))
    for graph in graphs:
        nx.set_node_attributes(graph, "alike", "label")
    theirs = [
        nx.weisfeiler_lehman_graph_hash(graph, iterations=n, node_attr="label") for graph in graphs
    ]
    assert [[a == b for b in ours] for a in ours] == [[a == b for b in theirs] for a in theirs]


@st.composite
def complexes(draw):
    n = draw(st.integers(3, 7))
    subsets = st.sets(st.integers(0, n - 1), min_size=2, max_size=min(4, n))
    chosen = draw(st.lists(subsets.map(frozenset), max_size=8, unique=True))
    ranked = {}
    for cell in chosen:
        ranked.setdefault(len(cell) - 1, []).append(sorted(cell))
    return ranked, n


RELATIONS = (
    adjacency(0, via=1), incidence(0, 1), incidence(0, 2), incidence(0, 2).T,
    incidence(1, 2).T, incidence(1, 3),
)  # fmt: skip


def _told(complex_, rounds):
    """Colours as what they stand for, written out in full."""
    now = {r: ["x"] * complex_.n_cells(r) for r in complex_.ranks}
    for _ in range(rounds):
        after = {}
        for rank, own in now.items():
            seen = [[colour] for colour in own]
            for relation in RELATIONS:
                if relation.target != rank:
                    continue
                there = relation.source in now
                dense = complex_.neighbourhood(relation).scipy().toarray() if there else None
                for i, each in enumerate(seen):
                    heard = [] if dense is None else np.flatnonzero(dense[i])
                    each.append(sorted(now[relation.source][j] for j in heard))
            after[rank] = [repr(each) for each in seen]
        now = after
    return now


@given(st.lists(complexes(), min_size=1, max_size=3), st.integers(0, 3))
def test_colours_are_what_they_stand_for(cells, rounds):
    many = [Complex(ranked, n_nodes=n) for ranked, n in cells]
    found = refine(many, RELATIONS, rounds=rounds)
    told = [_told(each, rounds) for each in many]
    for rank, colours in found.colours.items():
        names = [name for each in told for name in each.get(rank, [])]
        pairs = set(zip(colours.tolist(), names, strict=True))
        assert len(pairs) == len(set(names)) == len(set(colours.tolist()))


@given(complexes(), st.randoms(use_true_random=False))
def test_numbering_does_not_matter(cells, random):
    one = Complex(cells[0], n_nodes=cells[1])
    nodes = list(range(one.n_nodes))
    random.shuffle(nodes)
    ranked = {}
    for rank in one.ranks[1:]:
        cells = [[nodes[v] for v in one.cells(rank)[i]] for i in range(one.n_cells(rank))]
        for cell in cells:
            random.shuffle(cell)
        random.shuffle(cells)
        ranked[rank] = cells
    other = Complex(ranked, n_nodes=one.n_nodes)
    both = refine([one, other], RELATIONS)
    assert both.kinds(2)[0] == both.kinds(2)[1]
    # Alone, each has the very numbers of the other.
    alone, renamed = refine([one], RELATIONS).colours, refine([other], RELATIONS).colours
    np.testing.assert_array_equal(renamed[0][nodes], alone[0])
    for rank in one.ranks:
        np.testing.assert_array_equal(np.sort(alone[rank]), np.sort(renamed[rank]))


def test_the_classic_pair():
    """Two triangles and a hexagon are alike to 1-WL, and unlike once a triangle is a cell."""
    triangles = Complex({1: [[0, 1], [1, 2], [2, 0], [3, 4], [4, 5], [5, 3]]})
    hexagon = Complex({1: [[i, (i + 1) % 6] for i in range(6)]})
    assert unseparated([triangles, hexagon], GRAPH) == 1
    lifted = [with_triangles(triangles), with_triangles(hexagon)]
    assert unseparated(lifted, immediate(lifted[0])) == 0


def test_colours_to_begin_with_count():
    path = Complex({1: [[0, 1], [1, 2]]})
    marked = [{0: np.array([1, 0, 0])}, {0: np.array([0, 0, 1])}, {0: np.array([0, 1, 0])}]
    found = refine([path] * 3, GRAPH, colours=marked)
    kinds = found.kinds(3)
    assert kinds[0] == kinds[1] != kinds[2]
    assert len(set(found.of(2)[0].tolist())) == 2
    assert refine([path] * 3, GRAPH, colours=marked, rounds=0).rounds == 0


@pytest.mark.parametrize("skip", [3, 6])
def test_skip_links_need_more_than_edges(skip):
    """1-WL sees four neighbours everywhere; rings of at most five tell skips apart."""
    pair = [circular_skip_links(41, 2), circular_skip_links(41, skip)]
    assert unseparated(pair, GRAPH) == 1
    lifted = [with_rings(5)(each) for each in pair]
    assert unseparated(lifted, immediate(lifted[0])) == 0


def test_of_the_pairs_of_strongly_regular_graphs_refinement_and_triangles_tell_none_apart():
    none = {name: family.pairs for name, family in FAMILIES.items()}
    assert strongly_regular_failures(relations=lambda _: GRAPH) == none
    assert strongly_regular_failures(with_triangles) == none
    assert strongly_regular_failures(with_triangles, cellular) == none


def test_of_the_pairs_of_strongly_regular_graphs_rings_tell_all_apart():
    assert sum(strongly_regular_failures(with_rings(5)).values()) == 0


def test_counts_for_each_lift_are_those_of_networkx():
    found = {name: sum(each.values()) for name, each in expressivity().items()}
    assert found == {
        "graph": 157, "triangles": 157, "cliques": 1, "rings of up to 4": 1, "rings of up to 5": 0,
    }  # fmt: skip


def test_what_cannot_be_refined_is_refused():
    path = Complex({1: [[0, 1], [1, 2]]})
    with pytest.raises(TopologyError, match=r"colours have no signs: ±B\(0,1\) cannot be heard"):
        refine([path], [incidence(0, 1, signed=True)])
    with pytest.raises(TopologyError, match="there are no complexes"):
        refine([], GRAPH)
    with pytest.raises(TopologyError, match="1 colourings are not one for each of 2"):
        refine([path, path], GRAPH, colours=[{}])
    with pytest.raises(TopologyError, match="not one for each of 3 cells of rank 0"):
        refine([path], GRAPH, colours=[{0: np.zeros(2, np.int64)}])
