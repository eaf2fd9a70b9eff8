"""Limbs, handles and necks: what they do to topology, volume and parts."""

import numpy as np
import pytest
from tests.topology.tasks.meshes.test_surfaces import betti

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.meshes import box, grown, joined, sphere, torus, with_handle
from unfrozen.topology.tasks.meshes.joining import outward, ring_around


def _flat(surface):
    """A vertex in the middle of the top of a box."""
    top = surface.vertices[:, 2] == surface.vertices[:, 2].max()
    far = np.where(top, np.abs(surface.vertices[:, :2]).max(1), np.inf)
    return int(np.argmin(far))


def test_a_ring_goes_round_its_vertex():
    ball = sphere(3)
    for vertex in (0, 5, 40):
        ring = ring_around(ball, vertex)
        neighbours = ball.edges[(ball.edges == vertex).any(1)]
        assert sorted(ring.tolist()) == sorted(set(neighbours.ravel().tolist()) - {vertex})
        x = ball.vertices[ring]
        turns = np.cross(x, np.roll(x, -1, 0)) @ ball.vertices[vertex]
        assert (turns > 0).all()
        assert outward(ball, vertex) @ ball.vertices[vertex] > 0.99


def test_a_limb_adds_its_own_volume():
    cube = box(4)
    vertex = _flat(cube)
    ring = cube.vertices[ring_around(cube, vertex)]
    profile = np.array([[0.1, 0.0], [0.1, 0.5], [0.1, 1.0]])
    found = grown(cube, vertex, profile, 1.0, 3)
    assert found.euler == 2
    sides = ring - ring.mean(0)
    sides = 0.1 * sides / np.linalg.norm(sides, axis=1, keepdims=True)
    base = np.cross(sides, np.roll(sides, -1, 0))[:, 2].sum() / 2
    assert found.volume == pytest.approx(1.0 + base * 1.0)
    n = len(ring)
    assert np.bincount(found.parts).tolist() == [len(cube.faces) - n, 0, 0, 2 * 3 * n + n]
    # The limb's end takes the number of the vertex that it grew from; the others stay.
    np.testing.assert_allclose(found.vertices[vertex], cube.vertices[vertex] + [0, 0, 1.0])
    others = np.delete(np.arange(len(cube.vertices)), vertex)
    np.testing.assert_array_equal(found.vertices[others], cube.vertices[others])


def test_a_limb_grows_where_it_is_told():
    found = grown(sphere(3), 7, np.array([[0.1, 1.0]]), 5.0, 1, np.array([0.0, 3.0, 0.0]))
    base = sphere(3).vertices[ring_around(sphere(3), 7)].mean(0)
    np.testing.assert_allclose(found.vertices[7], base + np.array([0, 5.0, 0]))


@pytest.mark.parametrize("rings", [2, 7])
def test_a_handle_takes_two_from_the_euler_characteristic(rings):
    ball = sphere(4)
    one, other = int(np.argmax(ball.vertices[:, 0])), int(np.argmax(ball.vertices[:, 2]))
    found = with_handle(ball, one, other, reach=0.8, rings=rings, part=1)
    assert found.euler == 0
    assert betti(found) == (1, 2, 1)
    m, n = len(ring_around(ball, one)), len(ring_around(ball, other))
    assert (found.parts == 1).sum() == 2 * m * (rings - 1 + 1) + m + n
    assert found.volume > ball.volume
    # All of it is outside the ball.
    new = found.vertices[len(ball.vertices) :]
    assert np.linalg.norm(new, axis=1).min() > 0.88


def test_ends_of_a_handle_are_apart():
    ball = sphere(3)
    near = int(ring_around(ball, 0)[0])
    for other in (0, near):
        with pytest.raises(TopologyError, match=f"vertices 0 and {other} are too near"):
            with_handle(ball, 0, other, reach=1.0, rings=3, part=1)


def test_connected_sums():
    """The Euler characteristic of a connected sum is that of both less two."""
    left, right = torus(8, 5), torus(9, 6).moved(lambda x: x + np.array([4.0, 0, 0]))
    at = int(np.argmax(left.vertices[:, 0])), int(np.argmin(right.vertices[:, 0]))
    double = joined(left, right, at, part=2)
    assert double.euler == -2
    assert betti(double) == (1, 4, 1)
    assert double.volume > left.volume + right.volume
    ball = sphere(3).moved(lambda x: x + np.array([8.0, 0, 0]))
    at = int(np.argmax(double.vertices[:, 0])), int(np.argmin(ball.vertices[:, 0]))
    assert joined(double, ball, at).euler == -2
    assert set(joined(double, ball, at).parts.tolist()) == {0, 2}
