"""Orientations: boundaries of boundaries, Betti numbers, and cells turned round."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import CUBE, SURFACES, grid

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, incidence, laplacian


def boundary(complex_, low):
    return complex_.incidence(low, low + 1, signed=True).scipy().toarray()


def betti(complex_):
    """How many eigenvalues of each Hodge Laplacian are zero."""
    found = (complex_.neighbourhood(laplacian(r)).scipy().toarray() for r in complex_.ranks)
    return tuple(int((np.linalg.eigvalsh(one) < 1e-4).sum()) for one in found)


@pytest.mark.parametrize("name", SURFACES)
def test_surfaces_have_their_betti_numbers_and_boundaries_no_boundary(name):
    surface, numbers = SURFACES[name]
    assert not (boundary(surface, 0) @ boundary(surface, 1)).any()
    assert betti(surface) == numbers


@pytest.mark.parametrize("top", [2, 3, 4, 5])
def test_boundaries_of_simplices_are_spheres_however_they_are_turned(top):
    random = np.random.default_rng(top)
    cells = {
        rank: [random.permutation(c).tolist() for c in combinations(range(top + 1), rank + 1)]
        for rank in range(1, top)
    }
    sphere = Complex(cells)
    for low in range(top - 2):
        assert not (boundary(sphere, low) @ boundary(sphere, low + 1)).any()
    assert betti(sphere) == (1, *[0] * (top - 2), 1)


@given(st.integers(3, 9), st.integers(0, 8), st.booleans(), st.randoms(use_true_random=False))
def test_a_polygon_walks_its_edges_round(size, begin, backwards, random):
    face = [(begin + i) % size for i in range(size)]
    edges = [[i, (i + 1) % size] for i in range(size)]
    random.shuffle(edges)
    turned = [random.random() < 0.5 for _ in edges]
    given_edges = [e[::-1] if turn else e for e, turn in zip(edges, turned, strict=True)]
    polygon = Complex({1: given_edges, 2: [face[::-1] if backwards else face]})
    signs = [-1.0 if turn != backwards else 1.0 for turn in turned]
    assert boundary(polygon, 1).ravel().tolist() == signs


@given(st.lists(st.booleans(), min_size=24, max_size=24), st.sampled_from(["sphere", "cube"]))
def test_a_cell_turned_round_changes_the_signs_of_its_rows_and_columns(turns, name):
    surface, numbers = SURFACES[name]
    flips, cells, at = {0: np.ones(surface.n_nodes)}, {}, 0
    for rank in (1, 2):
        own = turns[at : at + surface.n_cells(rank)]
        at += len(own)
        flips[rank] = np.where(own, -1, 1)
        cells[rank] = [
            surface.cells(rank)[i].tolist()[:: -1 if turn else 1] for i, turn in enumerate(own)
        ]
    other = Complex(cells)
    for low in (0, 1):
        expected = np.diag(flips[low]) @ boundary(surface, low) @ np.diag(flips[low + 1])
        np.testing.assert_array_equal(boundary(other, low), expected)
    assert betti(other) == numbers


def test_triangles_of_a_tetrahedron_have_the_signs_of_the_textbook():
    # Hatcher 2002, section 2.1: the boundary of [0, 1, 2, 3] is [1, 2, 3] - [0, 2, 3] + ...
    solid = Complex(
        {rank: [list(c) for c in combinations(range(4), rank + 1)] for rank in (1, 2, 3)}
    )
    # 012, 013, 023, 123
    assert boundary(solid, 2).ravel().tolist() == [-1.0, 1.0, -1.0, 1.0]
    # 01, 02, 03, 12, 13, 23 in 012
    assert boundary(solid, 1)[:, 0].tolist() == [1.0, -1.0, 0.0, 1.0, 0.0, 0.0]
    assert boundary(solid, 0)[:, 0].tolist() == [-1.0, 1.0, 0.0, 0.0]


def test_signs_are_those_of_toponetx():
    import toponetx

    torus = grid(4, 4)
    faces = [sorted(torus.cells(2)[i].tolist()) for i in range(torus.n_cells(2))]
    edges = [sorted(torus.cells(1)[i].tolist()) for i in range(torus.n_cells(1))]
    ours = Complex({1: edges, 2: faces})
    reference = toponetx.SimplicialComplex(faces)
    for low, parts, wholes in ((0, [[i] for i in range(16)], edges), (1, edges, faces)):
        rows, columns, matrix = reference.incidence_matrix(low + 1, signed=True, index=True)
        rows, columns = [rows[tuple(x)] for x in parts], [columns[tuple(x)] for x in wholes]
        expected = matrix.toarray()[np.ix_(rows, columns)]
        np.testing.assert_array_equal(boundary(ours, low), expected)


def test_faces_are_those_of_toponetx():
    import toponetx

    faces = [CUBE.cells(2)[i].tolist() for i in range(6)]
    reference = toponetx.CellComplex()
    for i in range(CUBE.n_cells(1)):
        reference.add_edge(*CUBE.cells(1)[i].tolist())
    for face in faces:
        reference.add_cell(face, rank=2)
    rows, columns, matrix = reference.incidence_matrix(2, signed=True, index=True)
    edges = [CUBE.cells(1)[i].tolist() for i in range(12)]
    # Its edges run from the lower node to the higher.
    turned = np.array([1 if a < b else -1 for a, b in edges])
    rows = [rows[tuple(sorted(e))] for e in edges]
    columns = [columns[tuple(face)] for face in faces]
    expected = turned[:, None] * matrix.toarray()[np.ix_(rows, columns)]
    np.testing.assert_array_equal(boundary(CUBE, 1), expected)


@pytest.mark.parametrize(
    ("cells", "low", "said"),
    [
        ({1: [[0, 1, 2]]}, 0, "more than two nodes"),
        ({1: [[0, 1], [0, 2]], 2: [[0, 1, 2, 3]]}, 1, "not on the way round"),
        ({1: [[0, 1], [1, 2]], 2: [[0, 1, 2]]}, 1, r"face \[0, 1, 2\] has 2 of its 3 edges"),
        ({1: [[0, 1]], 2: [[0, 1, 2]], 3: [[0, 1, 2, 3]]}, 2, "has 1 of its 4"),
        ({2: [[0, 1, 2, 3]], 3: [[0, 1, 2, 3, 4]]}, 2, "not all simplices"),
        ({1: [[0, 1, 2]], 2: [[0, 1, 2, 3]]}, 1, "not all simplices"),
    ],
)
def test_what_has_no_orientation_or_no_whole_boundary_is_refused(cells, low, said):
    with pytest.raises(TopologyError, match=said):
        Complex(cells).neighbourhood(incidence(low, low + 1, signed=True))


def test_orientations_are_of_ranks_next_to_each_other():
    with pytest.raises(TopologyError, match="next to each other, not 0 and 2"):
        CUBE.incidence(0, 2, signed=True)


def test_ranks_without_cells_have_signed_matrices_of_no_entries():
    assert CUBE.incidence(2, 3, signed=True).shape == (6, 0)
    assert CUBE.incidence(5, 6, signed=True).shape == (0, 0)
    assert Complex({}, n_nodes=2).incidence(0, 1, signed=True).shape == (2, 0)
