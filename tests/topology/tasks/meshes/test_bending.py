"""Bending, turning, other triangles and numbers: what they keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.meshes import (
    Surface,
    bent,
    box,
    flipped,
    renumbered,
    sphere,
    torus,
    turned,
)

seeds = st.integers(0, 10_000)


def _pairs(points):
    return np.linalg.norm(points[:, None] - points[None], axis=2)


@given(seeds, st.floats(0, 0.9))
def test_bending_moves_points_apart_by_no_more_than_its_strength(seed, strength):
    before = torus(8, 5)
    after = bent(before, strength, np.random.default_rng(seed))
    old, new = _pairs(before.vertices), _pairs(after.vertices)
    assert (np.abs(new - old) <= strength * old + 1e-12).all()
    np.testing.assert_array_equal(after.faces, before.faces)


def test_bending_bends():
    before = sphere(3)
    after = bent(before, 0.8, np.random.default_rng(0))
    moved = after.vertices - before.vertices
    assert np.linalg.norm(moved - moved.mean(0), axis=1).max() > 0.02
    none = bent(before, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(none.vertices, before.vertices)


@given(seeds)
def test_turning_is_a_rotation(seed):
    before = torus(6, 4)
    after = turned(before, np.random.default_rng(seed))
    np.testing.assert_allclose(_pairs(after.vertices), _pairs(before.vertices), atol=1e-12)
    assert after.volume == pytest.approx(before.volume)  # and no reflection


def test_all_rotations_are_as_likely():
    draw = np.random.default_rng(0)
    axis = Surface.of(np.eye(4, 3), np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]))
    turns = np.array([turned(axis, draw).vertices[:3] for _ in range(2000)])
    np.testing.assert_allclose(turns.mean(0), 0, atol=0.06)
    np.testing.assert_allclose((turns**2).mean(0), 1 / 3, atol=0.03)


@given(seeds, st.floats(0, 1))
def test_flips_keep_a_flat_surface(seed, share):
    before = box(3)
    after = flipped(before, share, np.random.default_rng(seed))
    np.testing.assert_array_equal(after.vertices, before.vertices)
    assert after.euler == 2
    assert len(after.faces) == len(before.faces)
    assert after.area == pytest.approx(before.area)
    assert after.volume == pytest.approx(before.volume)


def test_flips_change_edges_but_not_borders_of_parts():
    before = sphere(4)
    halves = (before.vertices[before.faces][:, :, 2].mean(1) > 0).astype(np.int64)
    before = Surface(before.vertices, before.faces, halves)
    after = flipped(before, 1.0, np.random.default_rng(0))

    def borders(surface):
        n = len(surface.vertices)
        found = {}
        for face, part in zip(surface.faces.tolist(), surface.parts.tolist(), strict=True):
            for a, b in zip(face, face[1:] + face[:1], strict=True):
                found.setdefault(min(a, b) * n + max(a, b), set()).add(part)
        return {edge for edge, parts in found.items() if len(parts) == 2}

    assert borders(after) == borders(before)
    common = set(map(tuple, before.edges.tolist())) & set(map(tuple, after.edges.tolist()))
    assert len(common) < 0.8 * len(before.edges)
    assert np.bincount(after.parts).tolist() == np.bincount(before.parts).tolist()


@given(seeds)
def test_other_numbers_are_the_same_surface(seed):
    before = Surface(sphere(2).vertices, sphere(2).faces, np.arange(80) % 3)
    after = renumbered(before, np.random.default_rng(seed))

    def triangles(surface):
        return sorted(
            (part, sorted(map(tuple, surface.vertices[face].tolist())))
            for face, part in zip(surface.faces, surface.parts.tolist(), strict=True)
        )

    assert triangles(after) == triangles(before)
    assert after.volume == pytest.approx(before.volume)


def test_what_cannot_be_done_is_refused():
    draw = np.random.default_rng(0)
    for strength in (-0.1, 1.0):
        with pytest.raises(TopologyError, match="a strength from 0 to below 1"):
            bent(sphere(1), strength, draw)
    with pytest.raises(TopologyError, match="the share of edges is from 0 to 1"):
        flipped(sphere(1), 1.5, draw)
