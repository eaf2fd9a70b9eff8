"""Sets of labelled meshes: what is known of them by construction."""

import numpy as np
import pytest

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.meshes import (
    CREATURE_PARTS,
    SHAPES,
    VASE_PARTS,
    MeshSettings,
    creatures,
    shapes,
    vases,
)


def test_classes_have_their_topology():
    found = shapes(2, seed=1)
    assert found.names == tuple(SHAPES)
    assert found.classes.bincount().tolist() == [2] * len(SHAPES)
    handles = {"torus": 1, "trefoil": 1, "cinquefoil": 1, "double torus": 2}
    for surface, which in zip(found.surfaces, found.classes.tolist(), strict=True):
        assert surface.euler == 2 - 2 * handles.get(found.names[which], 0)
        assert surface.area == pytest.approx(1.0)
        assert surface.volume > 0
        np.testing.assert_allclose(surface.vertices.mean(0), 0, atol=1e-12)


def test_no_two_meshes_of_a_class_are_the_same():
    found = shapes(3, seed=0)
    for which in range(len(SHAPES)):
        own = [s for s, c in zip(found.surfaces, found.classes.tolist(), strict=True) if c == which]
        assert len({round(s.volume, 9) for s in own}) == 3
    again, other = shapes(3, seed=0), shapes(3, seed=1)
    np.testing.assert_array_equal(again.surfaces[0].vertices, found.surfaces[0].vertices)
    assert len(other.surfaces[0].vertices) != len(found.surfaces[0].vertices) or not np.array_equal(
        other.surfaces[0].vertices, found.surfaces[0].vertices
    )


@pytest.mark.parametrize(
    ("make", "names", "always"),
    [(creatures, CREATURE_PARTS, {0, 4}), (vases, VASE_PARTS, {0, 1, 2, 3})],
)
def test_parts_are_known(make, names, always):
    found = make(6, seed=2)
    assert found.names == names
    assert len(found.surfaces) == len(found.classes) == 6
    seen = set()
    for surface in found.surfaces:
        parts = set(surface.parts.tolist())
        seen |= parts
        assert always <= parts <= set(range(len(names)))
        assert surface.euler in (0, -2)
        assert surface.volume > 0
        cells = surface.complex(geometry=False)
        assert [len(surface.labels[r]) for r in (0, 1, 2)] == [cells.n_cells(r) for r in (0, 1, 2)]
    assert seen == set(range(len(names)))


def test_each_part_but_the_body_is_in_one_piece_a_limb():
    """Faces of a part that share edges are a limb: as many as tips and handles make."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    surface = creatures(1, seed=5, settings=MeshSettings(flips=0.0)).surfaces[0]
    n = len(surface.vertices)
    ends = np.sort(surface.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1) @ [n, 1]
    order = np.argsort(ends, kind="stable")
    one, other = np.repeat(np.arange(len(surface.faces)), 3)[order].reshape(-1, 2).T
    same = surface.parts[one] == surface.parts[other]
    graph = coo_array(
        (np.ones(same.sum()), (one[same], other[same])), shape=(len(surface.faces),) * 2
    )
    _, piece = connected_components(graph, directed=False)
    pieces = [len(np.unique(piece[surface.parts == part])) for part in range(5)]
    assert pieces[0] == pieces[4] == 1
    assert 3 <= sum(pieces[1:4]) <= 6


def test_resolution_and_settings():
    fine = shapes(1, seed=0, settings=MeshSettings(resolution=4.0))
    coarse = shapes(1, seed=0)
    sizes = [sum(len(s.faces) for s in each.surfaces) for each in (fine, coarse)]
    assert 3 < sizes[0] / sizes[1] < 5
    with pytest.raises(TopologyError, match="coarsest resolution or more"):
        MeshSettings(resolution=0.5)


def test_meshes_as_examples():
    found = vases(2, seed=0)
    whole = found.labelled()
    assert len(whole) == 2
    assert [each.features[r].shape[1] for each in whole.complexes for r in (0, 1, 2)] == [
        6,
        6,
        7,
    ] * 2
    for rank in (0, 1, 2):
        parts = found.segmented(rank)
        assert parts.n_classes == len(VASE_PARTS)
        for surface, complex_, target in zip(
            found.surfaces, parts.complexes, parts.targets, strict=True
        ):
            assert target.tolist() == surface.labels[rank].tolist()
            # Rows of the complex are those of the surface.
            np.testing.assert_array_equal(complex_.cells(1).members, surface.edges.ravel())
            np.testing.assert_array_equal(complex_.cells(2).members, surface.faces.ravel())
    area = whole.complexes[0].features[2][:, 0].sum()
    assert float(area) == pytest.approx(found.surfaces[0].area, rel=1e-5)
    with pytest.raises(TopologyError, match="meshes have ranks 0, 1 and 2, not 3"):
        found.segmented(3)
