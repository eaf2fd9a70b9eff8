"""Meshes as complexes: cells, order, orientation, and the shapes of known surfaces."""

import numpy as np
import pytest
import torch
import trimesh
from tests.topology.lifting.drawn import rows

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Cells
from unfrozen.topology.lifting import mesh
from unfrozen.topology.lifting.meshes.faces import Faces
from unfrozen.topology.lifting.meshes.geometry import face_features

SPHERE = trimesh.creation.icosphere(subdivisions=2)


def test_a_sphere_has_its_cells_and_features_in_order():
    positions = torch.tensor(np.asarray(SPHERE.vertices), dtype=torch.float32)
    made = mesh(positions, torch.tensor(np.asarray(SPHERE.faces)))
    assert [made.n_cells(rank) for rank in range(3)] == [162, 480, 320]
    assert made.cells(2).members.tolist() == SPHERE.faces.ravel().tolist()
    edges = made.cells(1).members.reshape(-1, 2)
    assert edges.tolist() == sorted(np.sort(SPHERE.edges_unique, 1).tolist())
    assert [made.features[rank].shape[1] for rank in range(3)] == [6, 6, 7]
    assert made.features[0].dtype == torch.float32
    # Outwards, as the faces are oriented.
    assert (made.features[0][:, 3:] * positions).sum(1).min() > 0.99


@pytest.mark.parametrize(
    ("solid", "betti"),
    [
        (trimesh.creation.icosphere(subdivisions=1), [1, 0, 1]),
        (trimesh.creation.torus(2, 0.7, major_sections=8, minor_sections=6), [1, 2, 1]),
    ],
)
def test_shapes_have_their_holes(solid, betti):
    made = mesh(torch.tensor(np.asarray(solid.vertices)), np.asarray(solid.faces, np.int64))
    low, high = (made.incidence(k, k + 1, signed=True).scipy().toarray() for k in (0, 1))
    assert (low @ high == 0).all()
    first, second = np.linalg.matrix_rank(low), np.linalg.matrix_rank(high)
    sizes = [made.n_cells(rank) for rank in range(3)]
    assert [sizes[0] - first, sizes[1] - first - second, sizes[2] - second] == betti
    # Oriented alike: each edge is walked both ways, so that all faces together have no boundary.
    assert not high.sum(1).any()


def test_polygons_of_several_sizes_make_a_mesh():
    positions = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0.5, 0]])
    faces = [[0, 1, 2, 3], [1, 4, 2]]
    made = mesh(positions, faces)
    assert rows(made.cells(2)) == faces
    assert rows(made.cells(1)) == [[0, 1], [0, 3], [1, 2], [1, 4], [2, 3], [2, 4]]
    assert made.features[1].shape == (6, 2)
    assert made.features[2][:, 0].tolist() == [1.0, 0.5]
    assert rows(mesh(positions, Cells.of(faces)).cells(2)) == faces


def test_the_same_face_twice_is_one_if_asked():
    positions = torch.eye(4)[:, :3]
    faces = [[0, 1, 2], [2, 1, 0], [0, 1, 3]]
    with pytest.raises(TopologyError, match="are there twice"):
        mesh(positions, faces)
    made = mesh(positions, faces, same_set="skip")
    assert rows(made.cells(2)) == [[0, 1, 2], [0, 1, 3]]
    assert made.features[2].equal(face_features(positions, Faces.of([faces[0], faces[2]])))


def test_many_faces_at_an_edge_are_a_complex_without_geometry():
    positions = torch.eye(5)[:, :3]
    faces = [[0, 1, 2], [0, 1, 3], [0, 1, 4]]
    made = mesh(positions, faces, geometry=False)
    assert made.n_cells(1) == 7
    assert made.features == {}
    with pytest.raises(TopologyError, match="3 faces meet"):
        mesh(positions, faces)
    with pytest.raises(TopologyError, match="has node 5"):
        mesh(positions, [[0, 1, 5]])
    assert mesh(positions, np.zeros((0, 3), np.int64)).ranks == (0,)
