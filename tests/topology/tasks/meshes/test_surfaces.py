"""Surfaces against closed forms of area, volume and topology."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.meshes import (
    Surface,
    box,
    revolution,
    sphere,
    subdivided,
    torus,
    torus_knot,
    tube,
)

CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def betti(surface):
    """By the ranks of its boundary matrices."""
    cells = surface.complex(geometry=False)
    d1, d2 = (cells.incidence(low, low + 1, signed=True).scipy().toarray() for low in (0, 1))
    assert not (d1 @ d2).any()
    r1, r2 = np.linalg.matrix_rank(d1), np.linalg.matrix_rank(d2)
    return len(d1) - r1, d1.shape[1] - r1 - r2, d2.shape[1] - r2


def test_a_corner_of_a_cube():
    corner = Surface.of(CORNERS, FACES)
    assert corner.volume == pytest.approx(1 / 6)
    assert corner.area == pytest.approx(1.5 + np.sqrt(3) / 2)
    assert corner.euler == 2
    assert betti(corner) == (1, 0, 1)


@given(st.integers(1, 6))
def test_the_sphere(times):
    ball = sphere(times)
    assert len(ball.vertices) == 10 * times**2 + 2
    assert ball.euler == 2
    np.testing.assert_allclose(np.linalg.norm(ball.vertices, axis=1), 1)
    # Inscribed, and nearer with more faces.
    coarse = 5 * (3 + 5**0.5) / 12 / np.sin(2 * np.pi / 5) ** 3  # the icosahedron
    assert coarse <= ball.volume + 1e-9
    assert ball.volume < 4 * np.pi / 3
    assert ball.area < 4 * np.pi
    assert 1 - ball.volume / (4 * np.pi / 3) < 0.6 / times**2


@given(st.integers(1, 5), st.tuples(*[st.floats(0.5, 3)] * 3))
def test_the_box(times, sides):
    x, y, z = sides
    found = box(times, sides)
    assert found.euler == 2
    assert len(found.faces) == 12 * times**2
    assert found.volume == pytest.approx(x * y * z)
    assert found.area == pytest.approx(2 * (x * y + y * z + z * x))


@given(st.integers(3, 12), st.integers(2, 5), st.floats(0.5, 2), st.floats(0.5, 3))
def test_a_prism_as_a_surface_of_revolution(around, rings, radius, tall):
    up = np.linspace(0, tall, rings)
    found = revolution(np.stack([np.full(rings, radius), up], 1), (0.0, tall), around)
    base = around / 2 * radius**2 * np.sin(2 * np.pi / around)
    side = 2 * radius * np.sin(np.pi / around)
    assert found.euler == 2
    assert found.volume == pytest.approx(base * tall)
    assert found.area == pytest.approx(2 * base + around * side * tall)


def test_bands_of_a_surface_of_revolution_have_their_parts():
    profile = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    found = revolution(profile, (0.0, 2.0), 5, np.array([7, 8, 9, 10]))
    assert np.bincount(found.parts)[7:].tolist() == [5, 10, 10, 5]
    height = found.vertices[found.faces][:, :, 2]
    assert height[found.parts == 7].max() == 0
    assert height[found.parts == 8].max() == 1
    assert height[found.parts == 9].min() == 1
    assert height[found.parts == 10].min() == 2


def test_the_torus():
    found = torus(60, 40, ring=2.0, radius=0.5)
    assert found.euler == 0
    assert len(found.vertices) == 2400
    # Pappus.
    assert found.volume == pytest.approx(2 * np.pi**2 * 2.0 * 0.5**2, rel=0.01)
    assert found.area == pytest.approx(4 * np.pi**2 * 2.0 * 0.5, rel=0.01)
    assert betti(torus(5, 4)) == (1, 2, 1)


@pytest.mark.parametrize(("turns", "winds"), [(2, 3), (2, 5), (3, 4)])
def test_tubes_around_knots(turns, winds):
    curve = torus_knot(turns, winds, 400, ring=1.0, radius=0.45)
    # On its torus all the way.
    far = np.hypot(np.linalg.norm(curve[:, :2], axis=1) - 1.0, curve[:, 2])
    np.testing.assert_allclose(far, 0.45)
    length = np.linalg.norm(curve - np.roll(curve, 1, 0), axis=1).sum()
    found = tube(curve, 0.05, 24)
    assert found.euler == 0
    assert found.area == pytest.approx(2 * np.pi * 0.05 * length, rel=0.02)
    assert found.volume == pytest.approx(np.pi * 0.05**2 * length, rel=0.03)
    # The last ring meets the first without a twist: edges along are as long everywhere.
    rings = found.vertices.reshape(400, 24, 3)
    steps = np.linalg.norm(rings - np.roll(rings, -1, 0), axis=2)
    assert steps[-1].max() < 1.2 * steps[:-1].max()


@given(st.integers(1, 6))
def test_division_changes_no_shape(times):
    corner = Surface(CORNERS, FACES, np.arange(4))
    found = subdivided(corner, times)
    assert len(found.faces) == 4 * times**2
    assert found.euler == 2
    assert found.volume == pytest.approx(corner.volume)
    areas = np.linalg.norm(found.normals, axis=1)
    np.testing.assert_allclose(
        np.bincount(found.parts, areas), np.linalg.norm(corner.normals, axis=1)
    )


def test_parts_of_edges_and_vertices():
    found = Surface(CORNERS, FACES, np.array([3, 1, 2, 0]))
    for rank in (0, 1, 2):
        cells = found.complex(geometry=False).cells(rank)
        for row in range(len(cells)):
            around = [
                part
                for face, part in zip(FACES.tolist(), found.parts, strict=True)
                if set(cells[row].tolist()) <= set(face)
            ]
            assert found.labels[rank][row] == min(around)


def test_what_is_no_closed_surface_is_refused(unchecked):
    with pytest.raises(TopologyError, match="not closed"):
        Surface.of(CORNERS, FACES[:3])
    with pytest.raises(TopologyError, match="not closed"):
        Surface.of(CORNERS, np.concatenate([FACES[:3], FACES[3:, ::-1]]))
    with pytest.raises(TopologyError, match="faces are of vertices 0 to 2"):
        Surface.of(CORNERS[:3], FACES)
    with pytest.raises(TopologyError, match="3 parts are not one for each"):
        Surface(CORNERS, FACES, np.zeros(3, np.int64))
    with pytest.raises(TopologyError, match="divided into one or more"):
        subdivided(Surface.of(CORNERS, FACES), 0)
    with pytest.raises(TopologyError, match="1 rings of 2 points"):
        revolution(np.ones((1, 2)), (0.0, 2.0), 2)
    with pytest.raises(TopologyError, match="three points or more"):
        tube(np.ones((2, 3)), 0.1, 5)
