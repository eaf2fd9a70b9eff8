"""What a Hopfield memory can hold and where its states fall: separation, attractors, basins.

A continuous network has three kinds of fixed point: single patterns, metastable states that are the
mean of a group of similar patterns, and one global average (Ramsauer et al. 2021, section 2).
Which of them a query meets is seen from how many patterns carry the weight there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.network import HopfieldNetwork

MASS = 0.90
"""The share of the weight that counts as all of it (Ramsauer et al. 2021, section 4)."""

Regime = Literal["single pattern", "metastable", "global average"]


def separations(patterns: Float[Tensor, "n key"]) -> Float[Tensor, " n"]:
    """Delta_i = x_i · x_i - max over j ≠ i of x_i · x_j: how far a pattern stands out.

    Raises:
        MemoryShapeError: there are fewer than two patterns.

    Source: Ramsauer et al. 2021, definition 2.
    """
    if len(patterns) < 2:
        raise MemoryShapeError("separation takes two patterns or more")
    products = patterns @ patterns.T
    own = products.diagonal().clone()
    products.fill_diagonal_(-math.inf)
    return own - products.max(1).values


def needed_separation(n: int, beta: float, largest: float) -> float:
    """How large Delta_i has to be for one step to retrieve: the condition of theorem 4.

    2 / (beta n) + ln(2 (n - 1) n beta M^2) / beta.

    Args:
        n: number of patterns.
        beta: inverse temperature.
        largest: M, the norm of the longest pattern.

    Source: Ramsauer et al. 2021, theorem 4.
    """
    return 2 / (beta * n) + math.log(2 * (n - 1) * n * beta * largest**2) / beta


def retrieval_bound(
    separation: Float[Tensor, "*batch"],
    distance: Float[Tensor, "*batch"],
    n: int,
    beta: float,
    largest: float,
) -> Float[Tensor, "*batch"]:
    """How far from its pattern a state can be after one step.

    2 (n - 1) exp(-beta (Delta - 2 distance M)) M.

    Args:
        separation: Delta_i of the pattern.
        distance: of the state from the pattern, or of the fixed point if that is larger.
        n: number of patterns.
        beta: inverse temperature.
        largest: M, the norm of the longest pattern.

    Source: Ramsauer et al. 2021, theorem 5.
    """
    return 2 * (n - 1) * torch.exp(-beta * (separation - 2 * distance * largest)) * largest


class Capacity(NamedTuple):
    """How many random patterns are stored.

    Attributes:
        base: c, by which the number grows with each four features.
        patterns: sqrt(p) c^((d - 1) / 4).
    """

    base: float
    patterns: float


def spherical_capacity(beta: float, radius: float, width: int, failure: float) -> Capacity:
    """A lower bound of how many random patterns on a sphere a modern network stores.

    Args:
        beta: inverse temperature.
        radius: K; the sphere has the radius K sqrt(d - 1).
        width: d, features of a pattern.
        failure: p, the probability with which it may fail.

    Raises:
        MemoryShapeError: an argument is out of its range.

    Source: Ramsauer et al. 2021, theorem 3.

    Example:
        >>> round(spherical_capacity(beta=1.0, radius=3.0, width=20, failure=0.001).base, 3)
        3.155
    """
    if min(beta, radius) <= 0 or width < 2 or not 0 < failure <= 1:
        raise MemoryShapeError(
            "capacity takes a positive beta and radius, two features or more and a probability"
        )
    d = width - 1
    a = 2 / d * (1 + math.log(2 * beta * radius**2 * failure * d))
    b = 2 * radius**2 * beta / 5
    c = b / _lambert(a + math.log(b))
    return Capacity(c, math.sqrt(failure) * c ** (d / 4))


def _lambert(log_x: float) -> float:
    """W0 of exp(log_x), by Newton's method on w + ln w = log_x."""
    w = math.exp(log_x) if log_x < 0 else max(log_x, 1.0)
    for _ in range(100):
        step = (w + math.log(w) - log_x) / (1 + 1 / w)
        w = w / 2 if step >= w else w - step
        if abs(step) <= 1e-15 * w:
            break
    return w


def effective_patterns(
    weights: Float[Tensor, "*batch n"], mass: float = MASS
) -> Int[Tensor, "*batch"]:
    """How many patterns, the heaviest first, it takes to carry a share of the weight.

    Args:
        weights: that sum to one.
        mass: the share.

    Source: Ramsauer et al. 2021, section 4.

    Example:
        >>> effective_patterns(torch.tensor([0.05, 0.5, 0.45])).item()
        2
    """
    heaviest = weights.sort(-1, descending=True).values.cumsum(-1)
    # The sum of all may stay a rounding below its share.
    return ((heaviest < mass).sum(-1) + 1).clamp(max=weights.shape[-1])


