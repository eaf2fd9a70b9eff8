"""Noise has the correlation it is said to have."""

import numpy as np
import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.planning.continuous.noise import correlated_noise, filter_of


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_steps_correlate_by_powers(beta):
    triangle = filter_of(12, beta).numpy()
    lags = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    np.testing.assert_allclose(triangle @ triangle.T, float(beta) ** lags, atol=1e-12)
    drawn = correlated_noise((40_000, 12, 1), beta, torch.Generator().manual_seed(0))[..., 0]
    np.testing.assert_allclose(np.cov(drawn.numpy().T), float(beta) ** lags, atol=0.03)


def test_it_is_the_recursion():
    g = torch.Generator().manual_seed(3)
    found = correlated_noise((5, 7, 2), 0.8, g)
    white = torch.randn(5, 7, 2, generator=torch.Generator().manual_seed(3))
    e = white[:, 0]
    for t in range(1, 7):
        e = 0.8 * e + 0.6 * white[:, t]
        torch.testing.assert_close(found[:, t], e)
    with pytest.raises(WorldError, match="below 1"):
        filter_of(3, 1.0)
