"""Meshes of trimesh, there and back."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from tests.draws import normal32
from tests.topology.complexes import CUBE, TETRAHEDRON, grid

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, laplacian
from unfrozen.topology.exchange import Column, Foreign, from_trimesh, to_trimesh


@pytest.mark.parametrize(
    "mesh",
    [
        trimesh.creation.icosphere(subdivisions=1), trimesh.creation.box(),
        trimesh.creation.torus(1.0, 0.3, major_sections=8, minor_sections=5),
    ],
)  # fmt: skip
def test_a_mesh_comes_back_as_it_was(mesh):
    mesh.vertex_attributes["heat"] = np.arange(len(mesh.vertices)) / 2
    mesh.face_attributes["normal"] = np.tile([0.5, 0.0, 1.0], (len(mesh.faces), 1))
    there = from_trimesh(mesh, dtype=torch.float64)
    own = there.complex
    assert own.n_nodes - own.n_cells(1) + own.n_cells(2) == mesh.euler_number
    assert there.columns == {
        0: (Column("vertices", 3), Column("heat")), 2: (Column("normal", 3),),
    }  # fmt: skip
    back = to_trimesh(there)
    np.testing.assert_array_equal(back.vertices, mesh.vertices)
    np.testing.assert_array_equal(back.faces, mesh.faces)
    np.testing.assert_array_equal(back.vertex_attributes["heat"], mesh.vertex_attributes["heat"])
    np.testing.assert_array_equal(back.face_attributes["normal"], mesh.face_attributes["normal"])
    assert set(back.metadata) == set(mesh.metadata)
    assert back.is_watertight


def test_neighbours_of_faces_are_those_of_trimesh():
    mesh = trimesh.creation.icosphere(subdivisions=1)
    own = from_trimesh(mesh).complex
    rows, columns = own.coadjacency(2).scipy().nonzero()
    pairs = set(zip(rows.tolist(), columns.tolist(), strict=True))
    expected = {tuple(p) for one in mesh.face_adjacency.tolist() for p in (one, one[::-1])}
    assert pairs == expected
    assert own.features[0].dtype == torch.float32


def test_holes_are_those_of_the_surface():
    mesh = trimesh.creation.torus(1.0, 0.3, major_sections=6, minor_sections=4)
    own = from_trimesh(mesh).complex
    zero = [
        int((np.linalg.eigvalsh(own.neighbourhood(laplacian(r)).scipy().toarray()) < 1e-4).sum())
        for r in (0, 1, 2)
    ]
    assert zero == [1, 2, 1]


def test_a_complex_with_places_is_a_mesh():
    mesh = to_trimesh(TETRAHEDRON.with_features(0, torch.eye(4)[:, :3]))
    assert mesh.volume == pytest.approx(1 / 6)
    torus = grid(3, 3).with_features(0, normal32(0, 9, 3))
    assert to_trimesh(torus).euler_number == 0
    faces = Complex({2: [[0, 1, 2]]}, features={0: torch.eye(3)})
    assert to_trimesh(faces).area == pytest.approx(3**0.5 / 2)


def test_colours_are_left_out_when_asked():
    mesh = trimesh.creation.box()
    mesh.visual.face_colors = [255, 0, 0, 255]
    with pytest.raises(TopologyError, match="those of face would be lost"):
        from_trimesh(mesh)
    assert from_trimesh(mesh, leave_out=["visual"]).complex.n_cells(2) == 12


def test_triangles_given_twice_are_refused():
    mesh = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2], [2, 1, 0]], process=False)
    with pytest.raises(TopologyError, match="there twice"):
        from_trimesh(mesh)


def test_attributes_that_are_no_numbers_are_refused_or_left_out():
    mesh = trimesh.creation.box()
    mesh.vertex_attributes["name"] = np.array(["a"] * 8)
    with pytest.raises(TopologyError, match="'name' of cells of rank 0 is <U1"):
        from_trimesh(mesh)
    assert from_trimesh(mesh, leave_out=["name"]).columns == {0: (Column("vertices", 3),)}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (CUBE, "no mesh of triangles"),
        (TETRAHEDRON.skeleton(1), "no mesh of triangles"),
        (Complex({2: [[0, 1, 2]], 3: [[0, 1, 2, 3]]}), "no mesh"),
        (Complex({1: [[0, 3]], 2: [[0, 1, 2]]}), "not the 3 sides"),
        (grid(3, 3).with_cells(1, [[0, 5]]), "not the 27 sides"),
        (TETRAHEDRON.with_features(1, torch.ones(6, 1)), "no features of edges"),
        (TETRAHEDRON, "nodes have no places"),
        (TETRAHEDRON.with_features(0, torch.ones(4, 2)), "nodes have no places"),
    ],
)  # fmt: skip
def test_what_is_no_mesh_is_refused(cells, said):
    with pytest.raises(TopologyError, match=said):
        to_trimesh(cells)


def test_names_of_places_and_of_others_are_told_apart():
    own = TETRAHEDRON.with_features(0, torch.eye(4))
    names = Foreign(own, {}, {0: (Column("heat"), Column("vertices", 3))})
    mesh = to_trimesh(names)
    assert mesh.vertex_attributes["heat"].tolist() == [1.0, 0.0, 0.0, 0.0]
    with pytest.raises(TopologyError, match="no places"):
        to_trimesh(replace(names, columns={0: (Column("vertices", 4),)}))


def test_without_the_library_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(TopologyError, match=r"pip install 'unfrozen\[topology\]'"):
        to_trimesh(CUBE)
