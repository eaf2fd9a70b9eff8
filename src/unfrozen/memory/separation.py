"""How scores become weights: the one place where members of the Hopfield family differ.

A memory scores its patterns against a state and mixes them by weights.  The sharper the weights,
the more patterns it can hold apart: identity holds as many as the state has features, polynomials
more, the exponential exponentially many (Millidge et al. 2022).  Softmax, sparsemax and what lies
between are gradients of one potential, which is what gives such a memory an energy.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError

SOFTMAX, SPARSEMAX = 1.0, 2.0


def entmax(scores: Float[Tensor, "*batch n"], alpha: float = SOFTMAX) -> Float[Tensor, "*batch n"]:
    """Weights that sum to one: softmax for alpha 1, sparsemax for 2, sparse from above 1 on.

    Args:
        scores: of n patterns.
        alpha: at least 1.

    Returns:
        argmax over the simplex of p · scores + H_alpha(p).

    Raises:
        MemoryShapeError: alpha is below 1.

    Source: Peters et al. 2019, equation 10; computed by the authors' package.

    Example:
        >>> entmax(torch.tensor([2.0, 0.0]), SPARSEMAX).tolist()
        [1.0, 0.0]
    """
    _check(alpha)
    if alpha == SOFTMAX:
        return scores.softmax(-1)
    import entmax as published

    if alpha == SPARSEMAX:
        return published.sparsemax(scores, dim=-1)
    if alpha == 1.5:
        return published.entmax15(scores, dim=-1)
    return published.entmax_bisect(scores, alpha=alpha, dim=-1, n_iter=_halvings(scores.dtype))


def entropy(weights: Float[Tensor, "*batch n"], alpha: float = SOFTMAX) -> Float[Tensor, "*batch"]:
    """Tsallis entropy H_alpha(p) = Σ (p - p^alpha) / (alpha (alpha - 1)); Shannon's for alpha 1.

    Source: Tsallis 1988, with the factor of Peters et al. 2019, equation 9.
    """
    _check(alpha)
    if alpha == SOFTMAX:
        return torch.special.entr(weights).sum(-1)
    return (weights - weights**alpha).sum(-1) / (alpha * (alpha - 1))


def potential(scores: Float[Tensor, "*batch n"], alpha: float = SOFTMAX) -> Float[Tensor, "*batch"]:
    """The convex function whose gradient is `entmax`: log-sum-exp for alpha 1.

    max over the simplex of p · scores + H_alpha(p), the Fenchel conjugate of the negative entropy.

    Source: Santos et al. 2024, section 3 (Hopfield-Fenchel-Young energies).
    """
    _check(alpha)
    if alpha == SOFTMAX:
        return scores.logsumexp(-1)
    weights = entmax(scores, alpha)
    return (weights * scores).sum(-1) + entropy(weights, alpha)


def uniform_entropy(n: int, alpha: float = SOFTMAX) -> float:
    """H_alpha of n equal weights, its largest value."""
    return float(entropy(torch.full((n,), 1 / n, dtype=torch.float64, device="cpu"), alpha))


def _check(alpha: float) -> None:
    if not 1 <= alpha < float("inf"):
        raise MemoryShapeError(f"alpha runs from 1 (softmax) by 2 (sparsemax) up, not {alpha}")


def _halvings(dtype: torch.dtype) -> int:
    return 60 if dtype == torch.float64 else 40
