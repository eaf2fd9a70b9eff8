"""Where nodes go: near those they are joined to, at the same place each time."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.lifting.drawn import complex_of

from unfrozen.topology.complex import Complex
from unfrozen.topology.drawing import placing
from unfrozen.topology.drawing.placing import laid_out, projected, some_nodes


def placed(complex_, seed=0, seen=None):
    return laid_out(complex_, np.ones(complex_.n_nodes, bool) if seen is None else seen, seed)


def lengths(places, graph):
    ends = np.array(list(graph.edges))
    return np.linalg.norm(places[ends[:, 0]] - places[ends[:, 1]], axis=1)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_what_is_in_space_is_only_turned(up, around):
    points = np.random.default_rng(0).standard_normal((6, 3))
    found = projected(points, (up, around))
    turned = np.column_stack([found.places, found.depth])
    assert np.allclose(turned @ turned.T, points @ points.T)
    # And not mirrored.
    assert np.linalg.det(np.linalg.lstsq(points, turned)[0]) == pytest.approx(1)


def test_views_are_those_that_are_asked_for():
    points = np.random.default_rng(0).standard_normal((6, 3))
    above = projected(points, (90.0, -90.0))
    assert np.allclose(above.places, points[:, :2])
    assert np.allclose(above.depth, points[:, 2])
    ahead = projected(points, (0.0, 0.0))
    assert np.allclose(ahead.places, points[:, 1:])
    assert np.allclose(ahead.depth, points[:, 0])


@pytest.mark.parametrize("n", [3, 4, 6, 11])
def test_a_ring_is_laid_out_as_one(n):
    graph = nx.cycle_graph(n)
    found = placed(complex_of(graph))
    assert lengths(found, graph) == pytest.approx(np.ones(n), rel=0.05)
    far = np.linalg.norm(found - found.mean(0), axis=1)
    assert far == pytest.approx(np.full(n, 0.5 / np.sin(np.pi / n)), rel=0.05)


def test_a_grid_is_laid_out_upright_and_without_crossings():
    graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 3))
    found = placed(complex_of(graph))
    assert np.ptp(found, axis=0) == pytest.approx([3, 2], rel=0.1)
    assert lengths(found, graph) == pytest.approx(np.ones(graph.size()), rel=0.15)
    ends = np.array(list(graph.edges))
    assert placing._crossings(found, ends) == 0


@given(st.integers(4, 9), st.integers(0, 99))
def test_crossings_are_counted_as_by_hand(n, seed):
    draw = np.random.default_rng(seed)
    spots = draw.standard_normal((n, 2))
    ends = np.array(list(nx.gnm_random_graph(n, 2 * n, seed=seed).edges))

    def turn(a, b, c):
        return np.sign(np.linalg.det(np.stack([spots[b] - spots[a], spots[c] - spots[a]])))

    wanted = sum(
        len({a, b, c, d}) == 4 and turn(a, b, c) != turn(a, b, d) and turn(c, d, a) != turn(c, d, b)
        for i, (a, b) in enumerate(ends)
        for c, d in ends[:i]
    )
    assert placing._crossings(spots, ends) == wanted


def test_the_layout_follows_the_seed_and_touches_no_global_generator():
    graph = complex_of(nx.barabasi_albert_graph(200, 1, seed=1))
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    one, again, other = placed(graph, 3), placed(graph, 3), placed(graph, 4)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert (one == again).all()
    assert (one != other).any()
    assert np.isfinite(one).all()
    turned = complex_of(nx.barabasi_albert_graph(200, 1, seed=1))
    turned = turned.restricted({1: np.arange(turned.n_cells(1))[::-1]})
    assert (placed(turned, 3) == one).all()


def test_connected_parts_stand_side_by_side():
    parts = [nx.cycle_graph(6), nx.path_graph(4), nx.star_graph(5), nx.empty_graph(3)]
    graph = nx.disjoint_union_all(parts)
    found = placed(complex_of(graph))
    boxes = [
        (found[list(part)].min(0), found[list(part)].max(0))
        for part in nx.connected_components(graph)
    ]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            gap = np.maximum(low - other_high, other_low - high)
            assert gap.max() > 0.5
    wide, tall = np.ptp(found, axis=0)
    assert 0.3 < wide / tall < 3


def test_cells_that_are_no_edges_draw_their_nodes_together():
    threes = [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    for rank in (1, 2):
        found = placed(Complex({rank: threes}, n_nodes=7))
        within = max(np.linalg.norm(found[a] - found[b]) for t in threes for a in t for b in t)
        assert within < np.linalg.norm(found[0] - found[6])
    # Where edges join them already, cells of higher rank change nothing.
    path = Complex({1: [[0, 1], [1, 2]]})
    assert (placed(path) == placed(path.with_cells(2, [[0, 1, 2]]))).all()


def test_of_many_nodes_those_around_a_hub_are_seen():
    graph = nx.star_graph(30)
    graph.add_edges_from((30 + i, 31 + i) for i in range(60))
    complex_ = complex_of(graph)
    assert some_nodes(complex_, 91).all()
    kept = some_nodes(complex_, 20)
    assert kept.sum() == 20
    assert kept[0]
    assert set(np.flatnonzero(kept)) <= set(range(31))
    found = placed(complex_, seen=kept)
    assert np.isfinite(found[kept]).all()
    assert np.isnan(found[~kept]).all()
    hyper = Complex({2: [[i, i + 1, i + 2] for i in range(0, 60, 2)]})
    near = np.flatnonzero(some_nodes(hyper, 9))
    assert np.ptp(near) < 12
