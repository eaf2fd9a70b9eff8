"""The sensory side: two-hot symbols, smoothed by stream, and brought to the memory's terms.

Source: Whittington et al. 2020, STAR Methods, inference model (x_c, x_f, f_n and x~).
"""

from itertools import combinations, islice

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def two_hot(symbols: int, features: int) -> Float[Tensor, "symbol feature"]:
    """A code for each symbol, two of whose features are one: no two symbols share both.

    Example:
        >>> two_hot(3, 3).tolist()
        [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    """
    table = torch.zeros(symbols, features)
    for row, pair in enumerate(islice(combinations(range(features), 2), symbols)):
        table[row, list(pair)] = 1
    return table


def smooth(
    inputs: Float[Tensor, "b t feature"],
    before: Float[Tensor, "b stream feature"],
    rates: Float[Tensor, " stream"],
) -> Float[Tensor, "b t stream feature"]:
    """X_t = (1 - alpha) x_(t-1) + alpha c_t, of each stream with its alpha, in closed form.

    Args:
        inputs: c.
        before: x of the step before the first.
        rates: alpha.
    """
    t = inputs.shape[1]
    steps = torch.arange(t, device=inputs.device)
    kept = 1 - rates[:, None, None]
    age = steps[:, None] - steps
    weights = torch.where(age >= 0, rates[:, None, None] * kept ** age.clamp(min=0), 0.0)
    new = torch.einsum("fts,bsc->btfc", weights, inputs)
    left = kept[:, :, 0] ** (steps + 1)
    return new + left.T[None, :, :, None] * before[:, None]


def normalise(x: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
    """What is above the mean of a sample's features, at unit norm (f_n).

    Each sample and each stream is on its own: what one sees is no matter of the others.
    """
    return F.normalize(torch.relu(x - x.mean(-1, keepdim=True)), dim=-1, eps=1e-6)
