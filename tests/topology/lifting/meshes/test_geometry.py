"""Features of meshes against trimesh, closed forms, and rigid motions and scales."""

import math

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import normal

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import EDGE_FEATURES, FACE_FEATURES, NODE_FEATURES
from unfrozen.topology.lifting.meshes.faces import Faces
from unfrozen.topology.lifting.meshes.geometry import (
    edge_features,
    face_features,
    node_features,
)

SOLID = trimesh.creation.annulus(r_min=0.5, r_max=1.2, height=0.8, sections=12)
FACES = Faces.of(np.asarray(SOLID.faces, np.int64))
POSITIONS = torch.tensor(np.asarray(SOLID.vertices))


def test_faces_are_those_of_trimesh():
    found = face_features(POSITIONS, FACES).numpy()
    assert found.shape[1] == len(FACE_FEATURES)
    np.testing.assert_allclose(found[:, 0], SOLID.area_faces, atol=1e-12)
    np.testing.assert_allclose(found[:, 1:4], SOLID.face_normals, atol=1e-12)
    np.testing.assert_allclose(found[:, 4:], SOLID.face_angles, atol=1e-9)


def test_edges_are_those_of_trimesh():
    found = edge_features(POSITIONS, FACES).numpy()
    assert found.shape[1] == len(EDGE_FEATURES)
    place = {tuple(edge): i for i, edge in enumerate(FACES.edges.tolist())}
    rows = [place[tuple(sorted(edge))] for edge in SOLID.edges_unique.tolist()]
    np.testing.assert_allclose(found[rows, 0], SOLID.edges_unique_length, atol=1e-12)
    rows = [place[tuple(sorted(edge))] for edge in SOLID.face_adjacency_edges.tolist()]
    np.testing.assert_allclose(found[rows, 1], np.pi - SOLID.face_adjacency_angles, atol=1e-7)
    # The angle at the node of each face that the edge does not have.
    for row, pair, apexes in zip(
        rows, SOLID.face_adjacency, SOLID.face_adjacency_unshared, strict=True
    ):
        angles, ratios = [], []
        for face, apex in zip(pair, apexes, strict=True):
            angles.append(SOLID.face_angles[face][SOLID.faces[face].tolist().index(apex)])
            ratios.append(2 * SOLID.area_faces[face] / found[row, 0] ** 2)
        np.testing.assert_allclose(found[row, 2:4], sorted(angles), atol=1e-9)
        np.testing.assert_allclose(found[row, 4:6], sorted(ratios), atol=1e-9)


def test_nodes_have_the_normals_of_their_faces_by_area():
    found = node_features(POSITIONS, FACES).numpy()
    assert found.shape[1] == len(NODE_FEATURES)
    total = np.zeros_like(SOLID.vertices)
    for face, normal_, area in zip(SOLID.faces, SOLID.face_normals, SOLID.area_faces, strict=True):
        total[face] += area * normal_
    np.testing.assert_allclose(found[:, :3], SOLID.vertices)
    np.testing.assert_allclose(
        found[:, 3:], total / np.linalg.norm(total, axis=1, keepdims=True), atol=1e-12
    )


def test_a_regular_tetrahedron():
    positions = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).double()
    # One face the other way round: what is between faces does not hear of it.
    faces = Faces.of([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 2, 3]])
    side = math.sqrt(8)
    there = [side, math.acos(1 / 3), math.pi / 3, math.pi / 3, math.sqrt(3) / 2, math.sqrt(3) / 2]
    torch.testing.assert_close(
        edge_features(positions, faces), torch.tensor([there] * 6, dtype=torch.float64)
    )
    torch.testing.assert_close(
        face_features(positions, faces)[:, 0],
        torch.full((4,), math.sqrt(3) / 4 * 8, dtype=torch.float64),
    )