class _Weighing(Protocol):
    """A network that can say how much of each pattern a state takes."""

    def weights(self, states: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Attractor:
    """A state in which queries end.

    Attributes:
        state: the resting state [key].
        share: of the queries that end there.
        pattern: the stored pattern nearest to it.
        distance: from that pattern.
        patterns: how many patterns carry `MASS` of the weight there; None of networks whose
            patterns have no weights.
        regime: single pattern, metastable or global average, by that number.
    """

    state: Float[Tensor, " key"]
    share: float
    pattern: int
    distance: float
    patterns: int | None
    regime: Regime | None


def attractors(
    memory: HopfieldNetwork,
    queries: Float[Tensor, "b key"],
    *,
    steps: int | None = None,
    near: float = 1e-3,
) -> list[Attractor]:
    """Where queries end, the most frequented first.

    Args:
        memory: with something in it.
        queries: where to start.
        steps: at most; until they rest by default.
        near: states nearer than this share of the longest pattern are one.

    Raises:
        MemoryShapeError: the memory is empty, or the queries have another width.
    """
    if len(memory.keys) == 0:
        raise MemoryShapeError("an empty memory has no attractors: write to it first")
    ends = memory.retrieve(queries, steps).states.detach()
    limit = near * memory.largest_norm
    groups: list[tuple[Tensor, list[int]]] = []
    for i, end in enumerate(ends):
        for centre, members in groups:
            if float((centre - end).norm()) <= limit:
                members.append(i)
                break
        else:
            groups.append((end, [i]))
    groups.sort(key=lambda group: -len(group[1]))
    return [_attractor(memory, state, len(members) / len(ends)) for state, members in groups]


def _attractor(memory: HopfieldNetwork, state: Tensor, share: float) -> Attractor:
    distances = (memory.keys - state).norm(dim=1)
    nearest = int(distances.argmin())
    weigh: _Weighing | None = memory if hasattr(memory, "weights") else None  # pyright: ignore[reportAssignmentType]
    count = None if weigh is None else int(effective_patterns(weigh.weights(state)))
    n = len(memory.keys)
    return Attractor(
        state=state,
        share=share,
        pattern=nearest,
        distance=float(distances[nearest]),
        patterns=count,
        regime=None if count is None else regime(count, n),
    )


def regime(patterns: int, n: int) -> Regime:
    """What a number of weighty patterns out of n makes a state.

    One makes it a single pattern, more than half of them the global average, between the two it
    is metastable.

    Source: after Ramsauer et al. 2021, section 4.
    """
    if patterns <= 1:
        return "single pattern"
    return "global average" if patterns > n / 2 else "metastable"


def basins(
    memory: HopfieldNetwork,
    distances: Sequence[float],
    *,
    samples: int = 20,
    seed: int = 0,
    near: float = 1e-2,
) -> Float[Tensor, "distance n"]:
    """How often a pattern is found again from some way off.

    Args:
        memory: with something in it.
        distances: of the queries from their pattern, as shares of its norm, in random directions;
            of networks of signs, the shares of signs that are turned.
        samples: queries a pattern and distance.
        seed: of their directions.
        near: a query that ends within this share of the pattern's norm has found it.

    Returns:
        The share of the queries that find each pattern.

    Raises:
        MemoryShapeError: the memory is empty.
    """
    keys = memory.keys
    if len(keys) == 0:
        raise MemoryShapeError("an empty memory has no basins: write to it first")
    generator = torch.Generator(keys.device).manual_seed(seed)
    like = {"device": keys.device, "dtype": keys.dtype, "generator": generator}
    norms = keys.norm(dim=1, keepdim=True)
    binary = bool((keys.abs() == 1).all()) and "order" in memory.settings
    found = []
    for distance in distances:
        hits = torch.zeros(len(keys), device=keys.device, dtype=keys.dtype)
        for _ in range(samples):
            if binary:
                turned = torch.rand(keys.shape, **like) < distance
                queries = torch.where(turned, -keys, keys)
            else:
                step = torch.randn(keys.shape, **like)
                queries = keys + distance * norms * step / step.norm(dim=1, keepdim=True)
            ends = memory.retrieve(queries).states
            hits += ((ends - keys).norm(dim=1, keepdim=True) <= near * norms).squeeze(1)
        found.append(hits / samples)
    return torch.stack(found)
