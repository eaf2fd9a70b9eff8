"""Vietoris-Rips complexes against gudhi, brute force and the circle."""

import math

import gudhi
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import normal, normal32
from tests.topology.lifting.drawn import rows, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import rips
from unfrozen.topology.lifting.points import near


@given(
    seed=st.integers(0, 999), dimensions=st.integers(1, 4), radius=st.floats(0.1, 3),
    rank=st.integers(1, 4),
)  # fmt: skip
def test_simplices_are_those_of_gudhi(seed, dimensions, radius, rank):
    points = normal(seed, 14, dimensions)
    made = rips(points, radius, rank)
    tree = gudhi.RipsComplex(points=points.numpy(), max_edge_length=radius).create_simplex_tree(
        max_dimension=rank
    )
    there = {}
    for simplex, _ in tree.get_filtration():
        there.setdefault(len(simplex) - 1, set()).add(frozenset(simplex))
    assert {at: sets(made.cells(at)) for at in made.ranks} == there


def test_a_larger_cloud_is_that_of_gudhi():
    points = normal(0, 300, 3)
    made = rips(points, 0.7, 3)
    tree = gudhi.RipsComplex(points=points.numpy(), max_edge_length=0.7).create_simplex_tree(
        max_dimension=3
    )
    there = np.bincount([len(simplex) - 1 for simplex, _ in tree.get_filtration()])
    assert [made.n_cells(rank) for rank in range(4)] == there.tolist()


def test_pairs_are_those_within_the_radius_which_counts():
    points = normal(1, 50, 2).numpy()
    away = np.linalg.norm(points[:, None] - points, axis=-1)
    assert near(points, 0.6).tolist() == np.argwhere(np.triu(away <= 0.6, 1)).tolist()
    square = torch.tensor([[0.0, 0], [3, 0], [3, 4], [0, 4]])
    assert rips(square, 4.0).n_cells(1) == 4
    assert rips(square, 5.0).n_cells(2) == 4


def test_points_and_lengths_are_features():
    points = normal32(0, 30, 3)
    made = rips(points, 1.5, features="mean")
    assert made.features[0] is points
    for edge, length in zip(rows(made.cells(1)), made.features[1].flatten(), strict=True):
        torch.testing.assert_close(length, (points[edge[0]] - points[edge[1]]).norm())
    first = made.cells(2)[0].tolist()
    torch.testing.assert_close(made.features[2][0], points[first].mean(0))


def test_the_circle_has_its_hole():
    angle = torch.arange(40) * 2 * math.pi / 40
    made = rips(torch.stack([angle.cos(), angle.sin()], 1), 0.4, 2)
    low, high = (made.incidence(k, k + 1, signed=True).scipy().toarray() for k in (0, 1))
    holes = made.n_cells(1) - np.linalg.matrix_rank(low) - np.linalg.matrix_rank(high)
    assert holes == 1


def test_what_cannot_be_is_refused():
    points = torch.zeros(9, 2)
    for radius, rank in ((0.0, 2), (math.inf, 2), (math.nan, 2), (1.0, 0)):
        with pytest.raises(TopologyError, match="are positive"):
            rips(points, radius, rank)
    with pytest.raises(TopologyError, match="finite coordinates"):
        rips(points * math.nan, 1.0)
    with pytest.raises(TopologyError, match="finite coordinates"):
        rips(torch.zeros(0, 2), 1.0)
    with pytest.raises(TopologyError, match=r"36 pairs of points are within 1\.0, more than 35"):
        rips(points, 1.0, most=35)
    with pytest.raises(TopologyError, match="more than 80 cliques"):
        rips(points, 1.0, most=80)
    assert rips(points, 1.0, most=84).n_cells(2) == 84
