"""Betti numbers beside those of surfaces, of dense algebra and of gudhi."""

import gudhi
import numpy as np
import pytest
import torch
from hypothesis import given
from tests.topology.complexes import SURFACES, complexes

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.homology import homology
from unfrozen.topology.lifting import balls, rips
from unfrozen.topology.tasks.meshes import torus


@pytest.mark.parametrize("name", SURFACES)
def test_betti_numbers_of_surfaces_are_the_known_ones(name):
    surface, betti = SURFACES[name]
    found = homology(surface)
    assert found.betti == betti
    assert not found.unoriented


@pytest.mark.parametrize("radius", [0.3, 0.5, 0.8])
def test_betti_numbers_of_points_are_those_of_gudhi(radius):
    points = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    made = rips(points, radius, 3)
    tree = gudhi.SimplexTree()
    for rank in made.ranks:
        for row in range(made.n_cells(rank)):
            tree.insert(made.cells(rank)[row].tolist())
    tree.compute_persistence(homology_coeff_field=1_009, persistence_dim_max=True)
    wanted = tree.betti_numbers()
    assert homology(made).betti == tuple(wanted[: made.dim + 1])


@given(complexes(n_nodes=6, most=20))
def test_betti_numbers_are_those_of_dense_algebra_where_there_are_boundaries(complex_):
    found = homology(complex_)
    rank_of = {0: 0, complex_.dim + 1: 0}
    for rank in range(1, complex_.dim + 1):
        there = complex_.n_cells(rank - 1) and complex_.n_cells(rank)
        if not there or rank in found.unoriented:
            rank_of[rank] = None
            if there:
                with pytest.raises(TopologyError):
                    complex_.incidence(rank - 1, rank, signed=True)
            continue
        matrix = complex_.incidence(rank - 1, rank, signed=True).scipy().toarray()
        rank_of[rank] = np.linalg.matrix_rank(matrix)
    for rank, betti in enumerate(found.betti):
        below, above = rank_of[rank], rank_of[rank + 1]
        if below is None or above is None:
            assert betti is None
        else:
            assert betti == complex_.n_cells(rank) - below - above


def test_what_has_no_boundary_is_told_and_the_rest_is_known():
    surface = SURFACES["torus"][0]
    more = surface.with_cells(3, [list(range(surface.n_nodes))])
    found = homology(more)
    assert found.betti == (1, 2, None, None)
    assert "not all simplices" in found.unoriented[3]
    path = Complex({1: [[0, 1], [1, 2]]})
    assert homology(balls(path)).unoriented[2].startswith("face [0, 1, 2] has 2 of its 3 edges")
    gap = homology(Complex({3: [[0, 1, 2]]}))
    assert gap.betti == (None,) * 4
    assert gap.unoriented == {3: "there are no cells of rank 2 to bound them"}
    assert homology(Complex({}, n_nodes=3)).betti == (3,)


def test_it_is_given_up_when_it_takes_too_long():
    surface = torus(12, 8).complex(geometry=False)
    assert homology(surface).betti == (1, 2, 1)
    assert homology(surface, steps=100).betti[2] is None
    large = homology(surface, most=100)
    assert large.betti == (None, None, None)
    assert not large.unoriented
