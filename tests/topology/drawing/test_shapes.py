"""What cells look like, asked of each by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path
from tests.topology.complexes import CUBE, complexes, grid, sets

from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.drawing.shapes import Shapes, bare, hull, owners, told_apart


def rows(cells: Cells) -> list[list[int]]:
    return [cells[i].tolist() for i in range(len(cells))]


@given(complexes(most=20), st.integers(0, 2**7 - 1))
def test_every_cell_is_an_edge_a_polygon_or_a_set(complex_, hidden):
    n = complex_.n_nodes
    seen = np.array([not hidden >> node & 1 for node in range(n)])
    found = Shapes.of(complex_, seen)
    joined = {frozenset(row) for row in rows(complex_.cells(1)) if len(row) == 2 and all(seen[row])}
    edges, polygons, others = [], [], []
    for rank in complex_.ranks[1:]:
        for row in rows(complex_.cells(rank)):
            sides = [frozenset(side) for side in zip(row, [*row[1:], row[0]], strict=True)]
            if not all(seen[row]):
                continue
            if rank == 1 and len(row) == 2:
                edges.append(row)
            elif rank == 2 and len(row) > 2 and all(side in joined for side in sides):
                polygons.append(row)
            else:
                others.append((rank, row))
    assert found.edges.tolist() == edges
    assert rows(found.polygons) == polygons
    assert list(zip(found.ranks.tolist(), rows(found.sets), strict=True)) == others
    inner = {frozenset(s) for p in polygons for s in zip(p, [*p[1:], p[0]], strict=True)}
    assert bare(found, n).tolist() == [edge for edge in edges if frozenset(edge) not in inner]


def test_polygons_of_surfaces_are_all_their_faces():
    for surface in (CUBE, grid(4, 3)):
        found = Shapes.of(surface, np.ones(surface.n_nodes, bool))
        assert rows(found.polygons) == rows(surface.cells(2))
        assert not len(found.sets)
        assert not len(bare(found, surface.n_nodes))


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_a_hull_holds_the_discs_around_all_points(n):
    draw = np.random.default_rng(n)
    points = draw.standard_normal((n, 2))
    border = Path(hull(points, 0.5))
    turns = 2 * np.pi * draw.random((200, 1))
    discs = points[draw.integers(n, size=200)] + 0.48 * np.concatenate(
        [np.cos(turns), np.sin(turns)], 1
    )
    assert border.contains_points(discs).all()
    # And it goes no further out than they do.
    away = np.linalg.norm(border.vertices[:, None] - points, axis=2).min(1)
    assert away == pytest.approx(np.full(len(border.vertices), 0.5))


def test_a_hull_of_two_points_is_a_stadium():
    x, y = hull(np.array([[0.0, 0.0], [3.0, 0.0]]), 1.0).T
    area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    assert area == pytest.approx(2 * 3 + np.pi, rel=0.01)
    assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((-1, 4, -1, 1))


@given(complexes(n_nodes=6, most=20))
def test_a_polygon_is_of_the_smallest_set_around_it(complex_):
    polygons, around = complex_.cells(1), complex_.cells(2)
    found = owners(polygons, around, complex_.n_nodes)
    for inner, owner in zip(sets(complex_, 1), found, strict=True):
        wider = [(len(one), at) for at, one in enumerate(sets(complex_, 2)) if inner <= one]
        assert owner == (min(wider)[1] if wider else -1)


@given(complexes(n_nodes=7, most=7))
def test_sets_that_share_a_node_have_other_colours_where_there_are_enough(complex_):
    cells = Cells.join([complex_.cells(rank) for rank in complex_.ranks[1:]])
    found = told_apart(cells, complex_.n_nodes, 8)
    assert ((found >= 0) & (found < 8)).all()
    for i in range(len(cells)):
        for j in range(i):
            if set(cells[i].tolist()) & set(cells[j].tolist()):
                assert found[i] != found[j]
    few = told_apart(cells, complex_.n_nodes, 1)
    assert (few == 0).all()


def test_colours_are_used_in_turn():
    apart = Complex({1: [[i, i + 1] for i in range(0, 16, 2)]})
    assert sorted(told_apart(apart.cells(1), 16, 8)) == list(range(8))
