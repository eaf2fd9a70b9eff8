"""Alpha complexes against scipy's Delaunay triangulation and balls by brute force."""

import itertools
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from tests.draws import normal, normal32
from tests.topology.lifting.drawn import sets

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import alpha, rips


@pytest.mark.parametrize("dimensions", [2, 3])
def test_without_a_radius_it_is_the_delaunay_triangulation(dimensions):
    points = normal(dimensions, 40, dimensions)
    made = alpha(points)
    for rank in range(1, dimensions + 1):
        there = {
            frozenset(map(int, part))
            for simplex in Delaunay(points.numpy()).simplices
            for part in itertools.combinations(simplex, rank + 1)
        }
        assert sets(made.cells(rank)) == there


def _circle(corners):
    """Middle and radius of the circle through three points, or of the smallest through two."""
    if len(corners) == 2:
        return corners.mean(0), np.linalg.norm(corners[0] - corners[1]) / 2
    sides = 2 * (corners[1:] - corners[0])
    middle = np.linalg.solve(sides, (corners[1:] ** 2).sum(1) - (corners[0] ** 2).sum())
    return middle, np.linalg.norm(middle - corners[0])


def _by_force(points, radius):
    """Simplices with an empty circle of the radius or less, and the parts of those."""
    found = {1: set(), 2: set()}
    for size in (3, 2):
        for nodes in itertools.combinations(range(len(points)), size):
            middle, reach = _circle(points[list(nodes)])
            others = np.delete(points, nodes, 0)
            if reach <= radius and (np.linalg.norm(others - middle, axis=1) > reach).all():
                found[size - 1].add(frozenset(nodes))
                if size == 3:
                    found[1] |= set(map(frozenset, itertools.combinations(nodes, 2)))
    return found


@given(seed=st.integers(0, 999), radius=st.floats(0.05, 1.5))
def test_simplices_are_those_of_empty_circles(seed, radius):
    points = normal(seed, 10, 2)
    made = alpha(points, radius)
    there = _by_force(points.numpy(), radius)
    assert {rank: sets(made.cells(rank)) for rank in (1, 2)} == there


def test_it_is_part_of_the_rips_complex_and_has_its_features():
    points = normal32(0, 60, 3)
    made, wide = alpha(points, 0.5, features="mean"), rips(points, 1.0, 3, features="mean")
    assert made.dim == 3
    for rank in (1, 2, 3):
        assert sets(made.cells(rank)) <= sets(wide.cells(rank))
        assert made.n_cells(rank) > 0
    ends = torch.tensor(made.cells(1).members.reshape(-1, 2))
    there = (points[ends[:, 0]] - points[ends[:, 1]]).norm(dim=1, keepdim=True)
    assert made.features[1].equal(there)
    first = made.cells(3)[0].tolist()
    torch.testing.assert_close(made.features[3][0], points[first].mean(0))
    assert 2 not in alpha(points, 0.5).features


def test_points_by_themselves():
    assert alpha(torch.zeros(1, 2)).ranks == (0,)
    assert alpha(torch.tensor([[0.0, 0], [1, 0]]), 0.4).ranks == (0,)
    assert alpha(torch.tensor([[0.0, 0], [1, 0]]), 0.5).n_cells(1) == 1
    # Of two that are the same one is in the triangulation.
    made = alpha(torch.tensor([[0.0, 0], [1, 0], [0, 1], [0, 1]]))
    assert made.n_nodes == 4
    assert [made.n_cells(rank) for rank in (1, 2)] == [3, 1]


def test_what_cannot_be_is_refused(monkeypatch):
    for radius in (-1.0, math.nan):
        with pytest.raises(TopologyError, match="not negative"):
            alpha(torch.zeros(3, 2), radius)
    with pytest.raises(TopologyError, match="finite coordinates"):
        alpha(torch.full((3, 2), math.inf))
    monkeypatch.setitem(sys.modules, "gudhi", None)
    with pytest.raises(TopologyError, match=r"pip install unfrozen\[topology\]"):
        alpha(torch.zeros(3, 2))
