"""Corners and edges of polygons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting.meshes.faces import Faces

CUBE = [[0, 1, 2, 3], [4, 7, 6, 5], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]


@given(faces=st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=5, unique=True), max_size=8))
def test_each_corner_goes_along_its_edge(faces):
    found = Faces.of(faces)
    steps = [(a, b) for f in faces for a, b in zip(f, [*f[1:], f[0]], strict=True)]
    assert list(zip(found.cells.members.tolist(), found.following.tolist(), strict=True)) == steps
    there = sorted({tuple(sorted(step)) for step in steps})
    assert list(map(tuple, found.edges.tolist())) == there
    assert [tuple(found.edges[e]) for e in found.edge] == [tuple(sorted(step)) for step in steps]


def test_the_sides_of_a_cube_go_opposite_ways():
    found = Faces.of(CUBE)
    assert len(found.edges) == 12
    one, other = found.sides().T
    assert (found.cells.members[one] == found.following[other]).all()
    assert (found.cells.owners[one] != found.cells.owners[other]).all()
    assert not found.triangles
    border = Faces.of(CUBE[:1])
    assert (border.sides() == border.sides()[:, ::-1]).all()
    assert Faces.of(np.zeros((0, 3), np.int64)).sides().shape == (0, 2)


def test_what_cannot_be_is_refused():
    with pytest.raises(TopologyError, match="face 1 has 2 nodes"):
        Faces.of([[0, 1, 2], [1, 2]])
    with pytest.raises(TopologyError, match=r"3 faces meet at the edge \[0, 1\]"):
        Faces.of([[0, 1, 2], [0, 1, 3], [1, 0, 4]]).sides()
