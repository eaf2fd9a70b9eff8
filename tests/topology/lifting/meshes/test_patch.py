"""Patches against components of networkx, and growth against brute force."""

import networkx as nx
import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import TETRAHEDRON, grid
from tests.topology.lifting.drawn import rows, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import grown, mesh, patches

TORUS = grid(6, 5)
FACES = nx.from_scipy_sparse_array(TORUS.coadjacency(2).scipy())


def _nodes(faces):
    return frozenset(node for face in faces for node in TORUS.cells(2)[face].tolist())


@given(labels=st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_patches_are_connected_faces_of_a_label(labels):
    found = patches(TORUS, torch.tensor(labels))
    same = nx.empty_graph(60)
    same.add_edges_from((a, b) for a, b in FACES.edges if labels[a] == labels[b])
    groups = [sorted(group) for group in nx.connected_components(same)]
    there = {_nodes(group) for group in groups} - sets(TORUS.cells(2))
    assert sets(found.complex.cells(3)) == there
    for group in groups:
        for face in group:
            row = int(found.patch[face])
            if len(_nodes(group)) == 3:
                assert row == -1
            else:
                assert set(found.complex.cells(3)[row].tolist()) == _nodes(group)


def test_patches_of_the_same_nodes_are_one():
    halves = patches(TETRAHEDRON, torch.tensor([0, 0, 1, 1]))
    assert rows(halves.complex.cells(3)) == [[0, 1, 2, 3]]
    assert halves.patch.tolist() == [0, 0, 0, 0]


def test_patches_have_features():
    solid = trimesh.creation.icosphere(subdivisions=1)
    made = mesh(torch.tensor(np.asarray(solid.vertices)), np.asarray(solid.faces, np.int64))
    found = patches(made, grown(made, 4), features="mean").complex
    first = found.cells(3)[0].tolist()
    torch.testing.assert_close(found.features[3][0], made.features[0][first].mean(0))


@pytest.mark.parametrize("count", [1, 2, 5, 60])
@pytest.mark.parametrize("measured", [False, True])
def test_patches_grow_around_faces_that_are_far_apart(count, measured):
    centres = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) if measured else None
    labels = grown(TORUS, count, centres=centres, start=7).numpy()
    for a, b in FACES.edges:
        FACES[a][b]["way"] = float((centres[a] - centres[b]).norm()) if measured else 1.0
    ways = dict(nx.all_pairs_dijkstra_path_length(FACES, weight="way"))
    chosen = [7]
    while len(chosen) < count:
        near = [min(ways[face][c] for c in chosen) for face in range(60)]
        chosen.append(int(np.argmax(near)))
    there = [int(np.argmin([ways[face][c] for c in chosen])) for face in range(60)]
    assert labels.tolist() == there
    for label in range(count):
        assert nx.is_connected(FACES.subgraph(np.flatnonzero(labels == label).tolist()))


def test_parts_without_a_centre_are_patches_of_their_own():
    spheres = [trimesh.creation.icosphere(subdivisions=0) for _ in range(3)]
    whole = trimesh.util.concatenate(spheres)
    made = mesh(torch.tensor(np.asarray(whole.vertices)), np.asarray(whole.faces, np.int64))
    assert grown(made, 1).view(3, 20).unique(dim=1).tolist() == [[0], [1], [2]]
    assert grown(made, 2).view(3, 20).unique(dim=1).tolist() == [[0], [1], [2]]
    assert patches(made, torch.zeros(60, dtype=torch.int64)).complex.n_cells(3) == 3


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="3 labels are not one for each of 60"):
        patches(TORUS, torch.zeros(3, dtype=torch.int64))
    for count, start in ((0, 0), (61, 0), (3, 60)):
        with pytest.raises(TopologyError, match="do not fit 60 faces"):
            grown(TORUS, count, start=start)
    with pytest.raises(TopologyError, match="3 middles"):
        grown(TORUS, 2, centres=torch.ones(3, 3))
