"""Distances, against scipy."""

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from unfrozen.errors import WorldError
from unfrozen.world import distances


def test_distances_and_neighbours_are_those_of_scipy(monkeypatch):
    monkeypatch.setattr(distances, "_BLOCK", 200)
    g = torch.Generator().manual_seed(1)
    # Far from zero, where a naive product would lose all digits of float32.
    q, p = (torch.randn(n, 5, generator=g) + 1000 for n in (37, 23))
    expected = cdist(q.numpy().astype(float), p.numpy().astype(float), "sqeuclidean")
    found = distances.squared_distances(q, p)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)
    for k in (1, 4):
        far, index = KDTree(p.numpy()).query(q.numpy(), k=range(1, k + 1))
        near = distances.neighbours(q, p, k)
        np.testing.assert_array_equal(near.indices.numpy(), index)
        np.testing.assert_allclose(near.squared.sqrt().numpy(), far, rtol=1e-3)
    with pytest.raises(WorldError, match="24 neighbours"):
        distances.neighbours(q, p, 24)
    assert distances.neighbours(q[:0], p, 2).indices.shape == (0, 2)