def test_a_cube_of_squares_and_an_open_one():
    positions = torch.tensor(
        [[x, y, z] for z in (0.0, 2) for x, y in ((0, 0), (2, 0), (2, 2), (0, 2))]
    )
    squares = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
    faces = Faces.of(squares)
    torch.testing.assert_close(
        edge_features(positions, faces), torch.tensor([[2.0, math.pi / 2]] * 12)
    )
    found = face_features(positions, faces)
    assert found.shape == (6, 4)
    middle = torch.stack([positions[torch.tensor(square)].mean(0) for square in squares])
    torch.testing.assert_close(found, torch.cat([torch.full((6, 1), 4.0), middle - 1], 1))
    lid = edge_features(positions, Faces.of(squares[1:]))
    borders = (torch.tensor(faces.edges) < 4).all(1)
    torch.testing.assert_close(lid[:, 1], torch.where(borders, math.pi, math.pi / 2))


def test_a_border_has_its_one_face_twice():
    positions = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 4, 0]])
    found = edge_features(positions, Faces.of([[0, 1, 2]]))
    small = math.atan2(3, 4)
    there = [
        [3, math.pi, small, small, 4 / 3, 4 / 3],
        [4, math.pi, math.pi / 2 - small, math.pi / 2 - small, 3 / 4, 3 / 4],
        [5, math.pi, math.pi / 2, math.pi / 2, 12 / 25, 12 / 25],
    ]
    torch.testing.assert_close(found, torch.tensor(there))


@given(seed=st.integers(0, 999), scale=st.floats(0.01, 100), mirrored=st.booleans())
def test_features_move_turn_and_grow_with_the_mesh(seed, scale, mirrored):
    positions = POSITIONS + 0.05 * normal(seed, *POSITIONS.shape)
    turn = torch.linalg.qr(normal(seed + 1, 3, 3))[0]
    turn = turn * torch.linalg.det(turn).sign() * (-1 if mirrored else 1)
    shift = normal(seed + 2, 3)
    moved = scale * positions @ turn.T + shift
    edge, other = edge_features(positions, FACES), edge_features(moved, FACES)
    torch.testing.assert_close(other[:, 0], scale * edge[:, 0])
    torch.testing.assert_close(other[:, 1:], edge[:, 1:], rtol=1e-6, atol=1e-8)
    face, other = face_features(positions, FACES), face_features(moved, FACES)
    # A mirror turns faces round, so that their normals point to the other side.
    sign = -1 if mirrored else 1
    torch.testing.assert_close(other[:, 0], scale**2 * face[:, 0])
    torch.testing.assert_close(other[:, 1:4], sign * face[:, 1:4] @ turn.T, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(other[:, 4:], face[:, 4:], rtol=1e-6, atol=1e-8)
    node, other = node_features(positions, FACES), node_features(moved, FACES)
    torch.testing.assert_close(other[:, :3], moved)
    torch.testing.assert_close(other[:, 3:], sign * node[:, 3:] @ turn.T, rtol=1e-6, atol=1e-8)


def test_edges_do_not_hear_how_faces_are_given():
    generator = np.random.default_rng(0)
    turned = [
        np.roll(face, generator.integers(3))[:: generator.choice([1, -1])]
        for face in generator.permutation(np.asarray(SOLID.faces, np.int64))
    ]
    torch.testing.assert_close(
        edge_features(POSITIONS, Faces.of(np.stack(turned))), edge_features(POSITIONS, FACES)
    )


def test_gradients_are_right():
    positions = normal(3, 5, 3).requires_grad_()
    faces = Faces.of([[0, 1, 2], [2, 1, 3], [2, 3, 4]])
    for features in (node_features, edge_features, face_features):
        assert torch.autograd.gradcheck(lambda x, f=features: f(x, faces), positions)


def test_faces_without_an_area_have_no_normal():
    positions = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]])
    faces = Faces.of([[0, 1, 2]])
    assert face_features(positions, faces)[0, :4].tolist() == [0, 0, 0, 0]
    assert node_features(positions, faces)[:, 3:].tolist() == [[0, 0, 0]] * 4
    assert torch.isfinite(edge_features(positions, faces)).all()
    with pytest.raises(TopologyError, match=r"edge \[0, 1\] has no length"):
        edge_features(positions * 0, faces)
